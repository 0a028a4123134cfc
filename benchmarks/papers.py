"""Do the studies keep what is promised of them? Judged from their tables alone.

    heredity reproduce NAME --scale paper --preset best --out runs/NAME
    python benchmarks/papers.py runs/NAME ... [--verify]

Of each seed, among the individuals that are small enough, the one with the least validation error is compared with the
ancestor by test error; the median over seeds counts. Of polyploidism the pair of parents and population is chosen by
validation error too. `--verify` also rebuilds every individual of the tables from its run's store (a few seconds each).
Exit code 1 if anything is not kept, or not run with the preset best and three seeds.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tables import print_table

from heredity.api.evolve import reopen
from heredity.run.verify import verify
from heredity.store.folder import RunFolder

BEST_ANCESTOR = 0.8
"""Per cent of test error that ancestors may have."""

SEEDS = 3
"""The fewest of which a median counts."""

Row = Mapping[str, str]


@dataclass(frozen=True)
class Promise:
    """So many times fewer of what `measure` counts cost at most so many points of test error, with preset best."""

    study: str
    arm: str
    measure: str
    times: float
    points: float


PROMISES = (
    Promise("synaptic-clusters", "mnist", "architectural_efficiency", 125.0, 1.2),
    Promise("synaptic-clusters", "mnist", "cluster_efficiency", 9.71, 1.7),
    Promise("sexual-synthesis", "two-parents", "architectural_efficiency", 258.0, 2.1),
    Promise("polyploidism", "*", "architectural_efficiency", 150.0, 2.0),
)
"""`*`: the best of the study's arms."""


@dataclass(frozen=True)
class Found:
    """What an arm's seeds have to say of a promise: by seed, points lost on validation and on test."""

    arm: str
    seeds: int
    lost: tuple[tuple[float, float, Row], ...]

    @property
    def chosen_by(self) -> float:
        """Median points of validation error; infinite unless most seeds have somebody small enough."""
        lost = [validation for validation, _, _ in self.lost]
        return statistics.median([*lost, *[float("inf")] * (self.seeds - len(lost))])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="of studies, in which their table.csv is")
    parser.add_argument("--verify", action="store_true", help="rebuild every individual from its run's store")
    given = parser.parse_args()
    kept = True
    lines: list[list[str]] = []
    for folder in given.folders:
        rows = read(folder)
        for promise in (p for p in PROMISES if p.study == rows[0]["study"]):
            line, held = judged(promise, rows)
            lines.append(line)
            kept &= held
    print_table(("study", "arm", "asked", "seeds", "points lost, median (spread)", "sizes", "contract"), lines)
    for folder in given.folders:
        kept &= ancestors_are_good(read(folder))
        if given.verify:
            kept &= verified(folder)
    return 0 if kept else 1


def read(folder: Path) -> list[Row]:
    with (folder / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise SystemExit(f"{folder}: its table is empty")
    return rows


def judged(promise: Promise, rows: Sequence[Row]) -> tuple[list[str], bool]:
    """A line of the table, and whether the promise is kept."""
    arms = {row["arm"] for row in rows if row["preset"] == "best"}
    asked = [arm for arm in sorted(arms) if promise.arm in (arm, "*")]
    head = [promise.study, promise.arm, f"{promise.times:g} times fewer ({promise.measure.split('_')[0]})"]
    if not asked:
        return [*head, "0", "", "", "FAIL: not run with the preset best"], False
    best = min((lost_by(promise, arm, rows) for arm in asked), key=lambda found: found.chosen_by)
    head[1] = best.arm
    if best.chosen_by == float("inf"):
        return [*head, str(best.seeds), "nobody so small", "", "FAIL"], False
    points = [test for _, test, _ in best.lost]
    middle = statistics.median([*points, *[float("inf")] * (best.seeds - len(points))])
    few = best.seeds < SEEDS
    held = middle <= promise.points and not few
    sizes = ", ".join(f"{float(row[promise.measure]):.1f}" for _, _, row in best.lost)
    shown = f"{middle:+.2f} ({min(points):+.2f} .. {max(points):+.2f})"
    if len(points) < best.seeds:
        sizes += f"; {best.seeds - len(points)} without anybody so small"
    verdict = f"{'PASS' if held else 'FAIL'} (at most {promise.points:g}{', too few seeds' if few else ''})"
    return [*head, str(best.seeds), shown, sizes, verdict], held


def lost_by(promise: Promise, arm: str, rows: Sequence[Row]) -> Found:
    """Of each seed of an arm, whom validation chooses among the small enough, and what it lost."""
    own = [row for row in rows if row["arm"] == arm and row["preset"] == "best"]
    lost: list[tuple[float, float, Row]] = []
    seeds = {row["seed"] for row in own}
    for seed in sorted(seeds):
        run = [row for row in own if row["seed"] == seed]
        small = [row for row in run if float(row[promise.measure]) >= promise.times]
        if small:
            one = min(small, key=lambda row: float(row["val_error"]))
            validation, test = (100 * (float(one[e]) - float(run[0][e])) for e in ("val_error", "test_error"))
            lost.append((validation, test, one))
    return Found(arm, len(seeds), tuple(lost))


def ancestors_are_good(rows: Sequence[Row]) -> bool:
    """Whether ancestors are as good as asked for; those of the preset best know all of MNIST."""
    own = [row for row in rows if row["generation"] == "0" and row["preset"] == "best"]
    first = {row["seed"]: 100 * float(row["test_error"]) for row in own}
    if not first:
        return False
    middle = statistics.median(first.values())
    errors = ", ".join(f"{error:.2f}" for error in first.values())
    held = middle <= BEST_ANCESTOR
    print(
        f"{rows[0]['study']}: ancestors {errors} % test error: {'PASS' if held else 'FAIL'} (at most {BEST_ANCESTOR})"
    )
    return held


def verified(folder: Path) -> bool:
    """Whether every row of a study's table is what its run's store rebuilds."""
    rows, differences, looked = read(folder), 0, 0
    for name in dict.fromkeys(row["run"] for row in rows):
        run, task = reopen(RunFolder(folder / name))
        own = {int(row["individual"]): row for row in rows if row["run"] == name}
        with run.store:
            for number, found in verify(run, task, list(own)):
                looked += 1
                recorded = next(i for i in run.individuals if i.number == number).measures
                unlike = [e for e in ("val_error", "test_error") if float(own[number][e]) != recorded.get(e)]
                for difference in (*found, *(f"individual {number}: {error} is not the table's" for error in unlike)):
                    differences += 1
                    print(f"{name}, {difference}")
    print(f"{folder}: {looked} of {len(rows)} rows rebuilt, {differences} differences")
    return not differences and looked == len(rows)


if __name__ == "__main__":
    sys.exit(main())
