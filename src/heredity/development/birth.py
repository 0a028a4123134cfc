"""Births and individuals: what is planned for one offspring, and what came of it. Plain data, as the store has it."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from heredity.anatomy.genome import Genome
from heredity.development.recipe import Recipe
from heredity.priors.reading import Reading
from heredity.variation import AnyOperator


class Birth(msgspec.Struct, frozen=True):
    """A plan for one offspring. `number` counts a run's births from 0, the ancestor's; so do `parents`, `teachers`.

    Several teachers teach as one. Births with the same `litter`, the number of the first of them, are siblings that are
    developed together, on parameters that they share.
    """

    number: int
    generation: int
    parents: tuple[int, ...]
    operator: AnyOperator
    genome: Genome
    recipe: Recipe
    seed: int
    teachers: tuple[int, ...] = ()
    litter: int | None = None
    teacher: int | UnsetType | None = UNSET
    """What older versions recorded in place of `teachers`: read as that, and never kept."""

    def __post_init__(self) -> None:
        if self.teacher is not UNSET:
            teachers = self.teachers if self.teacher is None else (self.teacher,)
            msgspec.structs.force_setattr(self, "teachers", teachers)
            msgspec.structs.force_setattr(self, "teacher", UNSET)


class Individual(msgspec.Struct, frozen=True):
    """What came of a birth: measurements by name (see `heredity.measures`), and the digest of its weights in the store.

    A failed newborn has a `reason` and neither. `newborn` is the digest of the weights that it was born with, which its
    parents and its birth give once more whenever asked. `seconds` is what its development took, measuring its error
    included; `train_flops` is what its training took of FLOPs (see `heredity.development.develop.example_flops`), None
    if that is not known: an older version recorded it, or its worker was lost. `elapsed` is the run's clock when it was
    recorded; `seconds_left` is what the strategy was told when it asked for this birth. `readings` are those of its
    prior through its training, if it had one. `right` says, a bit an example, which of the validation split's a sibling
    of a litter answers rightly, where that can be said.
    """

    birth: Birth
    status: Literal["developed", "failed"]
    measures: dict[str, float] = {}
    weights: str | None = None
    newborn: str | None = None
    reason: str | None = None
    seconds: float = 0.0
    train_flops: float | None = None
    elapsed: float = 0.0
    seconds_left: float | None = None
    readings: tuple[Reading, ...] = ()
    right: bytes = b""

    @property
    def number(self) -> int:
        """The number of its birth."""
        return self.birth.number

    @property
    def developed(self) -> bool:
        """Whether it lives: it has weights and measurements."""
        return self.status == "developed"
