"""The loop: ask who is born next, develop them, record what came of them, tell.

    while the horizon is not reached:
        births = strategy.ask(seconds left)           replayed: equal to what is recorded, or the run refuses to go on
        for individual in executor.develop(births):   only those that are not recorded yet
            store.record(individual)
        strategy.tell(individuals by number)

History is the state: a resumed run replays it from the start, and goes on where it ends.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from heredity.anatomy.genome import Genome, digest
from heredity.development.birth import Birth, Individual
from heredity.errors import DevelopmentError, ReplayError
from heredity.executors.base import Executor, Record, Request
from heredity.run.strategy import Strategy
from heredity.store.store import Store

TICK = 2.0
"""Seconds between two notes of the run's clock in the store: what a kill may cost a run that is bounded by time."""


class Clock:
    """The run's own time: seconds over all its sessions, noted in the store."""

    def __init__(self, store: Store, started: float) -> None:
        self._store = store
        self._noted = started
        self._before = store.elapsed()
        self._started = started

    @property
    def elapsed(self) -> float:
        """Seconds since the run began, sessions that were killed included up to their last note."""
        return self._before + time.monotonic() - self._started

    def note(self, every: float = 0.0) -> None:
        """Writes the time down, unless that was done less than `every` seconds ago."""
        now = time.monotonic()
        if now - self._noted >= every:
            self._store.tick(now - self._noted)
            self._noted = now


class Listener:
    """Told what happens in a run; every method may be left as it is."""

    def reading(self, done: int, images: int) -> None:
        """Before anything else: so many of the data's images have been decoded."""

    def know(self, individuals: Sequence[Individual], elapsed: float) -> None:
        """A session begins: who was recorded in earlier ones, and the run's seconds so far."""

    def asked(self, births: Sequence[Birth], known: int) -> None:
        """A generation is under way; `known` of its births were recorded in an earlier session."""

    def beat(self, number: int, share: float) -> None:
        """A newborn has done this share of its training."""

    def recorded(self, individual: Individual) -> None:
        """An individual is in the store."""

    def timed(self, individual: Individual) -> None:
        """An individual's latency has been measured."""

    def finishing(self, done: int, members: int) -> None:
        """The front is being measured and exported: so many of its members are done."""

    def measuring(self, done: int, readings: int) -> None:
        """A study reads test errors of a run that is over, and of whole generations: so many are done."""


@dataclass
class Loop:
    """One session of a run.

    `deadline` gives the run's second at which development must end, or None where generations bound the run; it may
    change as the front grows. `latency_ms`, where given, is measured of every architecture once, while no newborn
    trains.
    """

    store: Store
    strategy: Strategy
    executor: Executor
    clock: Clock
    deadline: Callable[[], float | None] = lambda: None
    latency_ms: Callable[[Individual], float] | None = None
    listener: Listener = field(default_factory=Listener)

    def __post_init__(self) -> None:
        self._individuals = {individual.number: individual for individual in self.store.individuals()}

    @property
    def individuals(self) -> list[Individual]:
        """Everybody that is recorded, by number."""
        return [self._individuals[number] for number in sorted(self._individuals)]

    def run(self) -> None:
        """Goes on until the strategy ends or the time is up.

        Raises:
            DevelopmentError: the ancestor failed, or the time was up before it had grown: nobody can descend.
            ReplayError: the strategy asks for other births than it did when the history was recorded.
            StoreError: the store cannot be read or written.
        """
        told = 0
        self.listener.know(self.individuals, self.clock.elapsed)
        while (left := self._seconds_left(told)) is None or left > 0:
            if not (births := self.strategy.ask(left)):
                break
            known = self._replayed(births)
            self.listener.asked(births, known)
            if known < len(births):
                self._develop([birth for birth in births if birth.number not in self._individuals], left)
            if any(birth.number not in self._individuals for birth in births):
                break  # the time is up
            self._time(births)
            self._check_ancestor()
            told += len(births)
            self.strategy.tell([self._individuals[birth.number] for birth in births])
        self.clock.note()
        self._check_ancestor()

    def _check_ancestor(self) -> None:
        first = self._individuals.get(0)
        if first is None:
            raise DevelopmentError(
                "expected time to develop the ancestor; came to the budget's end; start anew with a larger --budget"
            )
        if not first.developed:
            raise DevelopmentError(
                f"expected an ancestor that develops; came {first.reason}; mend it, and start anew in another folder"
            )

    def _seconds_left(self, number: int) -> float | None:
        """What is left when birth `number` is asked for: as recorded, if any of its generation is."""
        deadline = self.deadline()
        if deadline is None:
            return None
        recorded = [i.seconds_left for n, i in self._individuals.items() if n >= number]
        return recorded[0] if recorded else deadline - self.clock.elapsed

    def _replayed(self, births: Sequence[Birth]) -> int:
        """How many of these births are recorded already; refuses to go on if any of them is another one."""
        known = [birth for birth in births if birth.number in self._individuals]
        for birth in known:
            if self._individuals[birth.number].birth != birth:
                raise ReplayError(
                    f"expected the strategy to ask for birth {birth.number} as recorded; came another plan; "
                    f"resume with the version and the data that the run began with"
                )
        return len(known)

    def _develop(self, births: Sequence[Birth], left: float | None) -> None:
        requests = [self._request(birth) for birth in births]
        sizes, together = Counter(birth.litter for birth in births), list[Individual]()
        for individual in self._on_time(self.executor.develop(requests)):
            together.append(msgspec.structs.replace(individual, elapsed=self.clock.elapsed, seconds_left=left))
            litter = individual.birth.litter
            if litter is not None and len(together) < sizes[litter]:
                continue  # a litter is recorded whole, since none of it can be developed without the others
            self.store.record(*together)
            self.clock.note(every=TICK)
            for stamped in together:
                self._individuals[stamped.number] = stamped
                self.listener.recorded(stamped)
            together = []

    def _on_time(self, newborns: Iterator[Individual]) -> Iterator[Individual]:
        """Newborns up to the deadline, also when workers hang and give no beat to look at the clock on."""
        ended = threading.Event()

        def watch() -> None:
            while not self._heed_deadline() and (deadline := self.deadline()) is not None:
                if ended.wait(max(0.01, deadline - self.clock.elapsed)):  # it may have moved by then
                    break

        threading.Thread(target=watch, name="watch for the deadline", daemon=True).start()
        try:
            yield from newborns
        finally:
            ended.set()

    def _request(self, birth: Birth) -> Request:
        return Request(
            birth,
            tuple(self._living(number) for number in birth.parents),
            tuple(self._living(number) for number in birth.teachers),
        )

    def _living(self, number: int) -> Record:
        individual = self._individuals[number]
        if individual.weights is None:
            raise ReplayError(
                f"expected a living parent or teacher; came individual {number}, which failed; mend the strategy"
            )
        return individual.birth.genome, individual.weights

    def beat(self, number: int, share: float) -> None:
        """The executor's sign of life from a newborn; at the deadline, the end of development."""
        self.clock.note(every=TICK)
        self.listener.beat(number, share)
        self._heed_deadline()

    def _heed_deadline(self) -> bool:
        """Whether the time is up; the executor stops then."""
        deadline = self.deadline()
        late = deadline is not None and self.clock.elapsed > deadline
        if late:
            self.executor.cancel()
        return late

    def _time(self, births: Sequence[Birth]) -> None:
        """Measures latency of architectures that have none yet."""
        if self.latency_ms is None:
            return
        known = {
            _architecture(i.birth.genome): i.measures["latency_ms"]
            for i in self._individuals.values()
            if "latency_ms" in i.measures
        }
        for individual in (self._individuals[birth.number] for birth in births):
            if individual.developed and "latency_ms" not in individual.measures:
                shape = _architecture(individual.birth.genome)
                known.setdefault(shape, self.latency_ms(individual) if shape not in known else 0.0)
                self.store.measured(individual.number, "latency_ms", known[shape])
                measures = {**individual.measures, "latency_ms": known[shape]}
                self._individuals[individual.number] = msgspec.structs.replace(individual, measures=measures)
                self.listener.timed(self._individuals[individual.number])


def _architecture(genome: Genome) -> Hashable:
    """What a network computes with, whatever its weights: constructor, blocks and number of clusters by family."""
    return digest(genome.constructor), genome.blocks, tuple(genome.sizes.items())
