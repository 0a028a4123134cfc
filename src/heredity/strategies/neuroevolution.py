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

import itertools
import math
from collections.abc import Sequence
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np
from msgspec.structs import replace

from heredity.anatomy.blocks import is_map_at
from heredity.anatomy.body import anatomy_of, ancestor, fresh_tensors, root
from heredity.anatomy.composition import is_plain
from heredity.anatomy.genome import Genome
from heredity.development.birth import Birth, Individual
from heredity.development.recipe import Recipe
from heredity.errors import InputError
from heredity.measures import sizes_of
from heredity.measures.size import params
from heredity.priors.prior import GroupPrior, tailored
from heredity.rng import derive, numpy_generator
from heredity.run.strategy import Setting, Strategy
from heredity.selection.diversity import coevolved
from heredity.strategies.founder import check_for_all, check_prior, check_smoothing, founder
from heredity.variation import Cloning, Deepening, Flattening, Widening
from heredity.variation.operator import Organism

MOST = 8
"""How many times as large a family may become at once."""

TRIES = 64
"""Mutations that are drawn, at most, until one fits its parent."""

T = TypeVar("T")
Change = Widening | Deepening | Flattening

Growth = Literal["widening", "beside", "after", "inception"]
Mutation = Literal[Growth, "flattening"]


class NeuroevolutionSettings(msgspec.Struct, frozen=True):
    """Settings; recorded in `run.json`.

    `members` and `kept` are a line's, of which there are so many `lines`.
    `steps` are the first network's (N1, 0 for one that is trained already), and a member's in each generation (joint:
    N2 / M1); `flops`, if given, are those of training that they have instead, so that unlike members, and runs, cost
    the same. `chances` of mutations are shares; a mutation adds `amount` of the family's clusters, or of the channels
    at the site, in the given `variant`. `kernels` and their chances are those of blocks; "flattening" takes away blocks
    that contribute less than `negligible`. With `rate` "scaled" the learning rate falls as parameters grow; `annealed`,
    it falls as a cosine over the generations. Members learn with a `prior` on their groups, if there is one.

    Where seconds bound the run, `steps` do not count: the first network has `ancestor_time` of the seconds (a share),
    and the `planned` generations (K) the rest.
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
    prior: GroupPrior | None = None
    ancestor_time: float = 0.1

    def __post_init__(self) -> None:
        if not 1 <= self.kept < self.members:
            came = f"{self.kept} of {self.members}"
            raise InputError.of("at least 1 kept, and fewer than there are members", came, "change either")
        if self.steps[0] < 0:
            raise InputError.of("steps of the first network of at least 0", self.steps[0], "raise them")
        for name, count in {"steps of a member": self.steps[1], "planned": self.planned, "lines": self.lines}.items():
            if count < 1:
                raise InputError.of(f"{name} of at least 1", count, "raise it")
        for name, chances in (("mutations", self.chances.values()), ("kernels", [c for _, c in self.kernels])):
            if not chances or min(chances) < 0 or not math.isclose(sum(chances), 1.0, abs_tol=1e-6):
                raise InputError.of(f"chances of {name} that sum to 1", list(chances), "change them")
        if not 0 < self.amount <= MOST:
            raise InputError.of(f"an amount of growth above 0, and at most {MOST}", self.amount, "change it")
        if self.flops is not None and not all(0 < flops < math.inf for flops in self.flops):
            raise InputError.of("FLOPs above 0", self.flops, "raise them")
        if not 0 < self.ancestor_time < 1:
            raise InputError.of("ancestor_time in (0, 1)", self.ancestor_time, "give 0.1, say")
        # what these are made of refuses what makes no sense
        Recipe(
            steps=1,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            label_smoothing=self.label_smoothing,
        )
        Deepening("", 1, width=2, kernels=tuple(kernel for kernel, _ in self.kernels))
        Flattening(below=self.negligible)


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
"""What helps: augmented images, more training for fewer members, two lines, a falling rate. With one seed on CIFAR-10:
.809 alone and .821 together, in 82 minutes on two cores (lab/LOG.md, 2026-11-26)."""


class Neuroevolution(Strategy):
    """See the file's head.

    Raises:
        InputError: ceilings that the first network breaks, chances of growth of which none can come true in it,
            co-evolution where nobody can say which answers are right, or FLOPs where seconds bound the run.
    """

    def __init__(self, setting: Setting, settings: NeuroevolutionSettings | None = None) -> None:
        self._setting = setting
        self._settings = settings or NeuroevolutionSettings()
        self._lines: list[list[Individual]] = []  # who lives of each one's last generation
        self._asked: list[int] = []  # the line of each birth that was asked for last
        self._births = 0
        self._generation = 0
        self._first_params = 0.0
        self._check()

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
            if birth is not None and birth.genome != parent.birth.genome and not self._broken(birth.genome):
                return birth
        return None

    def _check(self) -> None:
        """Refuses what the head of this class says."""
        setting, chances = self._setting, self._settings.chances
        if self._settings.selection == "coevolution" and not setting.graded:
            came = "a task where that cannot be said"
            raise InputError.of("answers that are right or wrong, for co-evolution", came, "set selection=accuracy")
        if self._settings.flops is not None and setting.horizon.generations is None:
            came = "a budget of seconds"
            raise InputError.of("a run of generations, for flops", came, "give --generations instead of a budget")
        check_smoothing(setting, self._settings.label_smoothing)
        check_prior(self._settings.prior, setting)
        check_for_all(self._settings.prior)
        first = ancestor(setting.constructor, setting.inputs)
        if broken := self._broken(first.genome):
            measure, size = broken
            came, fix = f"{setting.targets.ceilings[measure]:,.0f}", "raise it, or choose a smaller ancestor"
            raise InputError.of(f"a ceiling of at least {size:,.0f} {measure}, with which growth begins", came, fix)
        organism = Organism(first.genome, fresh_tensors(setting.constructor, 0))
        reasons = {kind: self._hindrance(kind, organism) for kind, chance in chances.items() if chance}
        if all(reasons.values()):
            came = "; ".join(f"{kind}: {reason}" for kind, reason in reasons.items())
            raise InputError.of("chances of growth that this network is capable of", came, "change them")

    def _hindrance(self, kind: Mutation, organism: Organism) -> str | None:
        """Why an organism that was never grown cannot grow so anywhere; None if it can."""
        if kind == "flattening":
            return "there are no blocks to take away"
        reason = {"widening": "it has no family", "inception": "it has no plain layer of maps"}.get(
            kind, "it has no plain layer before its last"
        )
        kernels = [1]
        if kind in ("beside", "after"):
            kernels = [kernel for kernel, chance in self._settings.kernels if chance]
        for place, kernel in itertools.product(_places(kind, organism.genome), kernels):
            try:
                child = self._change(kind, place, kernel, organism.genome, 1).conceive([organism], 0)
            except InputError as error:
                reason = str(error)
                continue
            if (broken := self._broken(child.genome)) is None:
                return None
            reason = f"{broken[1]:,.0f} {broken[0]} are above the ceiling"
        return reason

    def _broken(self, genome: Genome) -> tuple[str, float] | None:
        """A measure that arithmetic can tell and whose ceiling is broken, and how large it is."""
        sizes, ceilings = sizes_of(anatomy_of(genome), self._setting.graph_bytes), self._setting.targets.ceilings
        return next(((m, size) for m, size in sizes.items() if size > ceilings.get(m, math.inf)), None)

    def _birth(
        self, parent: Individual, operator: Cloning | Change, number: int, first: int, seconds_left: float | None
    ) -> Birth:
        """Of a member of the line whose generation begins with the birth `first`."""
        settings = self._settings
        seed = derive(self._setting.seed, number)
        newborn = operator.conceive([self._setting.organism(parent)], seed)
        genome, anatomy = newborn.genome, anatomy_of(newborn.genome)
        recipe = self._recipe(1, seconds_left, params(anatomy))
        if settings.prior is not None:
            recipe = replace(recipe, prior=tailored(settings.prior, anatomy, newborn.tensors))
        litter = first if settings.training == "joint" else number
        return Birth(number, self._generation, (parent.number,), operator, genome, recipe, seed, litter=litter)

    def _mutation(self, organism: Organism, number: int, rng: np.random.Generator) -> Change | None:
        """A growth at a place of its kind; None if there is none."""
        settings, genome, kernel = self._settings, organism.genome, 1
        kind = _drawn(rng, list(settings.chances), list(settings.chances.values()))
        if kind == "flattening":
            return Flattening(below=settings.negligible) if genome.blocks else None
        if not (places := _places(kind, genome)):
            return None
        place = str(rng.choice(places))
        if kind in ("beside", "after"):
            kernel = _drawn(rng, [k for k, _ in settings.kernels], [chance for _, chance in settings.kernels])
        return self._change(kind, place, kernel, genome, number)

    def _change(self, kind: Growth, place: str, kernel: int, genome: Genome, number: int) -> Widening | Deepening:
        """A growth of a family, or at a site, in the birth of this number; Inception modules have their own kernels."""
        settings = self._settings
        if kind == "widening":
            return Widening(place, self._even(genome.sizes[place]), number, settings.variant)
        first = root(genome)
        returned = first.sites[place].returned
        is_map = is_map_at(first.module.get_submodule(place), returned)
        kernels = (1, 3, 5, 0) if kind == "inception" else (kernel,)
        width = max(2, 2 * round(self._even(returned[0 if is_map else -1]) / len(kernels) / 2))
        where: Literal["beside", "after"] = "beside" if kind == "beside" else "after"
        return Deepening(place, number, where, width, kernels, norm=is_map, variant=settings.variant)

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


def _places(kind: Growth, genome: Genome) -> list[str]:
    """Where somebody may grow: families; or plain layers, where blocks change nothing, whatever the network.

    Answers are left as they are.
    """
    if kind == "widening":
        return sorted(genome.tags)
    first = root(genome)
    return sorted(
        name
        for name, site in first.sites.items()
        if is_plain(first.module.get_submodule(name), reads=kind == "beside")
        and site.returned != first.anatomy.outputs
        and (kind != "inception" or is_map_at(first.module.get_submodule(name), site.returned))
    )
