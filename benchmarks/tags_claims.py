"""What the paper on gene tags claims, held against a study's tables: tags beside matching by position, pair by pair.

    heredity reproduce gene-tagging --scale paper --out runs/gene-tagging
    python benchmarks/tags_claims.py runs/gene-tagging [--preset paper]

A pair is one environment and one seed, from one ancestor. The first generation has one parent, the ancestor, and is
the same in both arms, so varieties and what is lost at equal storage count from the second on. Of each generation the
median member counts. "At equal storage": both arms interpolated, over the logarithm of storage, at 20 sizes that both
pass through. A line stands still where storage falls by less than 5 % in a generation. Intervals are of the median
over pairs, 95 %, by bootstrap; pairs of one seed share their ancestor, so they are somewhat too narrow.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tables import print_table

SMALL, POOR, STILL = 0.1, 0.9, 0.05
"""Of the ancestor's storage; of accuracy; of storage from one generation to the next."""

APART = 2
"""The first generation in which the arms can differ."""

Line = list[Mapping[str, str]]
Floats = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of the study, in which generations.csv is")
    parser.add_argument("--preset", default="paper")
    given = parser.parse_args()
    found = pairs(given.folder / "generations.csv", given.preset)
    if not found:
        raise SystemExit(f"{given.folder}: no environment was run both with tags and by position")
    seeds = {seed for _, seed in found}
    print(f"{len(found)} pairs: {len({r for r, _ in found})} environments, {len(seeds)} seeds")
    rows = [row_of(says, [compare(tags, position) for tags, position in found.values()]) for says, compare in MEASURES]
    header = ("claim", "tags, median", "position, median", "difference, median (95 %)", "pairs with more by tags")
    print_table(header, rows)
    print_table(("R", *header[1:]), [still_at(r, found) for r in sorted({r for r, _ in found})])


def pairs(path: Path, preset: str) -> dict[tuple[str, str], tuple[Line, Line]]:
    """By environment and seed: the generations with tags, and those matched by position."""
    lines: dict[tuple[str, str, str], Line] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["preset"] == preset:
                way, _, percent = row["arm"].rpartition("-r")
                lines.setdefault((way, percent, row["seed"]), []).append(row)
    return {
        (percent, seed): (line, lines["position", percent, seed])
        for (way, percent, seed), line in lines.items()
        if way == "tags" and ("position", percent, seed) in lines
    }


def column(line: Line, name: str) -> Floats:
    """Of a generation each; NaN where there is nothing."""
    return np.array([float(row[name] or "nan") for row in line])


def mean(line: Line, name: str) -> float:
    """Over generations."""
    return float(np.nanmean(column(line[APART:], name)))


def until(line: Line, reached: Callable[[Line], NDArray[np.bool_]]) -> float:
    """The first generation in which this is so; one more than the last if in none."""
    (where,) = np.nonzero(reached(line))
    return float(where[0]) if len(where) else float(len(line))


def small(line: Line) -> NDArray[np.bool_]:
    storage = column(line, "median_storage_bytes")
    return storage <= SMALL * storage[0]


def poor(line: Line) -> NDArray[np.bool_]:
    return 1 - column(line, "median_test_error") < POOR


def at_equal_storage(tags: Line, position: Line, measure: Callable[[Line], Floats]) -> tuple[float, float]:
    """Means of a measure over sizes that both lines pass through; NaN if there are none."""
    curves: list[tuple[Floats, Floats]] = []
    for line in (tags[APART:], position[APART:]):
        size, value = np.log(column(line, "median_storage_bytes")), measure(line)
        known = ~np.isnan(value)
        if not known.any():
            return float("nan"), float("nan")
        order = np.argsort(size[known])
        curves.append((size[known][order], value[known][order]))
    low, high = max(size[0] for size, _ in curves), min(size[-1] for size, _ in curves)
    if low >= high:
        return float("nan"), float("nan")
    grid = np.linspace(low, high, 20)
    means = [float(np.interp(grid, size, value).mean()) for size, value in curves]
    return means[0], means[1]


def still(line: Line) -> NDArray[np.bool_]:
    """Of each generation but the first: whether storage stood still."""
    storage = column(line, "median_storage_bytes")
    return storage[1:] > (1 - STILL) * storage[:-1]


def accuracy(line: Line) -> Floats:
    return 100 * (1 - column(line, "median_test_error"))


def good(line: Line) -> Floats:
    """Accuracy while it is one that anybody would use."""
    values = accuracy(line)
    return np.where(values >= 100 * POOR, values, np.nan)


Compare = Callable[[Line, Line], tuple[float, float]]


def each(measure: Callable[[Line], float]) -> Compare:
    return lambda tags, position: (measure(tags), measure(position))


def equal(measure: Callable[[Line], Floats]) -> Compare:
    return lambda tags, position: at_equal_storage(tags, position, measure)


MEASURES: tuple[tuple[str, Compare], ...] = (
    ("1: generations until a tenth of the storage", each(lambda line: until(line, small))),
    ("1: generations until less than 90 % accuracy", each(lambda line: until(line, poor))),
    ("2: accuracy at equal storage, %", equal(accuracy)),
    ("2: the same where both have 90 % or more", equal(good)),
    (
        "3: variety of synapses, mean of generations",
        each(lambda line: mean(line, "synapse_variety")),
    ),
    ("3: variety of synapses at equal storage", equal(lambda line: column(line, "synapse_variety"))),
    (
        "3: variety of clusters, mean of generations",
        each(lambda line: mean(line, "cluster_variety")),
    ),
    ("3: variety of clusters at equal storage", equal(lambda line: column(line, "cluster_variety"))),
    ("4: share of generations in which storage stands still, %", each(lambda line: 100 * float(still(line).mean()))),
)


def row_of(says: str, found: Sequence[tuple[float, float]]) -> list[str]:
    """A line of the table, over the pairs of which this could be measured."""
    values = np.array([pair for pair in found if not np.isnan(pair).any()])
    if not len(values):
        return [says, "", "", "never comparable", "0 of 0"]
    gaps = values[:, 0] - values[:, 1]
    drawn = np.random.default_rng(0).choice(gaps, (2000, len(gaps)))
    low, high = np.quantile(np.median(drawn, 1), (0.025, 0.975))
    middles = [f"{median:.2f}" for median in np.median(values, 0)]
    more = f"{int((gaps > 0).sum())} of {len(gaps)} ({int((gaps == 0).sum())} equal)"
    return [says, *middles, f"{np.median(gaps):+.2f} ({low:+.2f} .. {high:+.2f})", more]


def still_at(percent: str, found: Mapping[tuple[str, str], tuple[Line, Line]]) -> list[str]:
    """Claim 4 in one environment."""
    own = [lines for (r, _), lines in found.items() if r == percent]
    return [f"{percent} %", *row_of("", [MEASURES[-1][1](tags, position) for tags, position in own])[1:]]


if __name__ == "__main__":
    main()
