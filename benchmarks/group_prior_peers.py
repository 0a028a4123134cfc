"""How small at equal error? Group priors beside group lasso, L2, magnitude and Torch-Pruning; families, norms, starts.

    python benchmarks/group_prior_peers.py [--network lenet-300-100] [--seeds 0 1 ...] [--arms ...] [--out DIR]
                                           [--steps 2500 2500 1250] [--trials 7] [--tolerated 0.2] [--device cuda]
    python benchmarks/group_prior_peers.py --pilot          # the strengths from which STRENGTHS below were chosen
    python benchmarks/group_prior_peers.py --report DIR     # the tables alone, of what is there

Each arm and seed has so many trials. A trial removes a share of the weights: a training under the arm's regulariser,
the removal, and a tuning without one, as many steps for all (of regularisers that do not know the share the first
training is the same for all trials, and is done once). A trial is good if its validation error after the tuning is at
most `--tolerated` points above that of a clone which trains for as many steps without anything. Shares are bisected,
over the logarithm of what stays; the smallest good network counts, and its test error is read. All begin with the same
ancestor, but for the arm that starts at random, which learns the ancestor's steps and its own in one.

L2 and group lasso are the textbook's: sums over groups of squares, and of Euclidean norms. Who goes after them, or
after no regulariser, is a matter of layer-adaptive scores (LAMP), as wherever a prior knows no share.

Of Torch-Pruning there are its plain magnitude pruning, and its pruner that trains for sparse groups first. Rows are in
OUT/NETWORK.csv; arms and seeds that are there are not run again, and rows by another protocol are refused. Networks
train where `--device` says, and are measured on the CPU.
"""

from __future__ import annotations

import argparse
import copy
import csv
import math
import multiprocessing
import statistics
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch_pruning
from group_prior import CASES
from msgspec.structs import replace
from tables import print_table
from torch import nn

import heredity
from heredity.anatomy.body import Deployed, anatomy_of, build
from heredity.anatomy.build import tensors_of
from heredity.anatomy.constructor import describe
from heredity.development.develop import validation_error
from heredity.development.loop import Prior, train
from heredity.development.prior import Pull
from heredity.development.recipe import Recipe
from heredity.errors import DevelopmentError
from heredity.executors.worker import keep_memory, prepare_device, prepare_process
from heredity.measures.error import error_rate, predict
from heredity.priors.dial import Dial
from heredity.priors.groups import groups_of
from heredity.priors.prior import GroupPrior, tailored
from heredity.rng import derive
from heredity.variation import Founding
from heredity.variation.operator import Organism
from heredity.variation.removal import remove

SMALLEST = 0.01
"""The least share of the weights that may stay."""

GRID = {
    "mixture": (0.01, 0.03, 0.1, 0.3, 1.0),
    "group-lasso": (3e-5, 1e-4, 3e-4, 1e-3, 3e-3),
    "group-lasso sized": (1e-6, 3e-6, 1e-5, 3e-5, 1e-4),
    "l2": (3e-5, 1e-4, 3e-4, 1e-3, 3e-3),
}
GRID_PEER = (3e-6, 1e-5, 3e-5, 1e-4, 3e-4)
"""Strengths that a pilot tries, as many of each; Torch-Pruning's in its own unit."""

PILOT = (100, 101)
"""Its seeds."""


@dataclass(frozen=True)
class Arm:
    """A regulariser of ours, or Torch-Pruning's way; without either, groups go by their norms alone."""

    prior: GroupPrior | None = None
    peer: float | None = None
    random: bool = False

    @property
    def knows(self) -> bool:
        """Whether the training knows the share."""
        return self.prior is not None and self.prior.kind == "mixture"


STRENGTHS = {"mixture": 0.03, "group-lasso": 1e-3, "group-lasso sized": 3e-5, "l2": 1e-3, "peer": 1e-4}
"""The best of a pilot on `lenet-300-100` (lab log, 2026-11-26)."""

MIXTURE = GroupPrior(strength=STRENGTHS["mixture"])
L2 = GroupPrior(kind="l2", norm="l2", strength=STRENGTHS["l2"])
LASSO = GroupPrior(kind="group-lasso", norm="l2", strength=STRENGTHS["group-lasso"])
SIZED = replace(LASSO, sized=True, strength=STRENGTHS["group-lasso sized"])

ARMS: dict[str, Arm] = {
    "mixture": Arm(MIXTURE),
    "mixture laplace-gaussian": Arm(replace(MIXTURE, families=("laplace", "gaussian"))),
    "mixture logistic": Arm(replace(MIXTURE, families=("logistic", "logistic"))),
    "mixture student-t": Arm(replace(MIXTURE, families=("student-t", "student-t"))),
    "mixture l1": Arm(replace(MIXTURE, norm="l1")),
    "mixture max": Arm(replace(MIXTURE, norm="max")),
    "mixture random start": Arm(MIXTURE, random=True),
    "group lasso": Arm(LASSO),
    "group lasso sized": Arm(SIZED),
    "l2": Arm(L2),
    "magnitude": Arm(),
    "torch-pruning": Arm(peer=0.0),
    "torch-pruning sparse": Arm(peer=STRENGTHS["peer"]),
}


class Job(NamedTuple):
    """An arm with a seed; `steps` are those of the ancestor, under a regulariser, and of the tuning.

    `tolerated` is in points of validation error.
    """

    network: str
    seed: int
    name: str
    arm: Arm
    steps: tuple[int, int, int]
    trials: int
    tolerated: float
    device: str = "cpu"

    @property
    def protocol(self) -> str:
        """What makes rows comparable, in words."""
        where = "" if self.device == "cpu" else f", {self.device}"
        return f"{'-'.join(map(str, self.steps))} steps, {self.trials} trials, {self.tolerated:g} points{where}"


class Start(NamedTuple):
    """What all arms of a seed have in common: the data, the trained ancestor, and the error to be kept."""

    task: heredity.Task
    ancestor: Organism
    reference: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=CASES, default="lenet-300-100")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--steps", type=int, nargs=3, help="of ancestor, regulariser and tuning, if not the network's")
    parser.add_argument("--trials", type=int, default=7)
    parser.add_argument("--tolerated", type=float, default=0.2, help="points of validation error that size may cost")
    parser.add_argument("--pilot", action="store_true")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="where networks train (default: cpu)")
    parser.add_argument("--out", type=Path, default=Path("runs/group-prior-peers"))
    parser.add_argument("--report", type=Path, help="print the tables of this folder, and run nothing")
    given = parser.parse_args()
    arms = of_pilot() if given.pilot else {name: ARMS[name] for name in given.arms}
    path = (given.report or given.out) / f"{given.network}{'-pilot' if given.pilot else ''}.csv"
    if not given.report:
        seeds = PILOT if given.pilot else given.seeds
        steps = tuple(given.steps or CASES[given.network].steps)
        own = {"network": given.network, "steps": steps, "trials": given.trials}
        own |= {"tolerated": given.tolerated, "device": given.device}
        jobs = [Job(seed=seed, name=name, arm=arm, **own) for seed in seeds for name, arm in arms.items()]
        live(jobs, path, given.workers)
    report(path, pilot=given.pilot)


def of_pilot() -> dict[str, Arm]:
    """Every kind with every strength of its grid."""
    kinds = {"mixture": MIXTURE, "group-lasso": LASSO, "group-lasso sized": SIZED, "l2": L2}
    arms = {f"{k} {s:g}": Arm(replace(kinds[k], strength=s)) for k, grid in GRID.items() for s in grid}
    return arms | {f"torch-pruning {s:g}": Arm(peer=s) for s in GRID_PEER}


def live(jobs: Sequence[Job], path: Path, workers: int) -> None:
    """Runs what is not there yet; a row for every trial.

    Raises:
        SystemExit: there are rows by another protocol.
    """
    rows = rows_of(path)
    if others := {row["protocol"] for row in rows} - {jobs[0].protocol}:
        raise SystemExit(f"expected rows of {jobs[0].protocol} in {path}; came {min(others)}; give another --out")
    done = {(row["arm"], int(row["seed"])) for row in rows}
    left = [job for job in jobs if (job.name, job.seed) not in done]
    path.parent.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(workers, context, initializer=prepare, initargs=(jobs[0].device,)) as pool:
        for future in as_completed([pool.submit(trials, job) for job in left]):
            rows = future.result()
            fresh = not path.exists()
            with path.open("a", newline="") as file:
                writer = csv.DictWriter(file, rows[0])
                if fresh:
                    writer.writeheader()
                writer.writerows(rows)
            best = [row for row in rows if row["test_error"] != ""]
            print(rows[0]["arm"], rows[0]["seed"], best[0]["params"] if best else "nothing good", flush=True)


def prepare(device: str) -> None:
    """What heredity's own workers do before they train."""
    prepare_process(1)
    keep_memory()
    prepare_device(device)


def trials(job: Job) -> list[dict[str, Any]]:
    """A row for each trial; the test error of the smallest good one."""
    start = start_of(job.network, job.seed, job.steps, job.device)
    _, steps, tuning = job.steps
    low, high = math.log(SMALLEST), 0.0
    rows: list[dict[str, Any]] = []
    best: tuple[int, float, nn.Module] | None = None
    trained: Any = None
    for number in range(job.trials):
        stays = math.exp((low + high) / 2)
        try:
            if trained is None or job.arm.knows:
                trained = regularised(job, start, 1 - stays, steps)
            before, network = reduced(job.arm, trained, 1 - stays, start.task.inputs.shape)
            after = validation_error(network, start.task)
            tune(network, start.task, tuning, derive(job.seed, job.name, number, "tuning"), job.device)
            tuned = validation_error(network, start.task)
        except DevelopmentError as error:
            print(f"{job.name} {job.seed}: {error}", flush=True)
            before = after = tuned = 1.0
            network = nn.Identity()
        good = tuned <= start.reference + job.tolerated / 100
        low, high = (low, math.log(stays)) if good else (math.log(stays), high)
        params = sum(p.numel() for p in network.parameters())
        if good:
            best = number, tuned, network
        rows.append(
            {
                "network": job.network,
                "protocol": job.protocol,
                "arm": job.name,
                "seed": job.seed,
                "trial": number,
                "stays": round(stays, 5),
                "params": params,
                "reference": start.reference,
                "val_before": before,
                "val_after": after,
                "val_tuned": tuned,
                "test_error": "",
            }
        )
    if best is not None:
        number, _, network = best
        outputs = predict(Deployed(network, start.task.inputs), start.task.test.inputs)
        rows[number]["test_error"] = error_rate(outputs, start.task.test.labels)
    return rows


@cache
def start_of(network: str, seed: int, steps: tuple[int, int, int], device: str) -> Start:
    """Trains the ancestor, and a clone for as long as the arms' networks."""
    case = CASES[network]
    task = heredity.load_task(case.data, seed=seed)
    constructor = describe(case.model or network, {"input_shape": task.inputs.shape, "n_classes": task.n_classes})
    first = Founding(constructor, task.inputs).conceive([], derive(seed, "ancestor"))
    ancestor, _ = grown(first, task, steps[0], derive(seed, "ancestor"), device)
    clone = module_of(ancestor)
    tune(clone, task, steps[1], derive(seed, "reference"), device)
    tune(clone, task, steps[2], derive(seed, "reference", "tuning"), device)
    return Start(task, ancestor, validation_error(clone, task))


def regularised(job: Job, start: Start, share: float, steps: int) -> Any:
    """What the arm's regulariser has prepared for losing this share: an organism, or a module for a peer."""
    arm, task, seed = job.arm, start.task, derive(job.seed, job.name, "regularised")
    if arm.peer is not None:
        network = module_of(start.ancestor)
        pruner = pruner_of(network, task.inputs.shape, 0.5, arm.peer)
        pull = (lambda progress: pruner.regularize(network)) if arm.peer else None
        tune(network, task, steps, seed, job.device, pull)
        return network, validation_error(network, task)
    first = start.ancestor
    if arm.random:
        constructor = first.genome.constructor
        first, steps = Founding(constructor, task.inputs).conceive([], seed), steps + job.steps[0]
    ranking = tailored(GroupPrior(kind="l2", share=share), anatomy_of(first.genome), first.tensors)
    prior = arm.prior
    if prior is not None and arm.knows:
        prior = ranking = tailored(replace(prior, share=share), anatomy_of(first.genome), first.tensors)
    organism, error = grown(first, task, steps, seed, job.device, prior)
    return organism, error, ranking


def reduced(arm: Arm, trained: Any, share: float, shape: Sequence[int]) -> tuple[float, nn.Module]:
    """The validation error before, and the network without this share of its weights."""
    if arm.peer is not None:
        network, before = trained
        return before, pruned(network, shape, share, arm.peer)
    organism, before, prior = trained
    anatomy = anatomy_of(organism.genome)
    groups = groups_of(anatomy, prior.members)
    dial = Dial(anatomy, "params")
    cut = dial.cut(prior.ranks(groups, organism.tensors), min(share, dial.most))
    return before, module_of(remove(organism, anatomy, cut.kept))


def grown(
    first: Organism, task: heredity.Task, steps: int, seed: int, device: str, prior: GroupPrior | None = None
) -> tuple[Organism, float]:
    """An organism after some steps, and its validation error."""
    network = module_of(first).to(device)
    pull = None if prior is None else Pull(prior, anatomy_of(first.genome), network)
    tune(network, task, steps, seed, device, pull)
    tensors = {name: tensor.clone() for name, tensor in tensors_of(network).items()}
    return Organism(first.genome, tensors), validation_error(network, task)


def tune(
    network: nn.Module, task: heredity.Task, steps: int, seed: int, device: str, prior: Prior | None = None
) -> None:
    """Trains it on the device; it is on the CPU afterwards."""
    recipe = Recipe(steps=steps, batch_size=128, learning_rate=4e-3, augmentation=task.augmentation)
    train(network.to(device), task.train, task.inputs, recipe, criterion=task.criterion, seed=seed, prior=prior)
    network.cpu()


def module_of(organism: Organism) -> nn.Module:
    return build(organism.genome, {name: tensor.clone() for name, tensor in organism.tensors.items()})


def pruner_of(network: nn.Module, shape: Sequence[int], ratio: float, reg: float) -> Any:
    """Torch-Pruning's pruner, ranking globally, with `reg` the one that makes groups sparse; outputs stay."""
    last = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    settings = {
        "importance": torch_pruning.importance.GroupMagnitudeImportance(p=2),
        "global_pruning": True,
        "pruning_ratio": ratio,
        "ignored_layers": [last],
    }
    if reg:
        return torch_pruning.pruner.GroupNormPruner(network, torch.zeros(1, *shape), reg=reg, **settings)
    return torch_pruning.pruner.BasePruner(network, torch.zeros(1, *shape), **settings)


def pruned(network: nn.Module, shape: Sequence[int], share: float, reg: float) -> nn.Module:
    """Without this share of its weights at least: the smallest share of channels, in half per cents, that suffices."""
    whole = sum(p.numel() for p in network.parameters())
    shrunk = network
    for ratio in range(1, 200):
        shrunk = copy.deepcopy(network)
        pruner_of(shrunk, shape, ratio / 200, reg).step()
        if sum(p.numel() for p in shrunk.parameters()) <= (1 - share) * whole:
            break
    return shrunk


def rows_of(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def report(path: Path, *, pilot: bool) -> None:
    """A line for every arm: sizes, errors, and the ratio of its sizes to the first arm's, seed by seed.

    The first trial removes as much in every arm, so its error compares them at one size, and no bisection is in it.
    """
    rows = rows_of(path)
    best = {(row["arm"], row["seed"]): row for row in rows if row["test_error"]}
    seeds = sorted({row["seed"] for row in rows}, key=int)
    names = list(dict.fromkeys(row["arm"] for row in rows))
    names = names if pilot else [name for name in ARMS if name in names]
    lines: list[list[str]] = []
    for name in names:
        found = [best[name, seed] for seed in seeds if (name, seed) in best]
        sizes = [float(row["params"]) for row in found]
        paired = [
            math.log(float(best[name, seed]["params"]) / float(best[names[0], seed]["params"]))
            for seed in seeds
            if (name, seed) in best and (names[0], seed) in best
        ]
        lines.append(
            [
                name,
                f"{len(found)} of {sum(1 for s in seeds if any(r['arm'] == name and r['seed'] == s for r in rows))}",
                spread(sizes, 0),
                spread([100 * float(row["test_error"]) for row in found], 2),
                spread([100 * (float(row["val_after"]) - float(row["val_before"])) for row in found], 2),
                interval(paired),
                spread([100 * float(row["val_tuned"]) for row in rows if (row["arm"], row["trial"]) == (name, "0")], 2),
            ]
        )
    ratio, first = f"times {names[0]}'s (95 %)", f"validation error at {math.sqrt(SMALLEST):.0%}, %"
    print_table(("arm", "seeds", "weights", "test error, %", "points by the removal", ratio, first), lines)


def spread(values: Sequence[float], digits: int) -> str:
    if not values:
        return ""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} .. {max(values):.{digits}f})"


def interval(logs: Sequence[float]) -> str:
    """The geometric mean of ratios and its 95 % interval, by bootstrap over seeds."""
    if len(logs) < 3:
        return f"{math.exp(statistics.mean(logs)):.2f}" if logs else ""
    random = np.random.default_rng(0)
    means = random.choice(np.array(logs), (10_000, len(logs))).mean(1)
    low, high = np.exp(np.quantile(means, (0.025, 0.975)))
    return f"{math.exp(statistics.mean(logs)):.2f} ({low:.2f} .. {high:.2f})"


if __name__ == "__main__":
    main()
