"""The loop with a strategy and an executor out of thin air: what it asks, records, tells, and when it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
import torch

from heredity.development.birth import Birth, Individual
from heredity.errors import DevelopmentError, ReplayError
from heredity.executors.base import Executor, Request, no_beat
from heredity.run.loop import Clock, Listener, Loop
from heredity.run.strategy import Strategy
from heredity.store.store import Store

Make = Callable[..., Individual]


class Plan(Strategy):
    """So many generations of two, after one of one."""

    def __init__(self, make: Make, generations: int = 2, salt: int = 0) -> None:
        self.make, self.generations, self.salt = make, generations, salt
        self.asked: list[float | None] = []
        self.told: list[list[int]] = []

    def ask(self, seconds_left: float | None) -> list[Birth]:
        self.asked.append(seconds_left)
        generation = len(self.told)
        if generation > self.generations:
            return []
        numbers = [0] if generation == 0 else [2 * generation - 1, 2 * generation]
        births = (self.make(number).birth for number in numbers)
        return [msgspec.structs.replace(b, generation=generation, seed=b.seed + self.salt) for b in births]

    def tell(self, individuals: Sequence[Individual]) -> None:
        self.told.append([individual.number for individual in individuals])


class Stork(Executor):
    """Brings what it is asked for, last one first. `delay` is a newborn's seconds; `fails` are numbers that fail."""

    def __init__(self, store: Store, *, delay: float = 0.0, fails: Sequence[int] = ()) -> None:
        self.store, self.delay, self.fails = store, delay, fails
        self.on_beat = no_beat
        self.cancelled = False
        self.brought: list[int] = []

    def develop(self, requests: Sequence[Request]) -> Iterator[Individual]:
        for request in reversed(requests):
            until = time.monotonic() + self.delay
            while time.monotonic() < until and not self.cancelled:
                time.sleep(0.005)
            if self.cancelled:
                return
            self.brought.append(request.birth.number)
            if request.birth.number in self.fails:
                yield Individual(request.birth, "failed", reason="diverged")
            else:
                weights = self.store.blobs.put({"w": torch.tensor(float(request.birth.number))})
                measures = {"val_error": 0.1, "params": 10.0}
                yield Individual(request.birth, "developed", measures, weights)

    def cancel(self) -> None:
        self.cancelled = True

    def close(self) -> None:
        pass


class Diary(Listener):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def know(self, individuals: Sequence[Individual], elapsed: float) -> None:
        self.lines.append(f"know {len(individuals)}")

    def asked(self, births: Sequence[Birth], known: int) -> None:
        self.lines.append(f"asked {len(births)}, {known} known")

    def recorded(self, individual: Individual) -> None:
        self.lines.append(f"recorded {individual.number}")

    def timed(self, individual: Individual) -> None:
        self.lines.append(f"timed {individual.number}")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path)


def loop(store: Store, strategy: Strategy, executor: Executor, **given: object) -> Loop:
    return Loop(store, strategy, executor, Clock(store, time.monotonic()), **given)  # type: ignore[arg-type]


def test_generations_are_asked_recorded_and_told_in_order(store: Store, individual: Make) -> None:
    plan, diary = Plan(individual), Diary()
    session = loop(store, plan, Stork(store), listener=diary)
    session.run()
    assert plan.told == [[0], [1, 2], [3, 4]]
    assert plan.asked == [None] * 4
    assert [i.number for i in store.individuals()] == [0, 1, 2, 3, 4] == [i.number for i in session.individuals]
    assert diary.lines == [
        *("know 0", "asked 1, 0 known", "recorded 0", "asked 2, 0 known", "recorded 2", "recorded 1"),
        *("asked 2, 0 known", "recorded 4", "recorded 3"),
    ]


def test_only_what_is_not_recorded_is_developed_again(store: Store, individual: Make) -> None:
    loop(store, Plan(individual, 1), Stork(store)).run()
    stork, plan, diary = Stork(store), Plan(individual, 2), Diary()
    store.record(msgspec.structs.replace(Plan(individual).make(4), birth=_birth(individual, 4)))
    loop(store, plan, stork, listener=diary).run()
    assert stork.brought == [3]
    assert plan.told == [[0], [1, 2], [3, 4]]
    assert diary.lines == ["know 4", "asked 1, 1 known", "asked 2, 2 known", "asked 2, 1 known", "recorded 3"]


def _birth(make: Make, number: int) -> Birth:
    return msgspec.structs.replace(make(number).birth, generation=2)


def test_another_plan_than_the_recorded_one_is_refused(store: Store, individual: Make) -> None:
    loop(store, Plan(individual, 1), Stork(store)).run()
    stork = Stork(store)
    with pytest.raises(ReplayError, match="expected the strategy to ask for birth 0 as recorded; came another plan"):
        loop(store, Plan(individual, 2, salt=1), stork).run()
    assert stork.brought == []


def test_a_failed_newborn_is_told_and_the_run_goes_on(store: Store, individual: Make) -> None:
    plan = Plan(individual)
    loop(store, plan, Stork(store, fails=[2])).run()
    assert [i.status for i in store.individuals()] == ["developed", "developed", "failed", "developed", "developed"]
    assert plan.told[1] == [1, 2]


def test_a_failed_ancestor_ends_the_run_now_and_later(store: Store, individual: Make) -> None:
    for _ in range(2):
        with pytest.raises(
            DevelopmentError, match="expected an ancestor that develops; came diverged; mend it, and start"
        ):
            loop(store, Plan(individual), Stork(store, fails=[0])).run()
    assert len(store.individuals()) == 1


class TestTime:
    def test_the_time_that_is_left_is_recorded_and_replayed(self, store: Store, individual: Make) -> None:
        plan = Plan(individual, 1)
        loop(store, plan, Stork(store), deadline=lambda: 50.0).run()
        assert all(left is not None and 49 < left <= 50 for left in plan.asked)
        again = Plan(individual, 2)
        loop(store, again, Stork(store), deadline=lambda: 80.0).run()
        assert again.asked[:2] == plan.asked[:2]
        assert again.asked[2] is not None
        assert again.asked[2] > 79

    def test_a_newborn_that_is_late_is_not_waited_for(self, store: Store, individual: Make) -> None:
        plan, start = Plan(individual, 9), time.monotonic()
        loop(store, plan, Stork(store, delay=0.4), deadline=lambda: 1.0).run()
        assert 0.9 < time.monotonic() - start < 1.5, "nobody gave a beat, and still the deadline was kept"
        assert 1 <= len(store.individuals()) <= 2

    def test_when_the_time_is_up_nobody_is_asked(self, store: Store, individual: Make) -> None:
        loop(store, Plan(individual, 1), Stork(store), deadline=lambda: 50.0).run()
        store.tick(60.0)
        plan, stork = Plan(individual, 5), Stork(store)
        loop(store, plan, stork, deadline=lambda: 50.0).run()
        assert (len(plan.asked), stork.brought) == (2, []), "the recorded generations are replayed"

    def test_no_time_for_the_ancestor(self, store: Store, individual: Make) -> None:
        store.tick(60.0)
        with pytest.raises(DevelopmentError, match=r"expected time to develop the ancestor; .* larger --budget"):
            loop(store, Plan(individual), Stork(store), deadline=lambda: 50.0).run()

    def test_sessions_add_up(self, store: Store) -> None:
        clock = Clock(store, time.monotonic() - 10)
        clock.note()
        assert 10 <= store.elapsed() < 11
        clock.note(every=5)
        assert store.elapsed() < 11
        later = Clock(store, time.monotonic() - 5)
        assert 15 <= later.elapsed < 16
        later.note(every=2)
        assert 15 <= store.elapsed() < 16


def test_latency_is_measured_once_for_each_architecture(store: Store, individual: Make) -> None:
    measured: list[int] = []

    def latency(i: Individual) -> float:
        measured.append(i.number)
        return 0.5 + i.number

    def alike(number: int) -> Individual:
        made = individual(number)
        genome = msgspec.structs.replace(made.birth.genome, tags={"hidden": ((0, 0),) * (1 + number // 3)})
        return msgspec.structs.replace(made, birth=msgspec.structs.replace(made.birth, genome=genome))

    diary = Diary()
    loop(store, Plan(alike), Stork(store), latency_ms=latency, listener=diary).run()
    assert measured == [0, 3]
    assert [i.measures["latency_ms"] for i in store.individuals()] == [0.5, 0.5, 0.5, 3.5, 3.5]
    assert diary.lines[:4] == ["know 0", "asked 1, 0 known", "recorded 0", "timed 0"]
    loop(store, Plan(alike), Stork(store), latency_ms=latency).run()
    assert measured == [0, 3]


def test_networks_of_two_constructors_are_timed_each_whatever_their_sizes(store: Store, individual: Make) -> None:
    def built(number: int) -> Individual:
        made = individual(number)
        constructor = msgspec.structs.replace(made.birth.genome.constructor, keywords={"kernel": 3 + number % 2})
        genome = msgspec.structs.replace(made.birth.genome, constructor=constructor, tags={"hidden": ((0, 0),)})
        return msgspec.structs.replace(made, birth=msgspec.structs.replace(made.birth, genome=genome))

    loop(store, Plan(built), Stork(store), latency_ms=lambda i: 0.5 + i.number).run()
    assert [i.measures["latency_ms"] for i in store.individuals()] == [0.5, 1.5, 0.5, 1.5, 0.5]
