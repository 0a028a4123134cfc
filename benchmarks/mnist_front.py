"""The front of weights against error that a fixed time buys on MNIST from lenet5-caffe, by six ways to spend it.

    synthesis          heredity evolve
    random-removal     the same descent; clusters go at random
    magnitude-removal  the same descent; the weakest clusters go
    dual-inheritance   heredity evolve --strategy dual_inheritance: genes of networks and recipes, and teachers
    torch-pruning      two ladders of pruning with Torch-Pruning, from the trained ancestor down to 500 weights
    scratch-optuna     small LeNets trained from scratch, their widths and learning rate searched by Optuna

All have the same data and splits, the same seconds of wall clock on two cores from reading the data to the last test
error, the same ancestor (seed, recipe, share of the time), the same training loop, and distillation from that ancestor.
Selection sees validation error only; test error is read once at the end, of the networks on the front.

Every (arm, seed) runs in a process of its own and leaves `ARM-SEED.csv` and its networks in `--out`; it is skipped if
that file is there, so that an interrupted benchmark goes on where it ended. `runs.csv` and `summary.csv` sum up.
"""

from __future__ import annotations

import argparse
import csv
import math
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import moocore
import msgspec
import numpy as np
from peers import WORKERS, Candidate, Job, pruned_ladders, searched
from tables import print_table

import heredity

REFERENCE = (math.log(431_080), 10.0)
"""Of the hypervolume: ln weights, test error in %."""
SMALL = 4000
"""Weights within which the best member is picked."""
USEFUL = 5.0
"""Test error in % up to which members count."""


@dataclass(frozen=True)
class Row:
    """A member of a front. `weights` is its file below `--out`; errors are shares; `seconds` is what its arm took."""

    arm: str
    seed: int
    data: str
    budget: float
    seconds: float
    member: str
    weights: str
    params: int
    val_error: float
    test_error: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--budget", type=float, default=600.0, help="seconds for each arm and seed (default: 600)")
    parser.add_argument("--data", default="mnist", help="mnist (default), or a part such as mnist:10%%")
    parser.add_argument("--out", type=Path, default=Path("runs/mnist-front"), help="folder (default: runs/mnist-front)")
    parser.add_argument("--here", action="store_true", help="run in this process, whether or not the result is there")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    for seed in chosen.seeds:  # seed by seed, so that what drifts on the machine meets all arms alike
        for arm in chosen.arms:
            job = Job(arm, seed, chosen.data, chosen.budget, chosen.out)
            if chosen.here:
                perform(job)
            elif job.rows.exists():
                check_same(job)
            else:
                print(f"{arm}, seed {seed}: {chosen.budget:g} s from {time.strftime('%H:%M:%S')}", flush=True)
                options = ["--arms", arm, "--seeds", str(seed), "--budget", str(job.budget), "--data", job.data]
                subprocess.run([sys.executable, __file__, *options, "--out", str(job.out), "--here"], check=True)
    if not chosen.here:
        summarise(chosen.out, chosen.arms, chosen.seeds)


def perform(job: Job) -> None:
    """Runs an arm and writes its rows, whole or not at all."""
    shutil.rmtree(job.folder, ignore_errors=True)  # of a session that was interrupted here
    started = time.monotonic()
    front = ARMS[job.arm](job, started)
    seconds = round(time.monotonic() - started, 1)
    rows = [
        Row(
            job.arm,
            job.seed,
            job.data,
            job.budget,
            seconds,
            member.member,
            str(member.weights.relative_to(job.out)),
            member.params,
            member.val_error,
            member.test_error,
        )
        for member in front
    ]
    unfinished = job.rows.with_suffix(".tmp")
    write_csv(unfinished, [asdict(row) for row in rows])
    unfinished.replace(job.rows)
    print(f"{job.arm}, seed {job.seed}: {len(rows)} members after {seconds:.0f} s", flush=True)


def check_same(job: Job) -> None:
    """Refuses to take a result for one with other settings."""
    for row in read_rows(job.rows):
        if (row.data, row.budget) != (job.data, job.budget):
            raise SystemExit(
                f"expected {job.rows} to be of {job.data} and {job.budget:g} s; came {row.data} and {row.budget:g} s; "
                f"choose another --out"
            )


STRATEGIES: dict[str, dict[str, Any]] = {
    "dual-inheritance": {"strategy": "dual_inheritance", "strategy_options": {"ancestor_time": 0.13}}
}
"""Of arms that are not called like their strategy, with what makes the ancestor the others'."""


def evolved(job: Job, started: float) -> list[Candidate]:
    """A run of heredity with the arm's strategy."""
    run = heredity.evolve(
        "lenet5-caffe",
        job.data,
        **STRATEGIES.get(job.arm, {"strategy": job.arm}),
        budget_seconds=job.budget,
        seed=job.seed,
        workers=WORKERS,
        out=job.folder,
        started=started,
    )
    front: list[Candidate] = []
    for member in run.front:
        weights = run.folder.front / member.id / "model.safetensors"
        errors = (member.measures["val_error"], member.measures["test_error"])
        front.append(Candidate(member.id, weights, int(member.measures["params"]), *errors))
    return front


ARMS: dict[str, Callable[[Job, float], list[Candidate]]] = {
    "synthesis": evolved,
    "random-removal": evolved,
    "magnitude-removal": evolved,
    "dual-inheritance": evolved,
    "torch-pruning": pruned_ladders,
    "scratch-optuna": searched,
}
"""What `--arms` may name; each takes the second at which it was started."""


@dataclass(frozen=True)
class Outcome:
    """What a front is worth. Higher is better for all but `small_error`; NaN where there is no such member."""

    hypervolume: float
    small_error: float
    useful_members: float
    useful_span: float


MEASURES = {
    "hypervolume": "hypervolume of (ln weights, test error %), reference (431,080; 10 %)",
    "small_error": f"test error in % of what validation picks within {SMALL:,} weights",
    "useful_members": f"members with at most {USEFUL:g} % test error",
    "useful_span": "largest / smallest of these, in weights",
}


def outcome_of(rows: Sequence[Row]) -> Outcome:
    """The four measures of one front."""
    points = np.array([[math.log(row.params), 100 * row.test_error] for row in rows])
    within = points[(points < REFERENCE).all(1)]
    small = [row for row in rows if row.params <= SMALL]
    useful = [row.params for row in rows if 100 * row.test_error <= USEFUL]
    return Outcome(
        float(moocore.hypervolume(within, ref=REFERENCE)) if len(within) else 0.0,
        100 * min(small, key=lambda row: (row.val_error, row.params)).test_error if small else math.nan,
        float(len(useful)),
        max(useful) / min(useful) if useful else math.nan,
    )


def summarise(out: Path, arms: Sequence[str], seeds: Sequence[int]) -> None:
    """Writes `runs.csv` (by arm and seed) and `summary.csv` (by arm and measure), and prints the latter."""
    found = {(arm, seed): out / f"{arm}-{seed}.csv" for arm in arms for seed in seeds}
    outcomes = {key: outcome_of(read_rows(path)) for key, path in found.items() if path.exists()}
    write_csv(out / "runs.csv", [{"arm": a, "seed": s, **asdict(o)} for (a, s), o in outcomes.items()])
    lines: list[dict[str, object]] = []
    for measure in MEASURES:
        for arm in arms:
            values = {seed: getattr(o, measure) for (a, seed), o in outcomes.items() if a == arm}
            paired = [
                value - getattr(outcomes["synthesis", seed], measure)
                for seed, value in values.items()
                if ("synthesis", seed) in outcomes
            ]
            if values:
                lines.append({"measure": measure, "arm": arm, "seeds": len(values), **spread("", values.values())})
                lines[-1] |= spread("difference_", paired)
    write_csv(out / "summary.csv", lines)
    for measure, meaning in MEASURES.items():
        print(meaning)
        print_table(
            ("arm", "seeds", "median", "min .. max", "less synthesis, seed by seed: median", "min .. max"),
            [
                [str(line["arm"]), str(line["seeds"]), *shown(line, ""), *shown(line, "difference_")]
                for line in lines
                if line["measure"] == measure
            ],
        )


def spread(prefix: str, values: Collection[float]) -> dict[str, object]:
    """Median and range; empty strings of nothing."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return dict.fromkeys((f"{prefix}median", f"{prefix}min", f"{prefix}max"), "")
    return {f"{prefix}median": statistics.median(known), f"{prefix}min": min(known), f"{prefix}max": max(known)}


def shown(line: dict[str, object], prefix: str) -> list[str]:
    """The median and the range, for people."""
    median, low, high = (line[f"{prefix}{name}"] for name in ("median", "min", "max"))
    return ["", ""] if median == "" else [f"{median:.2f}", f"{low:.2f} .. {high:.2f}"]


def write_csv(path: Path, lines: Sequence[dict[str, object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]) if lines else [])
        writer.writeheader()
        writer.writerows(lines)


def read_rows(path: Path) -> list[Row]:
    with path.open(newline="") as file:
        return [
            msgspec.convert(line, Row, strict=False) for line in csv.DictReader(file)
        ]  # not strict: "0.5" is a number


if __name__ == "__main__":
    main()
