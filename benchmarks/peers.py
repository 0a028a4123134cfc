"""The arms of `mnist_front.py` that are not heredity's: Torch-Pruning's ladders, and Optuna's search from scratch.

Both begin with the ancestor that heredity would begin with, and train by heredity's loop, with distillation from it.
"""

from __future__ import annotations

import math
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import numpy as np
import optuna
import torch
import torch_pruning
from safetensors.torch import load_file, save_file
from torch import nn

import heredity
from heredity.anatomy.body import Deployed, build
from heredity.anatomy.build import load, tensors_of
from heredity.anatomy.conform import conform
from heredity.anatomy.constructor import describe
from heredity.development.birth import Birth
from heredity.development.culture import Taught
from heredity.development.develop import develop, validation_error
from heredity.development.loop import train
from heredity.development.recipe import Recipe
from heredity.errors import DevelopmentError
from heredity.executors.worker import keep_memory, prepare_process
from heredity.measures.error import error_rate, predict
from heredity.rng import derive
from heredity.run.strategy import Horizon, Setting
from heredity.run.targets import Targets
from heredity.selection.pareto import nondominated
from heredity.strategies.descent import Descent, DescentSettings
from heredity.types import Tensors
from heredity.zoo.lenet import lenet5_caffe

WORKERS = 2
SMALLEST = 500
"""Weights at the foot of a ladder."""
RUNGS = 12
"""Of each ladder."""
TRIALS = 50
"""Of the search."""
FRONT_WORTH = 4
"""The front's test errors take two processes about as long as so many of the ancestor's: members shrink."""
PRELOAD = ["torch", "torch._dynamo", "heredity", "torch_pruning", "optuna"]
"""What is imported once for both processes, as heredity does it for its workers; it takes seconds."""


@dataclass(frozen=True)
class Job:
    """One arm with one seed: its data, its seconds, and the folder where its networks go."""

    arm: str
    seed: int
    data: str
    budget: float
    out: Path

    @property
    def folder(self) -> Path:
        """Of its networks."""
        return self.out / f"{self.arm}-{self.seed}"

    @property
    def rows(self) -> Path:
        """Its result."""
        return self.out / f"{self.arm}-{self.seed}.csv"


@dataclass(frozen=True)
class Candidate:
    """A trained network that may be on the front; the test error comes last."""

    member: str
    weights: Path
    params: int
    val_error: float
    test_error: float = math.nan


@dataclass(frozen=True)
class Start:
    """What the peers begin with: the trained ancestor, its birth, and the second at which training must end."""

    ancestor: Candidate
    birth: Birth
    deadline: float


@cache
def task_of(data: str, seed: int) -> heredity.Task:
    """Data and splits as `heredity evolve` has them."""
    return heredity.load_task(data, seed=seed)


def found(job: Job, started: float) -> Start:
    """The ancestor, born and grown as in a descent; leaves its weights and its logits on the training split."""
    task = task_of(job.data, job.seed)
    constructor = describe("lenet5-caffe", {"input_shape": task.inputs.shape, "n_classes": task.n_classes})
    horizon = Horizon(seconds=job.budget)
    setting = Setting(
        constructor,
        task.inputs,
        len(task.train),
        task.augmentation,
        job.seed,
        horizon,
        "params",
        Targets(),
        WORKERS,
        nobody,
    )
    (birth,) = Descent(setting).ask(job.budget)
    grown = develop(birth, [], [], task, cache=job.folder)
    network = build(grown.organism.genome, grown.organism.tensors)
    save_file({"logits": predict(Deployed(network, task.inputs), task.train.inputs)}, job.folder / "logits.safetensors")
    begun, sample = time.monotonic(), task.validation.inputs[:500]
    predict(Deployed(network, task.inputs), sample)
    test_seconds = (time.monotonic() - begun) * len(task.test) / len(sample)
    deadline = started + job.budget - 1.0 - FRONT_WORTH * test_seconds
    return Start(kept(job, "ancestor", network, grown.measures["val_error"]), birth, deadline)


def nobody(individual: object) -> NoReturn:
    """Only the ancestor is asked for, who comes before everybody who could be read back."""
    raise LookupError(individual)


def kept(job: Job, member: str, network: nn.Module, val_error: float) -> Candidate:
    """The candidate, its weights on the disk."""
    path = job.folder / f"{member}.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in tensors_of(network).items()}, path)
    return Candidate(member, path, params_of(network), val_error)


def params_of(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def bring_up(job: Job, member: str, network: nn.Module, recipe: Recipe) -> Candidate:
    """Trains a descendant as heredity does, with distillation from the ancestor, and measures it on validation.

    Raises:
        DevelopmentError: its training diverged.
    """
    task, logits = task_of(job.data, job.seed), logits_of(job.folder)
    network = network.to(memory_format=torch.channels_last)
    train(
        network,
        task.train,
        task.inputs,
        recipe,
        seed=derive(job.seed, member),
        teacher=lambda index, batch: Taught(logits[index]),
    )
    return kept(job, member, network, validation_error(network, task))


@cache
def logits_of(folder: Path) -> torch.Tensor:
    """The ancestor's answers on the training split."""
    return load_file(folder / "logits.safetensors")["logits"]


def lenet_of(tensors: Tensors) -> nn.Module:
    """A LeNet of whatever widths with these weights."""
    network = lenet5_caffe()
    load(network, {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()})
    conform(network)
    return network


def recipe_for(birth: Birth, rate: float, seconds: float) -> Recipe:
    """The ancestor's recipe, with distillation as descents have it."""
    culture = DescentSettings().culture
    return msgspec.structs.replace(birth.recipe, learning_rate=rate, seconds=max(seconds, 0.0), culture=culture)


def prepare() -> None:
    """What heredity's own workers do before they train."""
    prepare_process(1)
    keep_memory()


def with_workers(job: Job, started: float, spend: Spend) -> list[Candidate]:
    """What the peers' arms share: the ancestor, then two processes that `spend` the time, then the front."""
    job.folder.mkdir(parents=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    with ProcessPoolExecutor(WORKERS, context, initializer=prepare) as pool:
        start = pool.submit(found, job, started).result()
        candidates = [start.ancestor, *spend(job, pool, start)]
        costs = np.array([[c.val_error, c.params] for c in candidates])
        front = [c for c, stays in zip(candidates, nondominated(costs), strict=True) if stays]
        errors = pool.map(test_error, [job] * len(front), front)
        return [replace(c, test_error=error) for c, error in zip(front, errors, strict=True)]


def test_error(job: Job, candidate: Candidate) -> float:
    """Read once, of the front's members."""
    task = task_of(job.data, job.seed)
    network = Deployed(lenet_of(load_file(candidate.weights)), task.inputs)
    return error_rate(predict(network, task.test.inputs), task.test.labels)


IMPORTANCES: dict[str, Callable[[], Any]] = {
    "group": lambda: torch_pruning.importance.GroupMagnitudeImportance(p=2),  # of its README
    "lamp": lambda: torch_pruning.importance.LAMPImportance(p=2),  # layers keep better proportions on a LeNet
}
"""One ladder each, both with global ranking."""


def pruned_ladders(job: Job, started: float) -> list[Candidate]:
    """Two ladders, one a process, their rungs between each other's; validation chooses among all rungs."""
    return with_workers(job, started, climb_down)


def climb_down(job: Job, pool: ProcessPoolExecutor, start: Start) -> list[Candidate]:
    ladders = [pool.submit(ladder, job, i, start) for i in range(len(IMPORTANCES))]
    return [rung for future in ladders for rung in future.result()]


def ladder(job: Job, place: int, start: Start) -> list[Candidate]:
    """Prune to the next smaller size, fine-tune, and so on; every rung has the same time and starts from the last."""
    name = list(IMPORTANCES)[place]
    ancestor, birth = start.ancestor, start.birth
    network, rungs = lenet_of(load_file(ancestor.weights)), list[Candidate]()
    for rung in range(RUNGS):
        if time.monotonic() >= start.deadline:
            break
        depth = (rung + (place + 1) / len(IMPORTANCES)) / RUNGS
        smaller = pruned(network, round(ancestor.params * (SMALLEST / ancestor.params) ** depth), name)
        if smaller is None:
            break
        network = smaller
        seconds = (start.deadline - time.monotonic()) / (RUNGS - rung)
        rate = birth.recipe.learning_rate * (ancestor.params / params_of(network)) ** (1 / 6)  # as in a descent
        recipe = recipe_for(birth, rate, seconds)
        try:
            rungs.append(bring_up(job, f"{name}-{rung:02d}", network, recipe))
        except DevelopmentError as error:
            print(f"{name}-{rung:02d}: {error}", flush=True)
            break
    return rungs


def pruned(network: nn.Module, size: int, importance: str) -> nn.Module | None:
    """The network with at most `size` weights; None where Torch-Pruning cannot get there.

    It takes a share of the channels, not a size: the smallest share, in hundredths, that suffices. Beyond some share it
    leaves a layer alone that would lose all its channels, so that larger shares may give larger networks.
    """
    for hundredths in range(1, 100):
        shrunk = lenet_of(tensors_of(network))
        pruner = torch_pruning.pruner.BasePruner(
            shrunk,
            torch.zeros(1, 1, 28, 28),
            importance=IMPORTANCES[importance](),
            global_pruning=True,
            pruning_ratio=hundredths / 100,
            ignored_layers=[shrunk.get_submodule("fc2")],
        )
        pruner.step()
        if params_of(shrunk) <= size:
            return shrunk
    return None


def searched(job: Job, started: float) -> list[Candidate]:
    """Optuna's TPE on (ln weights, validation error): NSGA-II's first population alone would take the whole time."""
    return with_workers(job, started, search)


def search(job: Job, pool: ProcessPoolExecutor, start: Start) -> list[Candidate]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=job.seed, multivariate=True, constant_liar=True)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    running: dict[Future[Candidate | None], optuna.Trial] = {}
    candidates: list[Candidate] = []
    begun = 0
    while True:
        while begun < TRIALS and len(running) < WORKERS and time.monotonic() < start.deadline:
            trial = study.ask()
            widths = (
                trial.suggest_int("conv1", 1, 20, log=True),
                trial.suggest_int("conv2", 1, 50, log=True),
                trial.suggest_int("fc1", 4, 500, log=True),
            )
            rate = trial.suggest_float("learning_rate", 1e-3, 3e-2, log=True)
            seconds = (start.deadline - time.monotonic()) / math.ceil((TRIALS - begun) / WORKERS)
            recipe = recipe_for(start.birth, rate, seconds)
            running[pool.submit(attempt, job, f"trial-{trial.number:02d}", widths, recipe)] = trial
            begun += 1
        if not running:
            return candidates
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            trial, candidate = running.pop(future), future.result()
            if candidate is None:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, (math.log(candidate.params), candidate.val_error))
                candidates.append(candidate)


def attempt(job: Job, member: str, widths: tuple[int, int, int], recipe: Recipe) -> Candidate | None:
    """A LeNet of these widths, trained from scratch; None if it diverges."""
    torch.manual_seed(derive(job.seed, member, "weights"))
    conv1, conv2, fc1 = widths
    network = lenet5_caffe()
    parts = {
        "conv1": nn.Conv2d(1, conv1, 5),
        "conv2": nn.Conv2d(conv1, conv2, 5),
        "fc1": nn.Linear(16 * conv2, fc1),
        "fc2": nn.Linear(fc1, 10),
    }
    for name, layer in parts.items():
        setattr(network, name, layer)
    try:
        return bring_up(job, member, network, recipe)
    except DevelopmentError:
        return None


Spend = Callable[[Job, ProcessPoolExecutor, Start], list[Candidate]]
"""Spends the time up to the deadline, on the monotonic clock, and gives what has been trained."""
