"""The contract of executors: births go in, individuals come out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from torch import nn

from heredity.anatomy.genome import Genome
from heredity.development.birth import Birth, Individual
from heredity.development.task import Task
from heredity.errors import InputError

Record = tuple[Genome, str]
"""An individual as the store has it: its genome, and the digest of its weights."""

OnBeat = Callable[[int, float], None]
"""Told a newborn's number and the share of its training that is done, at most about twice a second for each."""


@dataclass(frozen=True)
class Request:
    """One birth, with the records of its parents, in the birth's order, and of its teachers. Plain data."""

    birth: Birth
    parents: tuple[Record, ...] = ()
    teachers: tuple[Record, ...] = ()


Job = tuple[Request, ...]
"""What one worker does at a time: one newborn, or all of a litter."""


def jobs_of(requests: Sequence[Request]) -> list[Job]:
    """Requests in the given order, those of a litter together."""
    litters: dict[int, list[Request]] = {}
    for request in requests:
        birth = request.birth
        litters.setdefault(birth.number if birth.litter is None else birth.litter, []).append(request)
    return [tuple(job) for job in litters.values()]


@dataclass(frozen=True)
class Nursery:
    """What workers need to bring newborns up, the same for all births of a run.

    `blobs` is the store's folder of weights, `cache` a folder in which teachers' answers are remembered. `module` is
    the ancestor, when a user handed it over instead of naming it. A newborn without a sign of life for `patience`
    seconds counts as hung. Each newborn computes with `threads` threads; results depend on that number, and on
    `device`, on which it trains: "cpu", or "cuda", which is all GPUs in turn, or "cuda:1". `graph_bytes` is what the
    family's ONNX files weigh beside weights.
    """

    task: Task
    blobs: Path
    cache: Path
    module: nn.Module | None = None
    patience: float = 300.0
    threads: int = 1
    graph_bytes: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not self.patience > 0 or self.threads < 1:
            came = f"{self.patience:g} s and {self.threads}"
            raise InputError.of("a patience above 0 s and at least 1 thread", came, "change the settings")


class Executor(ABC):
    """Develops newborns. A context manager: on leaving it, nothing that it started is left.

    `on_beat` may be set until `develop` is called; it runs in the thread that does so, and must not raise.

    Contract:

    * An individual is a function of its request and the nursery alone, bit for bit on one kind of machine: neither the
      number of workers, nor what they did before, nor the order of arrival shows in it (`seconds` aside).
    * Every request is answered once, in any order, by an individual whose weights are in the store by then. Siblings of
      a litter are answered together, one after the other.
    * A newborn that diverges, raises, runs out of memory or, where workers are processes, hangs or takes its worker
      along, is answered too: it has the status "failed" and a reason of one line, and so have all of its litter. The
      others go on.
    * What concerns the whole run is raised: StoreError where weights cannot be read or written, InputError where the
      ancestor cannot be built any more or workers cannot start. `develop` is over then.
    * Whoever leaves `develop` before its end, by an exception or otherwise, thereby stops what is under way.
    * When the loop's process dies, in whatever way, everything that works for it dies within about a second.
    """

    on_beat: OnBeat

    @abstractmethod
    def develop(self, requests: Sequence[Request]) -> Iterator[Individual]:
        """Bring these newborns up, begun in the given order, and yield individuals as they end.

        One call at a time.

        Raises:
            StoreError: weights cannot be read or written.
            InputError: the ancestor cannot be built, or workers cannot start.
        """

    @abstractmethod
    def cancel(self) -> None:
        """End `develop`, now and for good: births that are under way are not yielded.

        May be called at any time from another thread, from a signal handler and from the callback `on_beat`.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop whatever is under way and let go of all workers. May be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def no_beat(number: int, share: float) -> None:
    """Heeds no sign of life."""
