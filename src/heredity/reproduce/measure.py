"""What a study measures of a finished run: every individual, and every generation.

Test errors are read here, once, when nobody is to be selected any more.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import torch
from msgspec import Struct
from msgspec.structs import replace

from heredity.anatomy.body import anatomy_of
from heredity.api.genes import inheritance_of
from heredity.development.birth import Individual
from heredity.development.criteria.criterion import measured
from heredity.development.ensemble import Ensemble
from heredity.development.task import Task
from heredity.executors.worker import prepare_process, prepared
from heredity.export.onnx import file_latency_ms, to_onnx
from heredity.genes.distribution import Theta
from heredity.measures.error import predict
from heredity.measures.size import encoded_kernels, encoded_synapses, storage
from heredity.measures.variety import cluster_sets, mean_distance, synapse_sets
from heredity.run.account import Spent, spent
from heredity.run.run import Run
from heredity.variation.operator import Organism

T = TypeVar("T")
R = TypeVar("R")


class Row(Struct, frozen=True):
    """One individual; `table.csv`.

    Synapses and kernels are counted as the papers do; efficiencies are the ancestor's over its own. `storage_bytes`:
    see `heredity.measures.size.storage`. `train_flops` is what its training took, `seconds` what its development did,
    `elapsed` the run's clock, in seconds, when it was recorded. What culture weighed and how soft it was (temperature)
    are None where it was not taught. `agreement` is the share of the validation split's answers, position by position,
    that are its teachers'; None, too, of numbers, and of what an earlier version measured.
    """

    study: str
    arm: str
    preset: str
    seed: int
    run: str
    generation: int
    individual: str
    parents: tuple[str, ...]
    synapses: int
    kernels: int
    architectural_efficiency: float
    cluster_efficiency: float
    params: int
    macs: int
    val_error: float
    test_error: float
    storage_bytes: int
    seconds: float
    elapsed: float
    train_flops: float | None = None
    culture_weight: float | None = None
    culture_temperature: float | None = None
    agreement: float | None = None


class Generation(Struct, frozen=True):
    """One generation's living members; `generations.csv`. `best` is who has the least validation error.

    `best_latency_ms` is what onnxruntime takes for one example with the dense network that the best is deployed as: in
    it absent synapses are zeros, and only filters that are gone save time. None where the study does not take it.

    Varieties are mean Jaccard distances of pairs, None of fewer than two, and where constructors differ. `computed`:
    how many seconds the development of everybody took up to here, whatever the workers, and `computed_flops` what
    their training took; `elapsed` is the run's clock. `ensemble` errors are those of the mean of all members' answers,
    where the study wants them. None, too, of what an earlier version did not measure.
    """

    study: str
    arm: str
    preset: str
    seed: int
    run: str
    generation: int
    members: tuple[str, ...]
    failed: int
    best: str
    best_val_error: float
    best_test_error: float
    best_synapses: int
    best_kernels: int
    best_architectural_efficiency: float
    best_cluster_efficiency: float
    best_storage_bytes: int
    best_macs: int
    best_latency_ms: float | None
    median_val_error: float
    median_test_error: float
    median_synapses: float
    median_kernels: float
    median_architectural_efficiency: float
    median_cluster_efficiency: float
    median_storage_bytes: float
    median_macs: float
    cluster_variety: float | None
    synapse_variety: float | None
    computed: float
    elapsed: float
    computed_flops: float | None = None
    best_params: int | None = None
    median_params: float | None = None
    ensemble_val_error: float | None = None
    ensemble_test_error: float | None = None


class Measured(Struct, frozen=True):
    """What a study knows of a run. `thetas`: what its genes were drawn from, by generation from 1 on, and what the last
    generation has made of it; empty where there are no genes.
    """

    rows: tuple[Row, ...]
    generations: tuple[Generation, ...]
    settings: dict[str, Any]
    thetas: tuple[Theta, ...] = ()


Telling = Callable[[int, int], None]
"""Told how many of so many readings are done."""


def measure(
    run: Run,
    task: Task,
    whose: Mapping[str, Any],
    *,
    timed: bool,
    ensemble: bool = False,
    telling: Telling = lambda done, readings: None,
) -> Measured:
    """Measures a run that is over; `whose` are the fields by which a row says which run of which study it is of.

    `timed`: whether the best of a generation is exported and its time taken; `ensemble`: whether its members are
    measured as one.
    """
    living = _by_generation([i for i in run.individuals if i.developed])
    readings = Readings(telling, len(_unread(run)) + (len(living) if ensemble else 0))
    read_test_errors(run, task, readings)
    errors = _errors_together(run, task, living, readings) if ensemble else {}
    rows: list[Row] = []
    generations: list[Generation] = []
    until: list[Individual] = []
    agreement = _Agreement(run, task)
    with prepared(threads=1):
        for number, born in _by_generation(run.individuals).items():
            until += born
            own: list[Row] = []
            organisms: list[Organism] = []
            for individual in (i for i in born if i.developed):
                organism = run.store.organism(individual)
                organisms.append(organism)
                row = _row(individual, organism, whose, (rows or own or [None])[0])
                own.append(replace(row, agreement=agreement.of(individual, organism)))
            rows += own
            if own:
                varieties = _varieties(organisms)
                best = min(range(len(own)), key=lambda k: (own[k].val_error, own[k].synapses, own[k].individual))
                latency = file_latency_ms(to_onnx(organisms[best]), run.settings.inputs) if timed else None
                so_far = spent(until)
                one = _generation(number, own, own[best], latency, len(born) - len(own), varieties, so_far, whose)
                val_error, test_error = errors.get(number, (None, None))
                generations.append(replace(one, ensemble_val_error=val_error, ensemble_test_error=test_error))
    return Measured(tuple(rows), tuple(generations), run.settings.strategy_settings, _thetas(run))


def _thetas(run: Run) -> tuple[Theta, ...]:
    if run.settings.strategy != "dual_inheritance":
        return ()
    inheritance = inheritance_of(run)
    return (*inheritance.thetas, inheritance.theta)


def _varieties(organisms: Sequence[Organism]) -> tuple[float | None, float | None]:
    """By clusters and by synapses, which only networks of one constructor can have in common."""
    genomes, masks = [organism.genome for organism in organisms], [organism.masks for organism in organisms]
    if any(genome.constructor != genomes[0].constructor for genome in genomes):
        return None, None
    return mean_distance(cluster_sets(genomes)), mean_distance(synapse_sets(genomes, masks))


class Readings:
    """Takes readings on all cores, a thread each - another number sums in another order -, and counts them."""

    def __init__(self, telling: Telling = lambda done, readings: None, number: int = 0) -> None:
        self._telling, self._number, self._done = telling, number, 0

    def of(self, what: Collection[T], read: Callable[[T], R]) -> Iterator[tuple[T, R]]:
        """Each with what was read of it, in order, as soon as it is there."""
        self._telling(self._done, self._number)
        with prepared(threads=1), ThreadPoolExecutor(os.cpu_count(), initializer=partial(prepare_process, 1)) as cores:
            for one, came in zip(what, cores.map(read, what), strict=True):
                yield one, came
                self._done += 1
                self._telling(self._done, self._number)


def _by_generation(individuals: Sequence[Individual]) -> dict[int, list[Individual]]:
    """Everybody by generation, the first one first."""
    found: dict[int, list[Individual]] = {}
    for individual in sorted(individuals, key=lambda i: i.birth.generation):
        found.setdefault(individual.birth.generation, []).append(individual)
    return found


def _unread(run: Run) -> list[Individual]:
    """Everybody who lives and has no test error yet."""
    return [i for i in run.individuals if i.developed and "test_error" not in i.measures]


def read_test_errors(run: Run, task: Task, readings: Readings) -> None:
    """Measures and records the test error of everybody who has none."""

    def read(individual: Individual) -> float:
        network = run.store.organism(individual).deployed()
        return measured(task.criterion, network, task.test.inputs, task.test.labels)

    for individual, error in readings.of(_unread(run), read):
        run.store.measured(individual.number, "test_error", error)


def _errors_together(
    run: Run, task: Task, living: Mapping[int, Sequence[Individual]], readings: Readings
) -> dict[int, tuple[float, float]]:
    """By generation the validation and the test error of the mean of its members' answers."""

    def read(generation: int) -> tuple[float, float]:
        organisms = tuple(run.store.organism(member) for member in living[generation])
        together = Ensemble(organisms, (1 / len(organisms),) * len(organisms), task.criterion).deployed()
        val_error, test_error = (
            measured(task.criterion, together, split.inputs, split.labels) for split in (task.validation, task.test)
        )
        return val_error, test_error

    return dict(readings.of(living, read))


class _Agreement:
    """How much individuals answer like those who have taught them; what teachers answer is found out once."""

    def __init__(self, run: Run, task: Task) -> None:
        self._run, self._task = run, task
        self._individuals = {individual.number: individual for individual in run.individuals}
        self._taught: dict[tuple[int, ...], torch.Tensor] = {}

    def of(self, individual: Individual, organism: Organism) -> float | None:
        """See `Row.agreement`."""
        teachers = individual.birth.teachers
        if not teachers:
            return None
        if teachers not in self._taught:
            self._taught[teachers] = self._answers(
                [self._run.store.organism(self._individuals[teacher]) for teacher in teachers]
            )
        own, taught = self._answers([organism]), self._taught[teachers]
        if own.is_floating_point() or own.shape != taught.shape:
            return None
        return float((own == taught).double().mean())

    def _answers(self, organisms: Sequence[Organism]) -> torch.Tensor:
        """Of one, or of several as they teach."""
        criterion, inputs = self._task.criterion, self._task.validation.inputs
        outputs = [predict(organism.deployed(), inputs) for organism in organisms]
        return criterion.answers(outputs[0] if len(outputs) == 1 else criterion.consensus(torch.stack(outputs)))


def _row(individual: Individual, organism: Organism, whose: Mapping[str, Any], first: Row | None) -> Row:
    """An individual; `first` is the ancestor's row, None for the ancestor itself."""
    birth, anatomy, known = individual.birth, anatomy_of(organism.genome), individual.measures
    culture = birth.recipe.culture
    synapses, kernels = encoded_synapses(anatomy, organism.masks), encoded_kernels(anatomy, organism.masks)
    return Row(
        **whose,
        generation=birth.generation,
        individual=f"{individual.number:04d}",
        parents=tuple(f"{parent:04d}" for parent in birth.parents),
        synapses=synapses,
        kernels=kernels,
        architectural_efficiency=(first.synapses if first else synapses) / max(synapses, 1),
        cluster_efficiency=(first.kernels if first else kernels) / max(kernels, 1),
        params=int(known["params"]),
        macs=int(known["macs"]),
        val_error=known["val_error"],
        test_error=known["test_error"],
        storage_bytes=storage(anatomy, organism.masks),
        train_flops=individual.train_flops,
        seconds=individual.seconds,
        elapsed=individual.elapsed,
        culture_weight=culture and culture.weight,
        culture_temperature=culture and culture.temperature,
    )


OF_ALL = (
    "val_error",
    "test_error",
    "synapses",
    "kernels",
    "architectural_efficiency",
    "cluster_efficiency",
    "storage_bytes",
    "macs",
    "params",
)
"""What a generation has of its best, and its median."""


def _generation(
    number: int,
    rows: list[Row],
    best: Row,
    latency_ms: float | None,
    failed: int,
    varieties: tuple[float | None, float | None],
    computed: Spent,
    whose: Mapping[str, Any],
) -> Generation:
    return Generation(
        **whose,
        generation=number,
        members=tuple(row.individual for row in rows),
        failed=failed,
        best=best.individual,
        **{f"best_{name}": getattr(best, name) for name in OF_ALL},
        best_latency_ms=latency_ms,
        **{f"median_{name}": statistics.median([getattr(row, name) for row in rows]) for name in OF_ALL},
        cluster_variety=varieties[0],
        synapse_variety=varieties[1],
        computed_flops=computed.flops,
        computed=computed.seconds,
        elapsed=max(row.elapsed for row in rows),
    )
