"""Milliseconds to conceive an offspring: what evolutionary synthesis costs before any training.

    python benchmarks/mating.py [--repeat 15]

An offspring of five parents of ResNet-56, mated in several ways, beside a mere copy of their weights; then chances,
kappa and coins for the synapses of ResNet-50. Parents are untrained, which changes nothing here. Exit code 1 if five
parents that are matched by gene tags need more than 100 ms, if the synapses of ResNet-50 need 1 s or more, or if
anything is traced again.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

import numpy as np
import torch
from tables import print_table

from heredity.anatomy import body
from heredity.anatomy.constructor import describe
from heredity.anatomy.inputs import InputForm
from heredity.variation import Founding
from heredity.variation.encoding import printed
from heredity.variation.environment import Environment
from heredity.variation.operator import Organism
from heredity.variation.synthesis import Synthesis, Units

OFFSPRING_MS = 100.0
SYNAPSES_MS = 1000.0
KEEP = Environment(0.8)

WAYS: dict[str, dict[str, Any]] = {
    "tags, chi 60 %": {"chi": 0.6},
    "tags, intersection": {},
    "position, intersection": {"matching": "position"},
    "tags, chi 60 %, bare products": {"chi": 0.6, "mating": "product"},
    "tags, chi 60 %, linear": {"chi": 0.6, "mating": "linear"},
    "tags, chi 60 %, kernels": {"chi": 0.6, "cluster": "kernel"},
    "tags, chi 60 %, filters alone": {"chi": 0.6, "synapses": None},
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=15, help="how often each is conceived (default: 15)")
    repeat = parser.parse_args().repeat
    torch.set_flush_denormal(True)
    small = founder("resnet56", (3, 32, 32))
    parents = [Synthesis(KEEP, KEEP, sharpness=4.0).conceive([small], seed) for seed in range(5)]
    large = founder("torchvision/resnet50", (3, 224, 224))
    rows: list[list[str]] = []
    with mock.patch.object(body, "trace", side_effect=body.trace) as traced:
        kept = True
        for way, settings in WAYS.items():
            operator = Synthesis(**{"environment": KEEP, "synapses": KEEP, **settings})
            times = timed(lambda seed, op=operator: op.conceive(parents, seed), repeat)
            held = statistics.median(times) <= OFFSPRING_MS
            kept &= held or "tags" not in way
            rows.append(["five parents of resnet56", way, shown(times), verdict(held, OFFSPRING_MS)])
        times = timed(lambda _: [copied(parent) for parent in parents], repeat)
        rows.append(["five parents of resnet56", "copied, for comparison", shown(times), ""])
        operator = Synthesis(KEEP, KEEP)
        times = timed(lambda seed: drawn(large, seed), repeat)
        held = statistics.median(times) < SYNAPSES_MS
        kept &= held
        count = sum(t.numel() for t in large.tensors.values()) / 1e6
        rows.append([f"resnet50, {count:.1f} million", "synapses drawn", shown(times), verdict(held, SYNAPSES_MS)])
        times = timed(lambda seed: operator.conceive([large], seed), repeat)
        rows.append([f"resnet50, {count:.1f} million", "the whole offspring of one", shown(times), ""])
    print(f"{torch.get_num_threads()} threads, median (min .. max) of {repeat}; traced again: {traced.call_count}")
    print_table(("parents", "way", "ms", "contract"), rows)
    return 0 if kept and not traced.call_count else 1


def founder(name: str, shape: tuple[int, ...]) -> Organism:
    """An ancestor, as it is built."""
    inputs = InputForm(shape)
    offered = {"input_shape": shape, "n_classes": 10}
    return Founding(describe(name, offered), inputs).conceive([], 0)


def copied(parent: Organism) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in parent.tensors.items()}


def drawn(parent: Organism, seed: int) -> object:
    """Probabilities, kappa and coins of all synapses of one parent; nothing is removed."""
    weights = {name: tensor for name, tensor in parent.tensors.items() if tensor.dim() > 1}
    units = Units({n: printed(t.abs()) for n, t in weights.items()}, sum(t.numel() for t in weights.values()))
    return units.tossed(units.kappa(KEEP.share), np.random.default_rng(seed))


def timed(conceive: Callable[[int], object], repeat: int) -> list[float]:
    """Milliseconds of each seed, after one that is not counted."""
    times: list[float] = []
    for seed in range(repeat + 1):
        start = time.perf_counter()
        conceive(seed)
        times.append(1000 * (time.perf_counter() - start))
    return times[1:]


def shown(times: Sequence[float]) -> str:
    return f"{statistics.median(times):.0f} ({min(times):.0f} .. {max(times):.0f})"


def verdict(held: bool, limit: float) -> str:
    return f"{'PASS' if held else 'FAIL'} (at most {limit:g})"


if __name__ == "__main__":
    sys.exit(main())
