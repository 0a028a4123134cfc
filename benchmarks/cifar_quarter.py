"""Fifteen minutes of ResNet-20 on CIFAR-10: what half of the ancestor's weights cost in error.

    python benchmarks/cifar_quarter.py [--seeds 0 1 2] [--budget 900] [--out runs/cifar-quarter]

The same as `heredity evolve --data cifar10 --model resnet20 --budget 15m --seed N`; CIFAR-10 lies in the folder that
HEREDITY_DATA names. Of each run's front, the member with the least validation error among those of at most half of the
ancestor's weights is compared with the ancestor, both by test error. Exit code 1 if the median over seeds of the
difference is more than two points. A run in `--out` that is finished is not run again; an interrupted one goes on.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
from pathlib import Path
from typing import Any

from tables import print_table

from heredity.api.evolve import evolve, resume
from heredity.store.folder import RunFolder, read_json

MOST_POINTS = 2.0
"""Of test error, in per cent, that a member of half of the weights may have more than the ancestor."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--budget", type=float, default=900.0, help="seconds of each run (default: 900)")
    parser.add_argument("--out", type=Path, default=Path("runs/cifar-quarter"))
    given = parser.parse_args()
    rows = [row_of(seed, given.budget, given.out / str(seed)) for seed in given.seeds]
    with (given.out / "table.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    print_table(tuple(rows[0]), [[str(value) for value in row.values()] for row in rows])
    lost = [row["half, test %"] - row["ancestor, test %"] for row in rows]
    kept = statistics.median(lost) <= MOST_POINTS
    spread = f"median {statistics.median(lost):+.2f} ({min(lost):+.2f} .. {max(lost):+.2f})"
    print(f"points of test error that half of the weights cost: {spread}")
    print(f"{'PASS' if kept else 'FAIL'} (at most {MOST_POINTS:g})")
    return 0 if kept else 1


def row_of(seed: int, budget: float, out: Path) -> dict[str, Any]:
    """One seed's run, which is begun or gone on with where it is not finished."""
    folder = RunFolder(out)
    if folder.settings.exists():
        run = resume(out)
    else:
        run = evolve("resnet20", "cifar10", budget_seconds=budget, seed=seed, out=out)
    run.store.close()
    found = read_json(folder.front_json, dict[str, Any])
    first = found["ancestor"]
    halves = [member for member in found["members"] if member["params"] <= first["params"] / 2]
    if not halves:
        raise SystemExit(f"seed {seed}: nobody on the front has at most half of the ancestor's weights")
    half = min(halves, key=lambda member: (member["val_error"], member["params"]))
    return {
        "seed": seed,
        "ancestor, test %": round(100 * first["test_error"], 2),
        "half": half["id"],
        "weights": half["params"],
        "of the ancestor's": round(half["params"] / first["params"], 3),
        "half, test %": round(100 * half["test_error"], 2),
        "members": len(found["members"]),
        "run": str(out),
    }


if __name__ == "__main__":
    sys.exit(main())
