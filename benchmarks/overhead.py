"""What heredity costs beyond the training itself. Needs no data set; exit code 1 if a contract is broken.

    loop         the training loop against a bare PyTorch loop, the same training bit for bit
    workers      two worker processes against two bare processes that do the same trainings
    bookkeeping  the loop's own work for an individual: planning, recording, telling; nobody trains meanwhile
    denormals    what flushing denormal numbers saves a sparse network whose weights have decayed (no contract)

Ratios are of wall-clock times taken in turns within one run (A B B A ...): the median counts, the range is printed.
Every process computes with one thread and without denormal numbers, as heredity's workers do.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

import bare
import torch
from tables import print_table
from torch import nn

from heredity import Split, Task
from heredity.anatomy.body import anatomy_of, ancestor, build
from heredity.anatomy.constructor import describe
from heredity.anatomy.inputs import InputForm
from heredity.development.birth import Birth, Individual
from heredity.development.loop import train
from heredity.development.recipe import Recipe
from heredity.executors.base import Executor, Nursery, OnBeat, Request, no_beat
from heredity.executors.processes import Processes
from heredity.executors.worker import prepared
from heredity.measures import sizes_of
from heredity.rng import derive
from heredity.run.loop import Clock, Loop
from heredity.run.strategy import Horizon, Setting
from heredity.run.targets import Targets
from heredity.store.blobs import BlobStore
from heredity.store.store import Store
from heredity.strategies.descent import Descent
from heredity.types import Tensors
from heredity.variation import Cloning, Founding, MagnitudeRemoval
from heredity.variation.environment import Environment
from heredity.variation.operator import Organism
from heredity.zoo.lenet import lenet_300_100
from heredity.zoo.resnet import resnet20

P = ParamSpec("P")
Returned = TypeVar("Returned")

LOOP_CEILING = 1.03
WORKERS_FLOOR = 0.95
BOOKKEEPING_CEILING_MS = 10.0

WIDTHS = ((20, 50, 500), (6, 15, 142), (4, 8, 16))
"""Filters of the LeNets that are trained: the ancestor and two descendants, of 431,080, 38,508 and 3,146 weights."""


@dataclass(frozen=True)
class Effort:
    """How thoroughly is measured: `seconds` that one training takes, and how often each is `repeated`, by part."""

    loop_seconds: float = 1.0
    loop_repeated: int = 16
    worker_seconds: float = 5.0
    worker_repeated: int = 4
    runs: int = 5
    generations: int = 10


QUICK = Effort(0.3, 6, 1.5, 2, 2, 3)


@dataclass(frozen=True)
class Result:
    """One row of the table. `contract` is None where there is none."""

    name: str
    values: Sequence[float]
    contract: float | None = None
    at_least: bool = False
    unit: str = ""

    @property
    def kept(self) -> bool:
        """Whether the median keeps the contract."""
        median = statistics.median(self.values)
        return self.contract is None or (median >= self.contract if self.at_least else median <= self.contract)

    @property
    def row(self) -> list[str]:
        """As it is printed."""
        contract, verdict = "", ""
        if self.contract is not None:
            contract = f"{'>=' if self.at_least else '<='} {self.contract:g}{self.unit}"
            verdict = "PASS" if self.kept else "FAIL"
        median = f"{statistics.median(self.values):.3f}{self.unit}"
        spread = f"{min(self.values):.3f} .. {max(self.values):.3f}"
        return [self.name, median, spread, str(len(self.values)), contract, verdict]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="less than a minute, for a look; the numbers are rough")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=list(PARTS), help="parts to measure")
    chosen = parser.parse_args()
    effort = QUICK if chosen.quick else Effort()
    results: list[Result] = []
    with prepared(threads=1):
        for part in chosen.only:
            print(f"measuring {part} ...", flush=True)
            results += PARTS[part](effort)
    print_table(("what", "median", "min .. max", "n", "contract", "verdict"), [result.row for result in results])
    return 0 if all(result.kept for result in results) else 1


def in_turns(first: Callable[[], None], second: Callable[[], None], repeated: int) -> list[tuple[float, float]]:
    """Seconds that both take, pair by pair; every other pair begins with the second one."""
    pairs: list[tuple[float, float]] = []
    for turn in range(repeated):
        seconds = {task: seconds_of(task) for task in ((first, second) if turn % 2 == 0 else (second, first))}
        pairs.append((seconds[first], seconds[second]))
    return pairs


def seconds_of(task: Callable[[], object]) -> float:
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def measure_loop(effort: Effort) -> list[Result]:
    """`heredity.development.loop.train` / bare loop."""
    return [
        loop_ratio("lenet 20-50-500", bare.lenet(*WIDTHS[0]), (1, 28, 28), effort),
        loop_ratio("lenet 4-8-16", bare.lenet(*WIDTHS[2]), (1, 28, 28), effort),
        loop_ratio("resnet20", resnet20(), (3, 32, 32), effort),
    ]


def loop_ratio(name: str, network: nn.Module, shape: tuple[int, ...], effort: Effort) -> Result:
    """Both loops train the same network alike, on bytes at random."""
    network = network.to(memory_format=torch.channels_last)
    split = Split(*bare.fake_images(10_000, shape))
    form = InputForm(shape, (bare.MEAN,), (bare.STD,))
    steps = affordable_steps(network, split, effort.loop_seconds)
    grown: dict[str, nn.Module] = {}

    def ours() -> None:
        grown["ours"] = copy.deepcopy(network)
        train(grown["ours"], split, form, Recipe(steps=steps), seed=0)

    def theirs() -> None:
        grown["theirs"] = copy.deepcopy(network)
        bare.train(grown["theirs"], split.inputs, split.labels, steps, seed=derive(0, "batches"))

    pairs = in_turns(ours, theirs, effort.loop_repeated)
    check_equal(grown["ours"], grown["theirs"])
    return Result(f"loop / bare loop, {name}, {steps} steps", [mine / other for mine, other in pairs], LOOP_CEILING)


def affordable_steps(network: nn.Module, split: Split, seconds: float) -> int:
    """Steps of the bare loop that take about so many seconds."""
    trial = copy.deepcopy(network)
    bare.train(trial, split.inputs, split.labels, 5, seed=0)  # the first optimiser of a process takes seconds
    steps = 10
    return max(
        4, round(seconds / seconds_of(lambda: bare.train(trial, split.inputs, split.labels, steps, seed=0)) * steps)
    )


def check_equal(ours: nn.Module, theirs: nn.Module) -> None:
    """Refuses to compare trainings that are not the same."""
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        if not torch.equal(mine, other):
            raise SystemExit(f"{name} differs after both trainings: bare.py no longer does what heredity's loop does")


def measure_workers(effort: Effort) -> list[Result]:
    """Throughput of `Processes(workers=2)` / that of two bare processes."""
    form = InputForm((1, 28, 28), (bare.MEAN,), (bare.STD,))
    images = Split(*bare.fake_images(54_000, form.shape))
    held_out = Split(*bare.fake_images(6_000, form.shape, seed=1))
    task = Task("fake", images, held_out, held_out, 10, form)
    constructor = describe("lenet5-caffe", {"input_shape": form.shape, "n_classes": 10})
    founder = Founding(constructor, form).conceive([], 0)
    ways = [Cloning(), *(MagnitudeRemoval(Environment(share)) for share in (38_508 / 431_080, 3_146 / 431_080))]
    networks = [way.conceive([founder], 0) for way in ways]
    steps = [affordable_steps(build(n.genome, own(n)), images, effort.worker_seconds) for n in networks]
    widths = [tuple(network.genome.sizes.values()) for network in networks]
    bare_half = [(width, count, seed) for seed, (width, count) in enumerate(zip(widths, steps, strict=True))]
    with tempfile.TemporaryDirectory() as name, bare_processes(2) as processes:
        folder = Path(name)
        blobs = BlobStore(folder / "blobs")
        record = (founder.genome, blobs.put(founder.tensors))
        numbers = iter(range(1, 1_000_000))

        def requests(counts: Sequence[int]) -> list[Request]:
            """Every network twice, so that there is one for each worker; no two births are the same."""
            births: list[Request] = []
            for way, network, count in zip(ways, networks, counts, strict=True):
                for number in (next(numbers), next(numbers)):
                    birth = Birth(number, 1, (0,), way, network.genome, Recipe(steps=count), derive(0, number))
                    births.append(Request(birth, (record,)))
            return births

        def bring_up(counts: Sequence[int]) -> None:
            for individual in executor.develop(requests(counts)):
                if not individual.developed:
                    raise SystemExit(f"a newborn failed: {individual.reason}")

        with Processes(Nursery(task, blobs.folder, folder / "cache"), 2) as executor:
            bring_up([1] * len(networks))  # both sides start, import and trace before the clock does
            bare_trainings(processes, [(width, 1, 0) for width in widths])
            pairs = in_turns(
                lambda: bring_up(steps), lambda: bare_trainings(processes, bare_half), effort.worker_repeated
            )
    ratios = [other / mine for mine, other in pairs]
    name = f"2 workers / 2 bare processes, {2 * len(steps)} trainings"
    return [Result(name, ratios, WORKERS_FLOOR, at_least=True)]


def own(organism: Organism) -> Tensors:
    """Its weights, to be trained."""
    return {name: tensor.clone() for name, tensor in organism.tensors.items()}


@contextmanager
def bare_processes(count: int) -> Generator[list[subprocess.Popen[str]]]:
    """Processes that run `bare.py`."""
    command = [sys.executable, bare.__file__]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def bare_trainings(
    processes: Sequence[subprocess.Popen[str]], jobs: Sequence[tuple[tuple[int, ...], int, int]]
) -> None:
    """The jobs in every process, side by side; returns when all are done."""
    for process in processes:
        if process.stdin is not None:
            process.stdin.write(json.dumps(jobs) + "\n")
            process.stdin.flush()
    for process in processes:
        if process.stdout is not None and process.stdout.readline().strip() != "done":
            raise SystemExit("a bare process ended early: see what it printed")


class Stopwatch:
    """Seconds by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def on(self, name: str) -> Generator[None]:
        """Adds what happens in the block to a name's seconds."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def timed(self, name: str, function: Callable[P, Returned]) -> Callable[P, Returned]:
        """The function, its calls under that name."""

        def call(*args: P.args, **keywords: P.kwargs) -> Returned:
            with self.on(name):
                return function(*args, **keywords)

        return call


class Instant(Executor):
    """Newborns develop in no time: they keep what they inherit, and err the less, the larger they are."""

    on_beat: OnBeat = staticmethod(no_beat)

    def __init__(self, store: Store, watch: Stopwatch) -> None:
        self._store, self._watch = store, watch

    def develop(self, requests: Sequence[Request]) -> Iterator[Individual]:
        for request in requests:
            with self._watch.on("newborns"):
                individual = self._grown(request)
            yield individual

    def cancel(self) -> None:
        pass

    def close(self) -> None:
        pass

    def _grown(self, request: Request) -> Individual:
        birth, blobs = request.birth, self._store.blobs
        parents = [Organism(genome, *blobs.get(weights)) for genome, weights in request.parents]
        newborn = birth.operator.conceive(parents, birth.seed)
        sizes = sizes_of(anatomy_of(newborn.genome))
        error = 0.005 + 0.1 / math.sqrt(sizes["params"] / 500) * (1 + derive(birth.seed, "luck") / 2**63)
        weights = blobs.put(newborn.tensors, newborn.masks)
        measures = {**sizes, "synapses": sizes["params"], "val_error": error}
        return Individual(birth, "developed", measures, weights, "0" * 16)


def measure_bookkeeping(effort: Effort) -> list[Result]:
    """Milliseconds an individual of a descent from lenet5-caffe: in all, and by part."""
    form = InputForm((1, 28, 28), (bare.MEAN,), (bare.STD,))
    constructor = describe("lenet5-caffe", {"input_shape": form.shape, "n_classes": 10})
    ancestor(constructor, form)  # traced once a run, not once an individual
    columns: dict[str, list[float]] = {name: [] for name in ("in all", "ask", "record", "tell", "the loop itself")}
    for seed in range(effort.runs):
        with tempfile.TemporaryDirectory() as folder, Store.create(folder) as store:
            watch = Stopwatch()
            horizon = Horizon(generations=effort.generations)
            setting = Setting(constructor, form, 54_000, (), seed, horizon, "params", Targets(), 2, store.organism)
            strategy = Descent(setting)
            strategy.ask = watch.timed("ask", strategy.ask)
            strategy.tell = watch.timed("tell", strategy.tell)
            store.record = watch.timed("record", store.record)
            loop = Loop(store, strategy, Instant(store, watch), Clock(store, time.monotonic()))
            with watch.on("loop"):
                loop.run()
            count = len(loop.individuals)
        ms = {name: 1e3 * seconds / count for name, seconds in watch.seconds.items()}
        total = ms["loop"] - ms["newborns"]
        parts = {name: ms[name] for name in ("ask", "record", "tell")}
        for name, value in {"in all": total, **parts, "the loop itself": total - sum(parts.values())}.items():
            columns[name].append(value)
    return [
        Result(
            f"bookkeeping an individual, {name}",
            values,
            BOOKKEEPING_CEILING_MS if name == "in all" else None,
            unit=" ms",
        )
        for name, values in columns.items()
    ]


def measure_denormals(effort: Effort) -> list[Result]:
    """The state in which sparse networks slow down: 3 % of the weights are left, and those have decayed.

    Products of the weights, gradients and the optimiser's moments are denormal numbers. A learning rate of next to
    nothing keeps them so. What it costs depends on the processor: nothing on some, a factor of ten on others.
    """
    random = torch.Generator().manual_seed(0)
    dense = lenet_300_100()
    masks = {n: torch.rand(p.shape, generator=random) < 0.03 for n, p in dense.named_parameters() if p.dim() > 1}
    sparse = copy.deepcopy(dense)
    with torch.no_grad():
        for name, parameter in sparse.named_parameters():
            parameter.mul_(masks[name] * (1.0 if name == "fc3.weight" else 1e-20) if name in masks else 0.0)
    form = InputForm((1, 28, 28), (bare.MEAN,), (bare.STD,))
    split = Split(*bare.fake_images(10_000, form.shape))
    recipe = Recipe(steps=affordable_steps(dense, split, effort.loop_seconds), learning_rate=1e-30, schedule="constant")

    def training(network: nn.Module, flush: bool) -> Callable[[], None]:
        def run() -> None:
            torch.set_flush_denormal(flush)
            train(copy.deepcopy(network), split, form, recipe, seed=0, masks=masks)
            torch.set_flush_denormal(True)

        return run

    flushed = training(sparse, flush=True)
    against_dense = in_turns(flushed, training(dense, flush=True), effort.loop_repeated)
    unflushed = in_turns(training(sparse, flush=False), flushed, effort.loop_repeated)
    return [
        Result("decayed sparse net / fresh net, denormals flushed", [mine / other for mine, other in against_dense]),
        Result("the same net, denormals kept / flushed", [mine / other for mine, other in unflushed]),
    ]


PARTS: dict[str, Callable[[Effort], list[Result]]] = {
    "loop": measure_loop,
    "workers": measure_workers,
    "bookkeeping": measure_bookkeeping,
    "denormals": measure_denormals,
}
"""What `--only` may name."""


if __name__ == "__main__":
    sys.exit(main())
