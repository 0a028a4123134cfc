"""Group pruning: a ladder of sizes, each rung asked for by a share and met.

generation 0       the ancestor
then in rounds of three generations, for every rung side by side:
    regularised    a clone of the smallest good network above the rung, trained with a group prior that is told which
                   share has to go
    reduced        the same without that share; nobody trains it: the prior has seen to it that nothing is lost
    tuned          a clone of that, trained once more, without a prior

Rungs lie evenly on a log scale between the ancestor's cost and `smallest` of it, or the ceiling asked for, of several
the one that is the least share of what the ancestor has. In the first
round all begin with the ancestor; later rounds come from the next larger member of the front, so that the small descend
in smaller steps. With `start` "random" the first round's networks are new ones.

Source: patent JP7085158B2 for the prior and the removal (`heredity.priors`, NOTICE); the ladder, the rounds and the
tuning are ours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, cast

import msgspec
from msgspec.structs import replace

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.body import anatomy_of, ancestor
from heredity.development.birth import Birth, Individual
from heredity.development.recipe import Culture, Recipe
from heredity.errors import InputError
from heredity.measures import sizes_of
from heredity.measures.expected import Cost
from heredity.measures.size import macs
from heredity.priors.boundary import boundary, parts_sides
from heredity.priors.dial import Dial
from heredity.priors.prior import GroupPrior, tailored
from heredity.rng import derive
from heredity.run.front import front_of
from heredity.run.strategy import Setting, Strategy
from heredity.strategies.founder import check_culture, check_prior, founder
from heredity.strategies.timetable import MISCELLANEOUS, Timetable
from heredity.variation import AnyOperator, Cloning, Founding, Reduction
from heredity.variation.operator import Organism

PHASES = 3
"""Generations of a round."""

APART = 0.98
"""A parent costs more than a rung by at least this factor: else nothing is left to remove."""

LEAST_EPOCHS = (2.0, 0.5)
"""Passes over the data that the ancestor and others should have at least, see `Timetable`."""


LEAST = 1e-3
"""A share that goes where a parent is as small as its rung already."""


class GroupPruningSettings(msgspec.Struct, frozen=True):
    """Settings of a ladder; recorded in `run.json`.

    The ladder takes away these `shares` of the ancestor's cost; without any it has so many `rungs`, of which the last
    is `smallest` of that cost, or the ceiling asked for. `start` says whether the first round's networks are the
    ancestor's clones or new ones. `steps` (ancestor, regularised, tuned) hold where generations bound the run, `times`
    are shares of the seconds where these do; tuned networks have what is left.

    The `prior` is told the share by the ladder: of what is traded, or of the prior's own `cost` ("macs", "clusters").
    With a kind other than mixtures the share only says who goes at the end. One that has mixtures of its own makes a
    ladder of one rung: everybody on the wrong side of their boundary goes.
    """

    shares: tuple[float, ...] = ()
    rungs: int = 4
    smallest: float = 0.1
    start: Literal["trained", "random"] = "trained"
    prior: GroupPrior = GroupPrior()
    learning_rate: float = 4e-3
    batch_size: int = 128
    culture: Culture | None = Culture()
    steps: tuple[int, int, int] = (2000, 1500, 800)
    times: tuple[float, float] = (0.2, 0.5)

    def __post_init__(self) -> None:
        for name, count in {"rungs": self.rungs, "steps": min(self.steps), "batch_size": self.batch_size}.items():
            if count < 1:
                raise InputError.of(f"{name} of at least 1", count, "raise it")
        if not 0 < self.smallest < 1:
            raise InputError.of("smallest, a share in (0, 1)", self.smallest, "give 0.1 for a tenth")
        if min(self.times) <= 0 or sum(self.times) >= 1:
            raise InputError.of("times, two shares that leave some", self.times, "give 0.2,0.5")
        if self.prior.share is not None or self.prior.constant:
            came = "a prior with a share or a constant of its own"
            raise InputError.of("the shares of a ladder", came, "give shares instead")
        for name, mixture in (*self.prior.mixtures.items(), *self.prior.later.items()):
            if not parts_sides(mixture):
                expected = f"a boundary above 0, and finite, of the mixture for {name or 'all families'}"
                raise InputError.of(expected, f"{boundary(mixture):g}", "change the mixture")
        if self.prior.mixtures and self.shares:
            raise InputError.of("either shares or a prior's mixtures", "both", "leave one out")
        for share in self.shares:
            replace(self.prior, share=share)  # which refuses what makes no sense


class Plan(NamedTuple):
    """Who comes from whom, how, under which prior, and with a teacher or without."""

    parents: tuple[int, ...]
    operator: AnyOperator
    newborn: Organism
    prior: GroupPrior | None = None


class GroupPruning(Strategy):
    """See the file's head."""

    def __init__(self, setting: Setting, settings: GroupPruningSettings | None = None) -> None:
        self._setting = setting
        self._settings = settings or GroupPruningSettings()
        self._living: list[Individual] = []
        self._last: list[Individual] = []
        self._births = 0
        self._generation = 0
        self._phase = 0
        anatomy = ancestor(setting.constructor, setting.inputs).anatomy
        self._measure = self._laid_by(sizes_of(anatomy, setting.graph_bytes))
        self._time = Timetable(macs(anatomy), setting.examples, setting.workers, LEAST_EPOCHS)
        prior = self._settings.prior
        check_prior(prior if prior.mixtures else replace(prior, share=0.5), setting, cut=True)
        check_culture(self._settings.culture, setting)
        self._check_shares(anatomy)

    def ask(self, seconds_left: float | None) -> list[Birth]:
        """The ancestor; then a phase of every rung, until the horizon, which is one round where seconds bound it."""
        if self._births == 0:
            return [self._founder(seconds_left)]
        if not self._living or self._generation > (self._setting.horizon.generations or PHASES):
            return []
        plans = self._regularised() if self._phase == 0 else [self._next(parent) for parent in self._last]
        return [self._birth(place, plan, len(plans), seconds_left) for place, plan in enumerate(plans)]

    def tell(self, individuals: Sequence[Individual]) -> None:
        """Remembers who lives; a round of which nobody does is begun anew."""
        self._last = [individual for individual in individuals if individual.developed]
        self._living += self._last
        if self._generation > 0:
            self._phase = (self._phase + 1) % PHASES if self._last else 0
        self._births += len(individuals)
        self._generation += 1

    def _founder(self, seconds_left: float | None) -> Birth:
        seconds = None if seconds_left is None else self._time.ancestor(seconds_left, self._settings.times[0])
        return founder(self._setting, self._recipe(self._settings.steps[0], seconds))

    def _laid_by(self, sizes: Mapping[str, float]) -> str:
        """The measure of which rungs are shares: the prior's own, or what is traded.

        Without shares, the one whose ceiling is the least share of these sizes. Latency is none: MACs stand for it.

        Raises:
            InputError: the prior's own is another than that of the ceilings, which no rung would lead to.
        """
        setting, own = self._setting, self._settings.prior.cost
        asked = {name: ceiling / sizes[name] for name, ceiling in setting.targets.ceilings.items() if name in sizes}
        if own != GroupPrior().cost:
            if asked and own not in asked and not self._settings.shares:
                expected, came = f"a ceiling of {own}, as prior.cost says", f"one of {next(iter(asked))}"
                raise InputError.of(expected, came, "leave prior.cost out, or give shares")
            return own
        if asked and not self._settings.shares:
            return min(asked, key=lambda name: asked[name])
        return "macs" if setting.cost == "latency_ms" else setting.cost

    def _check_shares(self, anatomy: Anatomy) -> None:
        """Refuses shares that cannot go of this ancestor, or after which too much is left.

        Raises:
            InputError: so it is.
        """
        dial, smallest = Dial(anatomy, self._cost, self._constant), self._settings.smallest
        if not self._settings.shares:
            if smallest != GroupPruningSettings().smallest:  # which nobody has asked for
                dial.check(1 - smallest)
            return
        for share in self._settings.shares:
            dial.check(share)
            dial.check_fine(share)
        whole = sizes_of(anatomy, self._setting.graph_bytes).get(self._measure, math.inf)
        ceiling, most = self._setting.targets.ceilings.get(self._measure), max(self._settings.shares)
        if ceiling is not None and whole * (1 - most) > ceiling:
            least = math.ceil(1000 * (1 - ceiling / whole)) / 1000
            expected = f"shares that lead to at most {ceiling:,.0f} {self._measure}"
            came = f"{most:g}, which leaves {whole * (1 - most):,.0f}"
            raise InputError.of(expected, came, f"ask for {least:g}, or leave shares out")

    @property
    def _cost(self) -> Cost:
        """What a prior's share is a share of: bytes are weights and a constant."""
        return "params" if self._measure == "bytes" else cast("Cost", self._measure)

    @property
    def _constant(self) -> float:
        """What counts beside weights, in weights."""
        return self._setting.graph_bytes / 4 if self._measure == "bytes" else 0.0

    def _size(self, individual: Individual) -> float:
        """By the measure of which rungs are shares."""
        if self._measure == "clusters":
            return float(sum(individual.birth.genome.sizes.values()))
        return individual.measures[self._measure]

    def _rungs(self) -> list[float]:
        """What the rungs cost, the largest first; of a prior's own mixtures one, of which that is not known."""
        if self._settings.prior.mixtures:
            return [0.0]
        settings, whole = self._settings, self._size(self._living[0])
        if settings.shares:
            return [whole * (1 - share) for share in sorted(settings.shares)]
        ceiling = self._setting.targets.ceilings.get(self._measure)
        if ceiling is None or ceiling >= whole:  # one above the ancestor asks for nothing
            ceiling = whole * settings.smallest
        last = min(ceiling, whole * APART)
        return [whole * (last / whole) ** (k / settings.rungs) for k in range(1, settings.rungs + 1)]

    def _regularised(self) -> list[Plan]:
        """A clone for every rung, with a prior that is told what has to go."""
        return [self._begun(place, rung) for place, rung in enumerate(self._rungs())]

    def _begun(self, place: int, rung: float) -> Plan:
        setting, settings, first = self._setting, self._settings, self._living[0]
        parent = first
        if self._generation > 1:
            larger = [i for i in self._living if self._size(i) * APART >= rung]
            traded = "params" if self._measure == "clusters" else self._measure
            parent = front_of(larger or [first], ("val_error", traded))[-1]
        operator, parents, newborn = Cloning(), (parent.number,), setting.organism(parent)
        if self._generation <= 1 and settings.start == "random":
            operator, parents = Founding(setting.constructor, setting.inputs), ()
            newborn = operator.conceive([], derive(setting.seed, self._births + place))
        return Plan(parents, operator, newborn, self._prior(newborn, parent, rung))

    def _prior(self, newborn: Organism, parent: Individual, rung: float) -> GroupPrior | None:
        """The prior that leads from a parent, or a newborn of its size, to a rung."""
        prior, anatomy = self._settings.prior, anatomy_of(newborn.genome)
        if not prior.mixtures:
            share = max(1 - rung / self._size(parent), LEAST)
            prior = replace(prior, share=share, cost=self._cost, constant=self._constant)
        return tailored(prior, anatomy, newborn.tensors)

    def _next(self, parent: Individual) -> Plan:
        """Of who is regularised a reduced one, of who is reduced one to be tuned."""
        prior, organism = parent.birth.recipe.prior, self._setting.organism(parent)
        if prior is None:
            return Plan((parent.number,), Cloning(), organism)
        reduction = Reduction(prior)
        return Plan((parent.number,), reduction, reduction.conceive([organism], 0))

    def _birth(self, place: int, plan: Plan, count: int, seconds_left: float | None) -> Birth:
        number = self._births + place
        if self._phase == 1:
            recipe = self._recipe(0, None if seconds_left is None else 0.0)
        else:
            steps = self._settings.steps[1 if self._phase == 0 else 2]
            recipe = self._recipe(steps, None if seconds_left is None else self._seconds(seconds_left, count))
        teachers = (0,) if self._settings.culture and self._phase != 1 and self._living[0].number == 0 else ()
        culture = self._settings.culture if teachers else None
        recipe = replace(recipe, culture=culture, prior=plan.prior)
        seed = derive(self._setting.seed, number)
        return Birth(number, self._generation, plan.parents, plan.operator, plan.newborn.genome, recipe, seed, teachers)

    def _seconds(self, seconds_left: float, count: int) -> float:
        """Of a newborn's training, so that its generation has this phase's share of what is left."""
        share = self._settings.times[1] / (1 - self._settings.times[0]) if self._phase == 0 else 1.0
        turns = -(-count // self._setting.workers)
        first = self._living[0]
        besides = max(0.0, first.seconds - (first.birth.recipe.seconds or first.seconds))
        each = (1 - MISCELLANEOUS) * share * seconds_left / turns
        return max(each - besides, each / 2)

    def _recipe(self, steps: int, seconds: float | None) -> Recipe:
        setting, settings = self._setting, self._settings
        return Recipe(
            steps=steps if seconds is None else None,
            seconds=seconds,
            batch_size=min(settings.batch_size, setting.examples),
            learning_rate=settings.learning_rate,
            augmentation=setting.augmentation,
        )
