"""What a strategy is: it decides who is born next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from heredity.anatomy.constructor import Constructor
from heredity.anatomy.inputs import InputForm
from heredity.development.birth import Birth, Individual
from heredity.run.targets import Targets
from heredity.variation.operator import Organism


@dataclass(frozen=True)
class Horizon:
    """How far a run goes: so many generations after the ancestor's, or so many seconds. Exactly one is given."""

    generations: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Setting:
    """What a strategy knows of its run. All but `workers` is fixed for the run's life; `workers` may matter only to a
    run that is bounded by seconds, which promises no determinism.

    `cost` is the measure to be traded against error. `examples` counts training examples. `organism` reads an
    individual's weights back. `graph_bytes` is what the ancestor's file weighs beside its weights. `graded`: whether it
    can be told of single examples that they are answered rightly; `smooths`, whether labels can be smoothed.
    """

    constructor: Constructor
    inputs: InputForm
    examples: int
    augmentation: tuple[str, ...]
    seed: int
    horizon: Horizon
    cost: str
    targets: Targets
    workers: int
    organism: Callable[[Individual], Organism]
    graph_bytes: int = 0
    graded: bool = True
    smooths: bool = True


class Strategy(ABC):
    """Decides who is born next, by asking and telling.

    Contract (checked by `heredity.testing.strategies`): what `ask` returns is a function of the setting and of what
    was told, and of nothing else - no clock, no global random state - so that replaying its history resumes a run.
    The time that is left comes in as an argument of `ask`, and is recorded. `ask` gives one generation of births,
    numbered on from the last one, the ancestor's being number 0; an empty list ends the run. `tell` takes what became
    of exactly these births, in the order of their numbers, failed ones included.
    """

    @property
    def reshapes(self) -> bool:
        """Whether everybody's network is the ancestor's with other channels: one without channels that can change has
        no descendants, and nobody is smaller than one channel each.
        """
        return True

    @abstractmethod
    def ask(self, seconds_left: float | None) -> list[Birth]:
        """The next generation; empty when there is nothing left to do.

        `seconds_left` are those that the loop can still develop newborns in; None where generations bound the run.
        """

    @abstractmethod
    def tell(self, individuals: Sequence[Individual]) -> None:
        """What became of the births that were asked for last."""
