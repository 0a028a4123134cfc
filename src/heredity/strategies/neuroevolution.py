"""Neuroevolution that starts small: networks that grow without forgetting, on parameters that they share.

generation 0     one small network, trained for N1 steps
generation g     the `kept` of the generation before (M2) are born again, and grown ones, each of one of those, come to
                 them until there are `members` (M1); all are trained further, in one litter (`joint`) or `each` alone
lines            so many populations go this way side by side from the same first network, and never meet

Growth is one of four: a family widened; a block beside a convolution, which is wider; a block after a layer, which is
deeper; an Inception module. Blocks that have become nearly the identity may go again. Who is kept is decided by
accuracy, or by co-evolution, which looks for those who are right where others are wrong. After growth the learning rate
is lr |theta_old| / |theta_new|.

Source: Painter, "Deep Neuroevolution with Shared Parameters" (METHODS F). Joint training is N2 steps in all, so a
member's are N2 / M1. How much a mutation adds is not published: a share of the family, or of the site's channels.
Departures: a member has at most one growth a generation, and of nobody's that was just born.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np

from heredity.anatomy.body import Ancestor, anatomy_of, root
from heredity.anatomy.composition import is_plain
from heredity.development.birth import Birth, Individual
from heredity.development.recipe import Recipe
from heredity.errors import InputError
from heredity.measures.size import params
from heredity.rng import derive, numpy_generator
from heredity.run.strategy import Setting, Strategy
from heredity.selection.diversity import coevolved
from heredity.strategies.founder import founder
from heredity.variation import Cloning, Deepening, Flattening, Widening
from heredity.variation.operator import Organism

TRIES = 64
"""Mutations that are drawn, at most, until one fits its parent."""

T = TypeVar("T")
Change = Widening | Deepening | Flattening

Mutation = Literal["widening", "beside", "after", "inception", "flattening"]


class NeuroevolutionSettings(msgspec.Struct, frozen=True):
    """Settings; recorded in `run.json`.

    `members` and `kept` are a line's, of which there are so many `lines`.
    `steps` are the first network's (N1), and a member's in each generation (joint: N2 / M1); `flops`, if given, are
    those of training that they have instead, so that unlike members, and runs, cost the same. `chances` of mutations
    are shares; a mutation adds `amount` of the family's clusters, or of the channels at the site, in the given
    `variant`. `kernels` and their chances are those of blocks; "flattening" takes away blocks that contribute less than
    `negligible`. With `rate` "scaled" the learning rate falls as parameters grow; `annealed`, it falls as a cosine over
    the generations. Where seconds bound the run, the first network has `ancestor_time` of them (a share), and the
    `planned` generations (K) the rest.
    """

    members: int = 10
    kept: int = 3
    lines: int = 1
    planned: int = 15
    steps: tuple[int, int] = (5000, 500)
    flops: tuple[float, float] | None = None
    training: Literal["joint", "each"] = "joint"
    selection: Literal["accuracy", "coevolution"] = "accuracy"
    chances: dict[Mutation, float] = msgspec.field(
        default_factory=lambda: dict[Mutation, float]({"widening": 0.25, "beside": 0.25, "after": 0.5})
    )
    kernels: tuple[tuple[int, float], ...] = ((1, 0.3), (3, 0.35), (5, 0.35))
    amount: float = 0.25
    negligible: float = 0.02
    variant: Literal["pairs", "netmorph", "random"] = "pairs"
    batch_size: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 1e-6
    label_smoothing: float = 0.0
    rate: Literal["scaled", "kept"] = "scaled"
    annealed: bool = False
    carried: bool = True
    augmented: bool = False
    ancestor_time: float = 0.1

    def __post_init__(self) -> None:
        if not 1 <= self.kept < self.members:
            came = f"{self.kept} of {self.members}"
            raise InputError.of("at least 1 kept, and fewer than there are members", came, "change either")
        counts = (*self.steps, self.planned, self.lines)
        if min(counts) < 1:
            raise InputError.of("steps, generations and lines of at least 1", counts, "raise them")
        for name, chances in (("mutations", self.chances.values()), ("kernels", [c for _, c in self.kernels])):
            if not chances or min(chances) < 0 or not math.isclose(sum(chances), 1.0, abs_tol=1e-6):
                raise InputError.of(f"chances of {name} that sum to 1", list(chances), "change them")
        if self.amount <= 0:
            raise InputError.of("an amount of growth above 0", self.amount, "raise it")


PAPER: dict[str, Any] = {}
"""As in the report, gaps filled plainly: the defaults."""

BEST: dict[str, Any] = {
    "lines": 2,
    "members": 4,
    "kept": 2,
    "steps": (4000, 800),
    "planned": 12,
    "selection": "coevolution",
    "annealed": True,
    "augmented": True,
    "weight_decay": 5e-3,
}
"""What should help, not measured yet: augmented images, more training for fewer members, two lines, a falling rate."""


class Neuroevolution(Strategy):
    """See the file's head."""

    def __init__(self, setting: Setting, settings: NeuroevolutionSettings | None = None) -> None:
        self._setting = setting
        self._settings = settings or NeuroevolutionSettings()
        self._lines: list[list[Individual]] = []  # who lives of each one's last generation
        self._asked: list[int] = []  # the line of each birth that was asked for last
        self._births = 0
        self._generation = 0
        self._first_params = 0.0

    def ask(self, seconds_left: float | None) -> list[Birth]:
        """The first network, then a generation of members, until the horizon."""
        if self._births == 0:
            return [founder(self._setting, self._recipe(0, seconds_left, None))]
        if self._generation > self._horizon:
            return []
        births: list[Birth] = []
        self._asked = []
        for line, last in enumerate(self._lines):
            members = self._members(last, self._births + len(births), seconds_left)
            self._asked += [line] * len(members)
            births += members
        return births

    def tell(self, individuals: Sequence[Individual]) -> None:
        """Remembers who lives of each line's last generation; of one that failed as a whole, who lived before it."""
        if self._births == 0:
            first = [individual for individual in individuals if individual.developed]
            self._lines = [first] * self._settings.lines if first else []
            self._first_params = first[0].measures["params"] if first else 0.0
        else:
            for line, before in enumerate(self._lines):
                own = zip(individuals, self._asked, strict=True)
                self._lines[line] = [one for one, its in own if its == line and one.developed] or before
        self._births += len(individuals)
        self._generation += 1

    @property
    def _horizon(self) -> int:
        return self._setting.horizon.generations or self._settings.planned

    def _members(self, last: Sequence[Individual], first: int, seconds_left: float | None) -> list[Birth]:
        """A line's next generation, numbered from `first`: who is kept of its last one, and grown ones."""
        kept = self._kept(last)
        births = [self._birth(parent, Cloning(), first + k, first, seconds_left) for k, parent in enumerate(kept)]
        while len(births) < self._settings.members:
            grown = self._grown(kept, first + len(births), first, seconds_left)
            if grown is None:
                break
            births.append(grown)
        return births

    def _kept(self, last: Sequence[Individual]) -> Sequence[Individual]:
        """Who goes on, the best first."""
        count = self._settings.kept
        if self._settings.selection == "accuracy":
            return sorted(last, key=lambda i: (i.measures["val_error"], i.measures["params"], i.number))[:count]
        if len(last) == 1:
            return last
        bits = [np.unpackbits(np.frombuffer(individual.right, np.uint8)) for individual in last]
        if any(not len(own) for own in bits):
            came = "a task where that cannot be said"
            raise InputError.of("answers that are right or wrong, for co-evolution", came, "set selection=accuracy")
        return [last[k] for k in coevolved(np.stack(bits).astype(bool), count)]

    def _grown(self, kept: Sequence[Individual], number: int, first: int, seconds_left: float | None) -> Birth | None:
        """A birth of somebody grown; none if nothing that is drawn fits."""
        rng = numpy_generator(derive(self._setting.seed, number), "mutation")
        for _ in range(TRIES):
            parent = kept[int(rng.integers(len(kept)))]
            organism = self._setting.organism(parent)
            operator = self._mutation(organism, number, rng)
            try:
                birth = None if operator is None else self._birth(parent, operator, number, first, seconds_left)
            except InputError:  # it cannot grow there
                continue
            if birth is not None and birth.genome != parent.birth.genome and self._fits(birth):
                return birth
        return None

    def _fits(self, birth: Birth) -> bool:
        """Whether the newborn keeps the ceilings that arithmetic can tell."""
        ceilings = self._setting.targets.ceilings
        return params(anatomy_of(birth.genome)) <= ceilings.get("params", math.inf)

    def _birth(
        self, parent: Individual, operator: Cloning | Change, number: int, first: int, seconds_left: float | None
    ) -> Birth:
        """Of a member of the line whose generation begins with the birth `first`."""
        settings = self._settings
        seed = derive(self._setting.seed, number)
        genome = operator.conceive([self._setting.organism(parent)], seed).genome
        recipe = self._recipe(1, seconds_left, params(anatomy_of(genome)))
        litter = first if settings.training == "joint" else number
        return Birth(number, self._generation, (parent.number,), operator, genome, recipe, seed, litter=litter)

    def _mutation(self, organism: Organism, number: int, rng: np.random.Generator) -> Change | None:
        """A growth at a place of its kind; None if there is none."""
        settings, genome = self._settings, organism.genome
        kind = _drawn(rng, list(settings.chances), list(settings.chances.values()))
        if kind == "flattening":
            return Flattening(below=settings.negligible) if genome.blocks else None
        if kind == "widening":
            family = str(rng.choice(sorted(genome.tags)))
            return Widening(family, self._even(genome.sizes[family]), number, settings.variant)
        first = root(genome)
        sites = _sites(first, reads=kind == "beside", maps=kind == "inception")
        if not sites:
            return None
        site = str(rng.choice(sites))
        width = self._even(first.sites[site].returned[0])
        kernels = (1, 3, 5, 0)
        if kind != "inception":
            kernels = (_drawn(rng, [k for k, _ in settings.kernels], [chance for _, chance in settings.kernels]),)
        place: Literal["beside", "after"] = "beside" if kind == "beside" else "after"
        width = max(2, 2 * round(width / len(kernels) / 2))
        norm = len(first.sites[site].returned) > 1
        return Deepening(site, number, place, width, kernels, norm=norm, variant=settings.variant)

    def _even(self, size: int) -> int:
        """How many clusters are added where there are so many: pairs of them."""
        return max(2, 2 * round(self._settings.amount * size / 2))

    def _recipe(self, which: Literal[0, 1], seconds_left: float | None, size: int | None) -> Recipe:
        """Of the first network, 0, or of a member of so many parameters; in seconds where the clock bounds the run."""
        setting, settings, seconds = self._setting, self._settings, None
        if seconds_left is not None and size is None:
            seconds = settings.ancestor_time * seconds_left
        elif seconds_left is not None:
            members = settings.members * settings.lines
            at_once = min(setting.workers, settings.lines if settings.training == "joint" else members)
            left = max(self._horizon - self._generation, 0) + 1
            seconds = 0.95 * seconds_left * at_once / members / left
        rate = settings.learning_rate
        if size is not None and settings.rate == "scaled":
            rate *= self._first_params / size
        if settings.annealed:
            rate *= 0.5 * (1 + math.cos(math.pi * self._generation / (self._horizon + 1)))
        return Recipe(
            steps=settings.steps[which] if seconds is None and settings.flops is None else None,
            flops=settings.flops[which] if seconds is None and settings.flops is not None else None,
            seconds=seconds,
            batch_size=min(settings.batch_size, setting.examples),
            learning_rate=rate,
            weight_decay=settings.weight_decay,
            label_smoothing=settings.label_smoothing,
            schedule="constant",
            augmentation=setting.augmentation if settings.augmented else (),
            carried=settings.carried,
        )


def _drawn(rng: np.random.Generator, what: Sequence[T], chances: Sequence[float]) -> T:
    return what[int(rng.choice(len(what), p=np.asarray(chances) / sum(chances)))]


def _sites(first: Ancestor, *, reads: bool, maps: bool) -> list[str]:
    """Plain layers: where blocks change nothing, whatever the network. Answers are left as they are."""
    return sorted(
        name
        for name, site in first.sites.items()
        if is_plain(first.module.get_submodule(name), reads=reads)
        and site.returned != first.anatomy.outputs
        and (len(site.returned) > 1 or not maps)
    )
