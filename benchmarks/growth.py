"""Milliseconds to grow a network: what a step of growth costs before any training.

    python benchmarks/growth.py [--repeat 15]

Steps of ResNet-56, each on what the step before made, so that no network has been met before: a family widened, a block
after a layer or beside it, an Inception module, an identity. What is found out once of an ancestor - its anatomy, which
families may grow, where blocks may be, who reads what - is shown apart. Exit code 1 if a step needs more than 100 ms in
the median, or anything is traced again.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar
from unittest import mock

import numpy as np
import torch
from tables import print_table

from heredity.anatomy import body
from heredity.anatomy.constructor import describe
from heredity.anatomy.inputs import InputForm
from heredity.variation.deepening import Deepening
from heredity.variation.growth import Widening
from heredity.variation.operator import Operator, Organism

STEP_MS = 100.0

Result = TypeVar("Result")

Growth = Callable[[int, np.random.Generator, Organism], Operator]


def site(rng: np.random.Generator, layer: str) -> str:
    return f"stage{rng.integers(1, 4)}.{rng.integers(1, 9)}.{layer}"


WAYS: dict[str, Growth] = {
    "a family, pairs": lambda birth, rng, parent: Widening(str(rng.choice(list(parent.genome.tags))), 2, birth),
    "a family, net2wider": lambda birth, rng, parent: Widening(
        str(rng.choice(list(parent.genome.tags))), 2, birth, "net2wider"
    ),
    "a block after a convolution": lambda birth, rng, _: Deepening(site(rng, "conv1"), birth, norm=True),
    "a block beside a convolution": lambda birth, rng, _: Deepening(site(rng, "conv2"), birth, "beside", norm=True),
    "an Inception module after a norm": lambda birth, rng, _: Deepening(
        site(rng, "bn2"), birth, width=4, kernels=(1, 3, 5, 0), norm=True
    ),
    "an identity after a norm": lambda birth, rng, _: Deepening(site(rng, "bn1"), birth, "identity"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=15, help="how many steps of each kind (default: 15)")
    repeat = parser.parse_args().repeat
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)
    constructor, inputs = describe("resnet56", {"input_shape": (3, 32, 32), "n_classes": 10}), InputForm((3, 32, 32))
    first, traced = timed(lambda: body.ancestor(constructor, inputs))
    once = {
        "the ancestor is built and traced": traced,
        "which families may grow": timed(lambda: first.stunted())[1],
        "where blocks may be": timed(lambda: first.sites)[1],
        "who reads what": timed(lambda: first.cuts)[1],
    }
    founder = Organism(first.genome, body.fresh_tensors(constructor, 0))
    rows, kept = [[what, f"{ms:.0f}", "", "", "once"] for what, ms in once.items()], True
    for way, grow in WAYS.items():
        with mock.patch.object(body, "trace", side_effect=body.trace) as again:
            times = sorted(itertools.islice(steps(founder, grow), repeat))
        median = statistics.median(times)
        rows.append([way, f"{median:.0f}", f"{times[0]:.0f}", f"{times[-1]:.0f}", f"{again.call_count} traces"])
        kept &= median <= STEP_MS and not again.call_count
    print_table(["what", "median ms", "least", "most", ""], rows)
    print(f"steps of growth in at most {STEP_MS:.0f} ms: {'kept' if kept else 'NOT KEPT'}")
    return 0 if kept else 1


def steps(founder: Organism, grow: Growth) -> Iterator[float]:
    """Milliseconds of one step after the other."""
    grown, rng = founder, np.random.default_rng(0)
    for birth in itertools.count(1):
        operator = grow(birth, rng, grown)
        parents: Sequence[Organism] = [grown]
        grown, ms = timed(lambda: operator.conceive(parents, birth))  # noqa: B023  # called at once
        yield ms


def timed(what: Callable[[], Result]) -> tuple[Result, float]:
    start = time.perf_counter()
    result = what()
    return result, 1000 * (time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(main())
