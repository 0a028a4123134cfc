"""What every executor must pass. Subclass `ExecutorContract` in a test file, and say how yours is made.

class TestMyExecutor(ExecutorContract):
    isolated = True  # newborns that hang or kill their process cost nobody else anything
    def make(self, nursery, on_beat): return MyExecutor(nursery, on_beat)
"""

# ruff: noqa: S101  (a test asserts, also one that is shipped)

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
import torch

from heredity.anatomy.body import build
from heredity.anatomy.constructor import describe
from heredity.anatomy.genome import Genome
from heredity.development.birth import Birth, Individual
from heredity.development.datasets import as_task
from heredity.development.develop import validation_error
from heredity.development.recipe import Culture, Recipe
from heredity.development.task import Task
from heredity.errors import InputError, StoreError
from heredity.executors.base import Executor, Nursery, OnBeat, Record, Request, jobs_of, no_beat
from heredity.executors.worker import bring_up, prepared
from heredity.store.blobs import BlobStore
from heredity.variation.cloning import Cloning
from heredity.variation.deepening import Deepening
from heredity.variation.environment import Environment
from heredity.variation.founding import Founding
from heredity.variation.growth import Widening
from heredity.variation.operator import Organism
from heredity.variation.removal import RandomRemoval

NETWORKS = '''
import ctypes, os, signal, sys, time, torch
from torch import nn

class Network(nn.Sequential):
    """Draws from the global random state; what it does in training besides, `mischief` says."""

    def __init__(self, features, mischief):
        super().__init__(nn.Flatten(), nn.Linear(features, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))
        self.mischief = mischief

    def forward(self, inputs):
        return super().forward(self.mischief(inputs) if self.training else inputs)

def fail(error):
    raise error

def network(mischief):
    return lambda input_shape: Network(input_shape[0], mischief)

sound = network(lambda x: x)
slow = network(lambda x: (time.sleep(0.02), x)[1])
diverging = network(lambda x: x * float("nan"))
raising = network(lambda x: fail(ValueError("two lines\\nof grief")))
exhausted = network(lambda x: fail(MemoryError()))
too_large = network(lambda x: torch.empty(1 << 60))
leaving = network(lambda x: sys.exit(3))
dying = network(lambda x: os.kill(os.getpid(), signal.SIGKILL))
crashing = network(lambda x: os.kill(os.getpid(), signal.SIGSEGV))
quitting = network(lambda x: os._exit(7))
hanging = network(lambda x: ctypes.PyDLL(None).sleep(3600))  # and no other thread may run
'''
"""A user's file: one well-behaved network, and one for each way to fail."""


def sample_task() -> Task:
    """Three classes of 12 features, with some noise: 120 examples for training, 60 each for validation and test."""
    coins = torch.Generator().manual_seed(0)
    labels = torch.arange(240) % 3
    inputs = torch.randn(3, 12, generator=coins)[labels] + torch.randn(240, 12, generator=coins)
    splits = [(inputs[part], labels[part]) for part in (slice(0, 120), slice(120, 180), slice(180, 240))]
    return as_task(tuple(splits), seed=0, name="sample")


class Village:
    """A nursery in a folder, with networks to found lines with."""

    def __init__(self, folder: Path, *, patience: float = 60.0) -> None:
        self.task = sample_task()
        self.nursery = Nursery(self.task, folder / "blobs", folder / "cache", patience=patience)
        self.file = folder / "networks.py"
        self.file.write_text(NETWORKS)

    def founder(self, number: int, name: str = "sound", steps: int = 70) -> Request:
        """The birth of an ancestor of this kind."""
        constructor = describe(f"{self.file}:{name}", {"input_shape": self.task.inputs.shape})
        operator = Founding(constructor, self.task.inputs)
        recipe = Recipe(steps=steps, batch_size=16)
        return Request(Birth(number, 0, (), operator, operator.conceive([], number).genome, recipe, seed=number))

    def child(self, number: int, parent: Individual) -> Request:
        """A smaller offspring, which learns from its parent too."""
        record = self.record(parent)
        operator = RandomRemoval(Environment(0.5))
        organism = Organism(record[0], *BlobStore(self.nursery.blobs).get(record[1]))
        genome = operator.conceive([organism], number).genome
        recipe = Recipe(steps=70, batch_size=16, culture=Culture())
        birth = Birth(number, 1, (parent.number,), operator, genome, recipe, seed=number, teachers=(parent.number,))
        return Request(birth, (record,), (record,))

    def litter(self, number: int, parent: Individual, steps: int = 40) -> list[Request]:
        """Four siblings, who have all of their parent: itself, a wider and a deeper one, and a third that is wider."""
        record = self.record(parent)
        organism = Organism(record[0], *BlobStore(self.nursery.blobs).get(record[1]))
        operators = (
            Cloning(),
            Widening("1", 2, number + 1),
            Deepening("1", number + 2, width=2),
            Widening("1", 4, number + 3, "netmorph"),
        )
        recipe = Recipe(steps=steps, batch_size=16, schedule="constant")
        return [
            Request(
                Birth(number + k, 1, (parent.number,), operator, genome, recipe, seed=number + k, litter=number),
                (record,),
            )
            for k, operator in enumerate(operators)
            for genome in [operator.conceive([organism], number + k).genome]
        ]

    def record(self, individual: Individual) -> Record:
        """What the store has of an individual."""
        genome: Genome = individual.birth.genome
        assert individual.weights is not None, individual.reason
        return genome, individual.weights

    def expected(self, requests: Sequence[Request]) -> list[Individual]:
        """What must come of these, by definition."""
        with prepared(self.nursery.threads):
            born = [bring_up(job, self.nursery, lambda share: None) for job in jobs_of(requests)]
            return [timeless(individual) for individuals in born for individual in individuals]


def timeless(individual: Individual) -> Individual:
    """The individual without what depends on the clock."""
    assert individual.seconds >= 0
    return msgspec.structs.replace(individual, seconds=0.0)


def by_number(individuals: Sequence[Individual]) -> list[Individual]:
    """The individuals in order, without what depends on the clock."""
    return sorted(map(timeless, individuals), key=lambda individual: individual.number)


class ExecutorContract:
    """The contract in the docstring of `Executor`, as tests."""

    isolated = False
    """Whether newborns that hang or kill their process are survived."""

    def make(self, nursery: Nursery, on_beat: OnBeat) -> Executor:
        """The executor to be tested."""
        raise NotImplementedError("a subclass makes the executor")

    @pytest.fixture
    def village(self, tmp_path: Path) -> Village:
        """A nursery, and requests for it."""
        return Village(tmp_path)

    def test_individuals_depend_on_their_requests_alone(self, village: Village) -> None:
        founders = [village.founder(number) for number in range(4)]
        with self.make(village.nursery, no_beat) as executor:
            grown = by_number(list(executor.develop(founders)))
            children = [village.child(4 + i, parent) for i, parent in enumerate(grown[:3])]
            offspring = by_number(list(executor.develop(children)))
            again = by_number(list(executor.develop([*reversed(founders), *children])))
        assert [individual.status for individual in again] == ["developed"] * 7
        assert grown == village.expected(founders)
        assert offspring == village.expected(children)
        assert again == [*grown, *offspring]
        assert len({individual.weights for individual in again}) == 7

    def test_weights_are_in_the_store_when_an_individual_comes(self, village: Village) -> None:
        blobs = BlobStore(village.nursery.blobs)
        with self.make(village.nursery, no_beat) as executor:
            for individual in executor.develop([village.founder(number) for number in range(2)]):
                assert individual.weights is not None
                assert individual.weights in blobs

    def test_siblings_of_a_litter_are_developed_together(self, village: Village) -> None:
        with self.make(village.nursery, no_beat) as executor:
            (parent,) = executor.develop([village.founder(0)])
            first, second = village.litter(1, parent), village.litter(5, parent)
            came = list(executor.develop([*first, *second, village.founder(9)]))
        assert by_number(came) == village.expected([*first, *second, village.founder(9)])
        numbers = [individual.number for individual in came]
        for litter in (first, second):
            start = numbers.index(litter[0].birth.number)
            assert numbers[start : start + 4] == [request.birth.number for request in litter]
        blobs = BlobStore(village.nursery.blobs)
        grown = [Organism(village.record(sibling)[0], *blobs.get(village.record(sibling)[1])) for sibling in came[:4]]
        for sibling, organism in zip(came[:4], grown, strict=True):
            network = build(organism.genome, organism.tensors)
            assert validation_error(network, village.task) == sibling.measures["val_error"]
        own = grown[0].tensors["1.weight"]
        assert not torch.equal(own, blobs.get(village.record(parent)[1])[0]["1.weight"]), "it has learnt"
        assert all(torch.equal(other.tensors["1.weight"][:16], own) for other in grown), "and all of them the same"

    def test_a_litter_fails_as_one(self, village: Village) -> None:
        with self.make(village.nursery, no_beat) as executor:
            (parent,) = executor.develop([village.founder(0)])
            bad = [
                Request(
                    msgspec.structs.replace(r.birth, recipe=Recipe(steps=40, batch_size=16, learning_rate=1e30)),
                    r.parents,
                )
                for r in village.litter(1, parent)
            ]
            sound = village.litter(5, parent)
            came = by_number(list(executor.develop([*bad, *sound])))
        assert [individual.status for individual in came] == ["failed"] * 4 + ["developed"] * 4
        assert all((individual.reason or "").startswith("diverged: ") for individual in came[:4])

    def test_nothing_to_develop(self, village: Village) -> None:
        with self.make(village.nursery, no_beat) as executor:
            assert list(executor.develop([])) == []

    def test_failed_newborns_are_answered_and_the_others_go_on(self, village: Village) -> None:
        kinds = ["raising", "sound", "diverging", "exhausted", "too_large", "leaving", "sound"]
        requests = [village.founder(number, kind) for number, kind in enumerate(kinds)]
        with self.make(village.nursery, no_beat) as executor:
            raising, sound, diverging, exhausted, too_large, leaving, other = by_number(
                list(executor.develop(requests))
            )
        assert [sound, other] == village.expected([requests[1], requests[6]])
        reason = "ValueError: two lines of grief"
        assert raising == Individual(requests[0].birth, "failed", reason=reason, train_flops=0.0)
        assert diverging.reason is not None
        assert diverging.reason.startswith("diverged: the loss is nan at step 32")
        assert diverging.train_flops == 32 * 16 * 6 * (12 * 16 + 16 * 3), "what it had taken by then"
        assert (exhausted.reason, leaving.reason) == ("MemoryError", "SystemExit: 3")
        assert too_large.reason is not None
        assert too_large.reason.startswith("RuntimeError: ")
        assert "\n" not in too_large.reason
        assert all(i.status == "failed" and not i.measures and i.weights is None for i in (diverging, too_large))

    def test_signs_of_life(self, village: Village) -> None:
        beats: list[tuple[int, float]] = []
        with self.make(village.nursery, lambda number, share: beats.append((number, share))) as executor:
            assert len(list(executor.develop([village.founder(5, "slow", 130), village.founder(6)]))) == 2
        slow, quick = ([share for number, share in beats if number == which] for which in (5, 6))
        assert slow[0] == quick[0] == 0.0
        assert slow == sorted(slow)
        assert 2 <= len(slow) <= 10, "about two a second"
        assert all(0 <= share <= 1 for share in slow)

    def test_cancelling_ends_development(self, village: Village) -> None:
        numbers: list[int] = []

        def cancel_after_the_first(number: int, share: float) -> None:
            if numbers and share > 0:
                executor.cancel()

        with self.make(village.nursery, cancel_after_the_first) as executor:
            start = time.monotonic()
            requests = [village.founder(0), *(village.founder(n, "slow", 9999) for n in (1, 2))]
            for individual in executor.develop(requests):
                numbers.append(individual.number)  # noqa: PERF401  # seen while others develop
            assert time.monotonic() - start < 60
            assert numbers == [0]
            assert list(executor.develop([village.founder(3)])) == [], "it is for good"

    def test_leaving_early_stops_what_is_under_way(self, village: Village) -> None:
        requests = [village.founder(0), *(village.founder(n, "slow", 9999) for n in (1, 2))]
        with self.make(village.nursery, no_beat) as executor:
            development = executor.develop(requests)
            assert next(development).number == 0
            development.close()  # pyright: ignore[reportAttributeAccessIssue]  # a generator
            assert by_number(list(executor.develop(requests[:1]))) == village.expected(requests[:1])

    def test_a_store_that_cannot_be_written_ends_the_run(self, village: Village, tmp_path: Path) -> None:
        (tmp_path / "blobs").write_text("a file, where the folder should be")
        with self.make(village.nursery, no_beat) as executor, pytest.raises(StoreError) as caught:
            list(executor.develop([village.founder(0)]))
        assert str(tmp_path / "blobs") in str(caught.value)

    def test_a_changed_ancestor_ends_the_run(self, village: Village) -> None:
        request = village.founder(0)
        constructor = msgspec.structs.replace(request.birth.genome.constructor, source="0" * 16)
        genome = msgspec.structs.replace(request.birth.genome, constructor=constructor)
        operator = Founding(constructor, village.task.inputs)
        birth = msgspec.structs.replace(request.birth, genome=genome, operator=operator)
        with self.make(village.nursery, no_beat) as executor, pytest.raises(InputError, match="a changed file"):
            list(executor.develop([Request(birth)]))

    def test_closing_twice(self, village: Village) -> None:
        executor = self.make(village.nursery, no_beat)
        executor.close()
        executor.close()
        executor.cancel()

    @pytest.mark.parametrize(
        ("kind", "reason"),
        [
            ("dying", "worker died: signal 9, perhaps out of memory"),
            ("crashing", "worker died: signal 11, Segmentation fault"),
            ("quitting", "worker died: exit code 7"),
        ],
    )
    def test_newborns_that_take_their_worker_along(self, village: Village, kind: str, reason: str) -> None:
        self._needs_isolation()
        requests = [village.founder(0, kind), village.founder(1), village.founder(2, kind), village.founder(3)]
        with self.make(village.nursery, no_beat) as executor:
            lost, sound, lost_too, other = by_number(list(executor.develop(requests)))
        assert lost == Individual(requests[0].birth, "failed", reason=reason)
        assert lost_too == Individual(requests[2].birth, "failed", reason=reason)
        assert [sound, other] == village.expected([requests[1], requests[3]])

    def test_newborns_that_hang(self, tmp_path: Path) -> None:
        self._needs_isolation()
        village = Village(tmp_path, patience=3.0)
        requests = [village.founder(0, "hanging"), village.founder(1), village.founder(2)]
        with self.make(village.nursery, no_beat) as executor:
            assert len(list(executor.develop(requests[1:]))) == 2  # so that starting takes none of the time
            start = time.monotonic()
            hung, *others = by_number(list(executor.develop(requests)))
            assert 3 <= time.monotonic() - start < 40
        assert hung == Individual(requests[0].birth, "failed", reason="hung: no sign of life for 3 s")
        assert others == village.expected(requests[1:])

    def _needs_isolation(self) -> None:
        if not self.isolated:
            pytest.skip("newborns share a process with the loop by design")
