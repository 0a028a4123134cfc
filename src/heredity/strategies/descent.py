"""Descent from one ancestor: the frame for asexual synthesis, and for removal at random and by magnitude beside it.

Every generation covers the whole range of costs, and whoever is on the front of its size may become a parent:

    range         from the ancestor's cost (or the ceiling asked for) to `scarcest` times the cheapest useful member,
                  or to where cheaper ones have proved useless
    targets       one per birth, spread evenly over the range on a log scale, jittered
    parent        among those that cost at least the target, the cheapest whom none of them beats
    environment   target / the parent's cost, but at least `scarcest`; above `mildest` a birth is a clone that ripens

The first generations so run down the range; once it is filled, births fall between neighbours or ripen what is there.

A run bounded by seconds gives every newborn of a generation the same time: smaller networks see more epochs. Where
that would be too short to learn anything, fewer are born. One bounded by generations gives steps, which grow as the
square root of the shrinkage in MACs. The ancestor teaches all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from heredity.anatomy.body import anatomy_of, ancestor
from heredity.development.birth import Birth, Individual
from heredity.development.recipe import Culture, Recipe
from heredity.errors import InputError
from heredity.measures import sizes_of
from heredity.measures.size import macs
from heredity.priors.prior import GroupPrior, tailored
from heredity.rng import derive, numpy_generator
from heredity.run.front import front_of, objectives_of
from heredity.run.strategy import Setting, Strategy
from heredity.strategies.founder import check_culture, check_prior, founder
from heredity.strategies.timetable import Plan, Timetable
from heredity.variation import AnyOperator, Cloning, MagnitudeRemoval, RandomRemoval, Synthesis
from heredity.variation.environment import Environment

Method = Literal["synthesis", "random-removal", "magnitude-removal"]


class DescentSettings(msgspec.Struct, frozen=True):
    """Settings of a descent; recorded in `run.json`.

    `usefulness` is how much larger than the best error (a share) an error may be for its owner to be of use.
    `ancestor_time` is the ancestor's share of a run's seconds, `acceleration` the factor by which newborns' time grows
    from one generation to the next, of `planned` generations in all. `least_epochs` (ancestor, newborn) are passes over
    the data, at the ancestor's speed, for which a run's seconds should last: else the ancestor has a larger share of
    them, and fewer newborns are born. `steps` (ancestor, newborn) hold where generations bound the run. `synapses` is
    the share of its synapses that an offspring may keep; None leaves them alone. Newborns learn with a `prior` on their
    groups, if there is one.
    """

    method: Method = "synthesis"
    population: int = 8
    scarcest: float = 0.2
    mildest: float = 0.85
    usefulness: float = 0.1
    sharpness: float = 4.0
    spread: float = 0.4
    crowding: float = 0.5
    synapses: float | None = None
    learning_rate: float = 4e-3
    culture: Culture | None = Culture()
    prior: GroupPrior | None = None
    ancestor_time: float = 0.13
    planned: int = 10
    acceleration: float = 1.1
    least_epochs: tuple[float, float] = (2.0, 0.5)
    steps: tuple[int, int] = (2000, 800)

    def __post_init__(self) -> None:
        counts = {"population": self.population, "planned": self.planned, "steps": self.steps[1]}
        shares = {"scarcest": self.scarcest, "ancestor_time": self.ancestor_time, "synapses": self.synapses}
        for name, count in counts.items():
            if count < 1:
                raise InputError.of(f"{name} of at least 1", count, "raise it")
        for name, share in shares.items():
            if share is not None and not 0 < share <= 1:
                raise InputError.of(f"{name} in (0, 1]", share, "give a share, such as 0.5")


class Descent(Strategy):
    """See the file's head."""

    def __init__(self, setting: Setting, settings: DescentSettings | None = None) -> None:
        self._setting = setting
        self._settings = settings or DescentSettings()
        self._living: list[Individual] = []
        self._births = 0
        self._generation = 0
        self._asked = self._plan = Plan(self._settings.population, self._settings.planned)
        first = ancestor(setting.constructor, setting.inputs)
        self._time = Timetable(macs(first.anatomy), setting.examples, setting.workers, self._settings.least_epochs)
        self._objectives = objectives_of(setting.cost, setting.targets)
        check_prior(self._settings.prior, setting)
        check_culture(self._settings.culture, setting)

    def ask(self, seconds_left: float | None) -> list[Birth]:
        """The ancestor first; then a population a generation, until the horizon."""
        if self._births == 0:
            return [self._founder(seconds_left)]
        if self._generation == 1 and seconds_left is not None:
            self._plan = self._time.plan(seconds_left, self._besides, self._asked)
        last = self._setting.horizon.generations or self._plan.generations
        if self._generation > last or not self._living:
            return []
        return [self._offspring(place, seconds_left) for place in range(self._plan.population)]

    def tell(self, individuals: Sequence[Individual]) -> None:
        """Remembers who lives."""
        self._living += [individual for individual in individuals if individual.developed]
        self._births += len(individuals)
        self._generation += 1

    @property
    def _besides(self) -> float:
        """Seconds of a development that are not training: as many as the ancestor's, at most."""
        first = self._living[0]
        return max(0.0, first.seconds - (first.birth.recipe.seconds or first.seconds))

    def _founder(self, seconds_left: float | None) -> Birth:
        if seconds_left is None:
            recipe = self._recipe(self._settings.learning_rate, steps=self._settings.steps[0])
        else:
            seconds = self._time.ancestor(seconds_left, self._settings.ancestor_time)
            recipe = self._recipe(self._settings.learning_rate, seconds=seconds)
        return founder(self._setting, recipe)

    def _offspring(self, place: int, seconds_left: float | None) -> Birth:
        number = self._births + place
        seed = derive(self._setting.seed, number)
        dice = numpy_generator(seed, "plan")
        measure = self._objectives[1:][number % len(self._objectives[1:])]
        low, high = self._range(measure)
        target = low * (high / low) ** ((place + dice.random()) / self._plan.population)
        parent = self._parent(measure, target)
        share = max(target / parent.measures[measure], self._settings.scarcest)
        operator = self._operator(share, measure)
        newborn = operator.conceive([self._setting.organism(parent)], seed)
        anatomy, first = anatomy_of(newborn.genome), self._living[0].measures
        sizes = sizes_of(anatomy)
        rate = self._settings.learning_rate * (first["params"] / sizes["params"]) ** (1 / 6)
        if seconds_left is None:
            more = min(4.0, math.sqrt(first["macs"] / max(sizes["macs"], 1.0)))
            recipe = self._recipe(rate, steps=round(self._settings.steps[1] * more))
        else:
            seconds = self._time.newborn(
                seconds_left, self._besides, self._plan, self._generation, self._settings.acceleration
            )
            recipe = self._recipe(rate, seconds=seconds)
        teachers = ()
        if self._settings.culture and self._living[0].number == 0 and not self._hurried:
            recipe, teachers = msgspec.structs.replace(recipe, culture=self._settings.culture), (0,)
        if self._settings.prior:
            recipe = msgspec.structs.replace(recipe, prior=tailored(self._settings.prior, anatomy, newborn.tensors))
        return Birth(number, self._generation, (parent.number,), operator, newborn.genome, recipe, seed, teachers)

    def _range(self, measure: str) -> tuple[float, float]:
        """`(low, high)` of a cost within which this generation aims."""
        tolerated = min(i.measures["val_error"] for i in self._living) + self._settings.usefulness
        cheapest = min(i.measures[measure] for i in self._living if i.measures["val_error"] <= tolerated)
        useless = [i.measures[measure] for i in self._living if i.measures[measure] < cheapest]
        high = self._living[0].measures[measure]
        low = max(self._settings.scarcest * cheapest, max(useless, default=0.0))
        ceiling = self._setting.targets.ceilings.get(measure)
        if ceiling is not None and measure != "val_error":
            high = min(high, ceiling)
            low = min(low, high / 2)
        return low, high

    def _parent(self, measure: str, target: float) -> Individual:
        larger = [i for i in self._living if i.measures[measure] >= target]
        return front_of(larger or self._living[:1], ("val_error", measure))[-1]

    def _operator(self, share: float, measure: str) -> AnyOperator:
        settings = self._settings
        if share > settings.mildest:
            return Cloning()
        environment, cost = Environment(share), "macs" if measure in ("macs", "latency_ms") else "params"
        if settings.method == "random-removal":
            return RandomRemoval(environment, cost, settings.spread, settings.crowding)
        if settings.method == "magnitude-removal":
            return MagnitudeRemoval(environment, cost, settings.spread, settings.crowding)
        synapses = None if settings.synapses is None else Environment(settings.synapses)
        return Synthesis(
            environment,
            synapses,
            sharpness=settings.sharpness,
            spread=settings.spread,
            crowding=settings.crowding,
            cost=cost,
        )

    @property
    def _hurried(self) -> bool:
        seconds = self._living[0].birth.recipe.seconds
        return seconds is not None and self._time.hurried(seconds)

    def _recipe(self, learning_rate: float, *, steps: int | None = None, seconds: float | None = None) -> Recipe:
        """Small data sets are learnt in small batches: about 32 to an epoch, of 32 to 128 examples."""
        batch = 2 ** max(5, min(7, round(math.log2(self._setting.examples / 32))))
        hurried = self._hurried if self._living else seconds is not None and self._time.hurried(seconds)
        augmentation = () if hurried else self._setting.augmentation
        return Recipe(
            steps=steps, seconds=seconds, batch_size=batch, learning_rate=learning_rate, augmentation=augmentation
        )
