"""The promise of the dial: the share that is asked for is the share that goes, and accuracy survives the removal.

    python benchmarks/group_prior.py [--networks lenet-300-100 lenet5-caffe ...] [--seeds 0 1 2] [--out DIR]

Each network and seed is an ordinary run of `group_pruning`: the ancestor, a clone for every share that learns under its
prior, the same without that share, tuned; beside it clones that train just so without a prior. Then what a step costs
with the prior and without. Test errors are read once, at the end; medians over seeds count. Exit code 1 if anything is
not kept. Runs lie in `--out`, where finished ones are taken as they are; `--verify` rebuilds all their individuals.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from tables import print_table
from torch import nn

from heredity.anatomy.body import anatomy_of, build
from heredity.api.evolve import evolve, reopen, resume
from heredity.development.birth import Individual
from heredity.development.loop import train
from heredity.development.prior import Pull
from heredity.development.recipe import Recipe
from heredity.development.task import Task
from heredity.executors.worker import prepared
from heredity.reproduce.measure import Readings, read_test_errors
from heredity.run.run import Run
from heredity.run.verify import verify
from heredity.store.folder import RunFolder
from heredity.variation.operator import Organism
from heredity.zoo.resnet import ResNet

WITHIN = 3.0
"""Points by which the share that goes may differ from the one that was asked for."""

REMOVAL = 0.2
"""Points of test error that the removal itself may cost."""

TRAINING = 0.3
"""Points of test error that the prior may cost in training, up to 70 %."""

TUNED = 1.0
"""Points of test error that a network of a tenth of the weights may cost once it is tuned."""

TURNS, STEPS = 9, 100
"""How often so many steps are timed with the prior, and as often without."""


@dataclass(frozen=True)
class Case:
    """A network, its data, the shares asked of it, and what a step may cost more with the prior."""

    data: str
    shares: tuple[float, ...]
    steps: tuple[int, int, int]
    dearer: float
    model: str = ""


FOUR = (0.3, 0.5, 0.7, 0.9)

CASES: dict[str, Case] = {
    "lenet-300-100": Case("mnist", FOUR, (2500, 2500, 1250), 1.20),
    "lenet5-caffe": Case("mnist", FOUR, (2000, 2000, 1000), 1.05),
    "resnet20-half": Case("cifar10:20%", (0.5, 0.7), (1500, 1500, 750), 1.05, f"{__file__}:resnet20_half"),
    "acoustic-mlp": Case("fsdd:connected", FOUR, (1000, 1000, 500), 1.05),
}


def resnet20_half(input_shape: tuple[int, ...] = (3, 32, 32), n_classes: int = 10) -> nn.Module:
    """ResNet-20, 8-16-32 channels wide."""
    return ResNet(input_shape[0], n_classes, blocks=3, width=8)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/group-prior"))
    parser.add_argument("--verify", action="store_true", help="rebuild every individual from its run's store")
    given = parser.parse_args()
    kept = True
    for name in given.networks:
        case = CASES[name]
        runs = [
            (run_of(name, case, seed, given.out, "mixture"), run_of(name, case, seed, given.out, "none"))
            for seed in given.seeds
        ]
        kept &= dial_held(name, case, runs)
        kept &= cost_held(name, case, runs[0][0])
        if given.verify:
            kept &= sum(rebuilt(run) for pair in runs for run in pair) == 0
    return 0 if kept else 1


def run_of(name: str, case: Case, seed: int, out: Path, kind: str) -> Path:
    """The folder of a finished run; without a prior (`none`) clones learn as long, and nobody is reduced."""
    folder = RunFolder(out / f"{name}-{kind}-{seed}")
    if folder.settings.exists():
        resume(folder.path, export=False).store.close()
    else:
        settings: dict[str, Any] = {"steps": case.steps, "shares": case.shares}
        if kind == "none":
            settings |= {"prior.strength": 0.0, "shares": case.shares[:1]}
        evolve(
            case.model or name,
            case.data,
            strategy="group_pruning",
            strategy_options=settings,
            generations=1 if kind == "none" else 3,
            seed=seed,
            ancestor=out / f"{name}-mixture-{seed}" if kind == "none" else None,
            out=folder.path,
            export=False,
        ).store.close()
    run, task = reopen(folder)
    with run.store:
        read_test_errors(run, task, Readings())
    return folder.path


def dial_held(name: str, case: Case, runs: Sequence[tuple[Path, Path]]) -> bool:
    """Prints what came of every share, and says whether the contracts hold."""
    found = [(individuals_of(with_prior), individuals_of(without)[1]) for with_prior, without in runs]
    lines: list[list[str]] = []
    kept = True
    rungs = len(case.shares)
    for place, share in enumerate(case.shares):
        got, removal, training, tuned = [], [], [], []
        for individuals, plain in found:
            before, after, last = (individuals[1 + place + phase * rungs] for phase in range(3))
            got.append(100 * (1 - after.measures["params"] / individuals[0].measures["params"]))
            removal.append(points(after, before))
            training.append(points(before, plain))
            tuned.append(points(last, plain))
        asked = 100 * share
        limits = [
            abs(statistics.median(got) - asked) <= WITHIN,
            abs(statistics.median(removal)) <= REMOVAL,
            statistics.median(training) <= TRAINING if share < 0.9 else statistics.median(tuned) <= TUNED,
        ]
        kept &= all(limits) and len(found) >= 3
        cells = [spread(values, digits) for values, digits in ((got, 1), (removal, 2), (training, 2), (tuned, 2))]
        lines.append([name, f"{asked:g}", *cells, "PASS" if all(limits) else "FAIL"])
    plain = spread([100 * one.measures["test_error"] for _, one in found], 2)
    print(f"{name}: {plain} % test error without a prior; {len(found)} seeds, three are asked for")
    head = (
        "network",
        "asked, %",
        "went, %",
        "points by removal",
        "points by the prior",
        "points once tuned",
        "contract",
    )
    print_table(head, lines)
    return kept


def cost_held(name: str, case: Case, folder: Path) -> bool:
    """Prints what training takes with the prior and without, in turns."""
    run, task = reopen(RunFolder(folder))
    with run.store, prepared(threads=1):
        first, recipe = run.store.organism(run.individuals[0]), run.individuals[1].birth.recipe
        timed(first, task, recipe, with_prior=True)  # which is not counted
        ratios = [
            timed(first, task, recipe, with_prior=True) / timed(first, task, recipe, with_prior=False)
            for _ in range(TURNS)
        ]
    middle = statistics.median(ratios)
    held = middle <= case.dearer
    verdict = f"{'PASS' if held else 'FAIL'} (at most {case.dearer:g})"
    print(f"{name}: steps with the prior take {spread(ratios, 3)} of those without: {verdict}")
    return held


def timed(first: Organism, task: Task, recipe: Recipe, *, with_prior: bool) -> float:
    """Seconds of some steps, as newborns train but for a teacher: those around the moment when who goes is settled."""
    network = build(first.genome, {name: tensor.clone() for name, tensor in first.tensors.items()})
    brief, prior = replace(recipe, steps=STEPS, culture=None, prior=None), None
    if with_prior and recipe.prior:
        pull, settled = Pull(recipe.prior, anatomy_of(first.genome), network), recipe.prior.settled
        share = STEPS / (recipe.steps or STEPS)  # so the dial is read as seldom as it is
        prior = lambda progress: pull(settled + share * (progress - settled))  # noqa: E731
    return train(network, task.train, task.inputs, brief, criterion=task.criterion, seed=0, prior=prior).seconds


def individuals_of(folder: Path) -> Sequence[Individual]:
    run = Run.open(RunFolder(folder))
    with run.store:
        return run.individuals


def points(one: Individual, other: Individual) -> float:
    """Points of test error that one has more than another."""
    return 100 * (one.measures["test_error"] - other.measures["test_error"])


def spread(values: Sequence[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} .. {max(values):.{digits}f})"


def rebuilt(folder: Path) -> int:
    """Rebuilds everybody of a run from its store, and counts what differs."""
    run, task = reopen(RunFolder(folder))
    with run.store:
        found = [difference for _, own in verify(run, task, [i.number for i in run.individuals]) for difference in own]
    print(f"{folder}: {len(run.individuals)} individuals rebuilt, {len(found)} differences")
    return len(found)


if __name__ == "__main__":
    sys.exit(main())
