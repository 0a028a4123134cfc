"""Seconds from a module to its anatomy, and to Torch-Pruning's groups of coupled layers for comparison.

heredity's include removing every family on trial; Torch-Pruning's is its dependency graph with all groups, unchecked.
Then heredity alone on every torchvision and timm network of the README's matrix. Exit code 1 if ResNet-50 at 224x224
takes 5 s or more, or any of the matrix 10 s.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
import torch_pruning
from tables import print_table
from torch import nn
from torchvision.models import resnet50

from heredity.anatomy.trace import trace
from heredity.cli.quantities import parse_shape
from heredity.zoo import ZOO, defaults
from heredity.zoo.vision import constructor

CONTRACT = "resnet50"
CEILING_SECONDS = 5.0
LONGEST_SECONDS = 10.0
README = Path(__file__).parents[1] / "README.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3, help="how often each is traced (default: 3)")
    repeat = parser.parse_args().repeat
    networks = {name: (make(), defaults(make)["input_shape"]) for name, make in ZOO.items()}
    networks[CONTRACT] = (resnet50(weights=None), (3, 224, 224))
    rows: list[list[str]] = []
    kept = True
    for name, (network, shape) in networks.items():
        ours = [seconds_of(lambda n=network, s=shape: trace(n, s)) for _ in range(repeat)]
        theirs = [seconds_of(lambda n=network, s=shape: groups(n, s)) for _ in range(repeat)]
        ratio = statistics.median(ours) / statistics.median(theirs)
        verdict = ""
        if name == CONTRACT:
            kept = statistics.median(ours) < CEILING_SECONDS
            verdict = f"{'PASS' if kept else 'FAIL'} (< {CEILING_SECONDS:g} s)"
        families = len(trace(network, shape).families)
        size = "x".join(map(str, shape))
        rows.append([name, size, str(families), shown(ours), shown(theirs), f"{ratio:.2f}", verdict])
    print(f"{torch.get_num_threads()} threads, median (min .. max) of {repeat}")
    print_table(("network", "input", "families", "heredity, s", "Torch-Pruning, s", "ratio", "contract"), rows)
    return 0 if of_the_matrix(repeat) and kept else 1


def of_the_matrix(repeat: int) -> bool:
    """Traces the matrix's torchvision and timm networks; whether all kept within the limit."""
    rows: list[list[str]] = []
    longest = 0.0
    for name, size in re.findall(r"^\| ((?:torchvision|timm)/\S+) \| (\S+) \|", README.read_text(), re.MULTILINE):
        shape = parse_shape(size)
        network = constructor(name)(shape, 10)
        ours = [seconds_of(lambda n=network, s=shape: trace(n, s)) for _ in range(repeat)]
        longest = max(longest, statistics.median(ours))
        rows.append([name, size, shown(ours)])
    kept = longest < LONGEST_SECONDS
    print_table(("network", "input", "heredity, s"), rows)
    print(f"longest {longest:.2f} s: {'PASS' if kept else 'FAIL'} (< {LONGEST_SECONDS:g} s)")
    return kept


def groups(network: nn.Module, shape: tuple[int, ...]) -> int:
    """How many groups of coupled layers Torch-Pruning finds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = torch_pruning.DependencyGraph().build_dependency(network, (torch.zeros(1, *shape),))
        return sum(1 for _ in graph.get_all_groups())


def seconds_of(task: Callable[[], object]) -> float:
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def shown(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f} .. {max(seconds):.2f})"


if __name__ == "__main__":
    sys.exit(main())
