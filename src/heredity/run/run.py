"""A run as its user holds it: the individuals, the front, and each member's network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from heredity.anatomy.body import Deployed
from heredity.development.birth import Individual
from heredity.errors import InputError
from heredity.measures import UNITS
from heredity.run.front import front_of, objectives_of
from heredity.run.settings import RunSettings, read_settings
from heredity.store.folder import RunFolder
from heredity.store.store import Store
from heredity.variation.operator import Organism


@dataclass(frozen=True)
class Member:
    """An individual with its weights within reach."""

    individual: Individual
    store: Store

    @property
    def id(self) -> str:
        """Its name in the run's folder: the number of its birth, in four digits."""
        return f"{self.individual.number:04d}"

    @property
    def measures(self) -> dict[str, float]:
        """Measurements by name, see `heredity.measures.UNITS`."""
        return self.individual.measures

    def organism(self) -> Organism:
        """Genome, weights and masks."""
        return self.store.organism(self.individual)

    def module(self) -> Deployed:
        """The network in evaluation mode; it takes float32 input as the user has it and returns logits."""
        return self.organism().deployed()


@dataclass(frozen=True)
class Front(Sequence[Member]):
    """Members by descending cost."""

    members: tuple[Member, ...]
    cost: str

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Member]:
        return iter(self.members)

    def __getitem__(self, index: int) -> Member:  # pyright: ignore[reportIncompatibleMethodOverride]  # no slices
        return self.members[index]

    def pick(self, **ceilings: float) -> Member:
        """The member with the least validation error that keeps all ceilings: `front.pick(params=4000)`.

        Raises:
            InputError: no member keeps them, or there is no such measure.
        """
        for name, ceiling in ceilings.items():
            if name not in UNITS or not ceiling > 0:
                came, listed = f"{name}={ceiling}", ", ".join(UNITS)
                raise InputError.of("ceilings above 0 by measure", came, f"choose among {listed}")
        if not self.members:
            raise InputError.of("a front with members", "an empty one", "resume the run first")

        def excess(member: Member) -> float:
            return max((member.measures.get(n, math.inf) / c for n, c in ceilings.items()), default=0.0)

        fitting = [member for member in self if excess(member) <= 1]
        if not fitting:
            nearest = min(self, key=excess)
            asked = ", ".join(f"{name} at most {ceiling:g}" for name, ceiling in ceilings.items())
            near = ", ".join(f"{name} {nearest.measures.get(name, math.nan):g}" for name in ceilings)
            came = f"none, the nearest being {nearest.id} with {near}"
            raise InputError.of(f"a member with {asked}", came, "raise the ceilings, or evolve on")
        return min(fitting, key=lambda m: (m.measures["val_error"], m.measures[self.cost]))


@dataclass(frozen=True)
class Run:
    """A run's folder, opened."""

    folder: RunFolder
    settings: RunSettings
    store: Store

    @classmethod
    def open(cls, folder: RunFolder) -> Run:
        """Opens a run's folder.

        Raises:
            StoreError: there is no run in it, or it cannot be read.
        """
        return cls(folder, read_settings(folder), Store.open(folder.path))

    @property
    def objectives(self) -> tuple[str, ...]:
        """The measures that span the front."""
        return objectives_of(self.settings.cost, self.settings.targets)

    @property
    def individuals(self) -> list[Individual]:
        """Everybody that was recorded, by number, failed newborns included."""
        return self.store.individuals()

    @property
    def front(self) -> Front:
        """The individuals that nobody beats, by descending cost."""
        members = (Member(individual, self.store) for individual in front_of(self.individuals, self.objectives))
        return Front(tuple(members), self.settings.cost)

    def member(self, name: str) -> Member:
        """Any living individual by its id or number.

        Raises:
            InputError: there is none.
        """
        living = {i.number: i for i in self.individuals if i.developed}
        if not name.isdecimal() or int(name) not in living:
            front = ", ".join(m.id for m in self.front) or "none"
            raise InputError.of("a member's id", repr(name), f"on the front are {front}")
        return Member(living[int(name)], self.store)
