"""Verification: is what the store says of its individuals true?

For every individual (or a sample): its weights are there and whole, its network rebuilt from them measures as recorded
(errors, sizes, live synapses; absent synapses are zero), its training took the FLOPs that its recipe buys (where these
are known, and seconds did not bound it), and conceiving it again from its recorded parents gives the genome that was
recorded and, bit for bit, the weights that it was born with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from heredity.anatomy.body import anatomy_of, build
from heredity.development.birth import Individual
from heredity.development.criteria.criterion import measured
from heredity.development.develop import conceive, planned_flops, validation_error
from heredity.development.task import Task
from heredity.executors.worker import prepared
from heredity.measures import sizes_of
from heredity.measures.size import synapses
from heredity.run.run import Run
from heredity.variation.operator import mask_digest, weights_digest


@dataclass(frozen=True)
class Difference:
    """One thing that is not as recorded."""

    number: int
    what: str
    recorded: object
    found: object

    def __str__(self) -> str:
        return f"individual {self.number}: {self.what} is recorded as {self.recorded}, found {self.found}"


def verify(run: Run, task: Task, numbers: Sequence[int] | None = None) -> Iterator[tuple[int, list[Difference]]]:
    """`(number, differences)` for each living individual, or for those with these numbers."""
    living = {i.number: i for i in run.individuals if i.developed}
    for number in living if numbers is None else numbers:
        differences: list[Difference] = []
        try:
            with prepared(threads=1):  # as newborns were measured: another number of threads sums in another order
                differences.extend(_differences(run, task, living[number], living))
        except Exception as error:  # noqa: BLE001  # in a damaged record anything can be missing or misshapen
            came = " ".join(f"{type(error).__name__}: {error}".split())
            differences.append(Difference(number, "what is stored", "whole", came))
        yield number, differences


def _differences(
    run: Run, task: Task, individual: Individual, living: Mapping[int, Individual]
) -> Iterator[Difference]:
    number, birth, recorded = individual.number, individual.birth, individual.measures
    organism = run.store.organism(individual)
    anatomy = anatomy_of(organism.genome)
    found = {**sizes_of(anatomy, run.settings.graph_bytes), "synapses": float(synapses(anatomy, organism.masks))}
    found["val_error"] = validation_error(build(organism.genome, organism.tensors), task)
    if "test_error" in recorded:
        network = organism.deployed()
        found["test_error"] = measured(task.criterion, network, task.test.inputs, task.test.labels)
    for name, value in found.items():
        if recorded.get(name) != value:
            yield Difference(number, name, recorded.get(name), value)
    teachers = [living[teacher].birth.genome for teacher in birth.teachers]
    planned = planned_flops(birth, teachers, len(task.train))
    if None not in (planned, individual.train_flops) and planned != individual.train_flops:
        yield Difference(number, "FLOPs of its training", individual.train_flops, planned)
    if mask_digest(organism.masks) != organism.genome.masks:
        yield Difference(number, "the digest of its masks", organism.genome.masks, mask_digest(organism.masks))
    for name, mask in organism.masks.items():
        if bool(organism.tensors[name][~mask].any()):
            yield Difference(number, f"{name} where synapses are absent", 0.0, "other weights")
    newborn = weights_digest(conceive(birth, [run.store.organism(living[parent]) for parent in birth.parents]))
    if newborn != individual.newborn:
        yield Difference(number, "what it was born with, conceived again from its parents", individual.newborn, newborn)
