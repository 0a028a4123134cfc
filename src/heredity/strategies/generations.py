"""Evolutionary synthesis generation by generation, as it is published: each is born of the one before.

generation 0     the ancestor; one that is handed over with its weights needs no steps
generation g     `population` births, each of `parents` mates from the generation before (or from all earlier ones), in
                 the environment of generation g

Sources: Shafiee & Wong 2016 (one parent), Chung et al. 2017 (two), Chung, Fieguth, Wong (m parents, gene tags). What
the papers do not say - population, training, alphas - are settings; two sets of them have names: `PAPER` fills the gaps
as plainly as possible, `BEST` adds whatever was found to help (lab/LOG.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from heredity.anatomy.body import anatomy_of
from heredity.development.birth import Birth, Individual
from heredity.development.recipe import Culture, Recipe
from heredity.errors import InputError
from heredity.measures.expected import Cost
from heredity.measures.size import synapses
from heredity.priors.prior import GroupPrior, tailored
from heredity.rng import derive, numpy_generator
from heredity.run.strategy import Setting, Strategy
from heredity.strategies.founder import check_culture, check_prior, founder
from heredity.variation import Synthesis
from heredity.variation.encoding import Mating
from heredity.variation.environment import Environment
from heredity.variation.frame import Matching


class GenerationsSettings(msgspec.Struct, frozen=True):
    """Settings of a synthesis by generations; recorded in `run.json`.

    `parents` of every offspring are drawn from the generation before ("last") or from all ("any"), at random or in the
    order of fitness; fitness is validation error, then synapses. `clusters` and `synapses` are the environments of the
    generations, the last of which holds for all later ones; no `synapses`: they are left alone. `kappas`: set by each
    mating, once on the ancestor, or none ("raw"). The rest of the settings of inheritance are those of `Synthesis`.

    `steps` are the ancestor's and a newborn's; those of a newborn grow with the ancestor's synapses / its own, to the
    power `patience`, up to `longest` times as many. Newborns learn with a `prior` on their groups, if there is one.
    Where seconds bound the run, the ancestor has `ancestor_time` of them (a share), and the `planned` generations the
    rest. `ends_at` is the error at which a line has died out.
    """

    parents: int = 1
    population: int = 4
    pool: Literal["last", "any"] = "last"
    mates: Literal["random", "fittest"] = "random"
    clusters: tuple[Environment, ...] = (Environment(0.8),)
    synapses: tuple[Environment, ...] = (Environment(0.8),)
    cluster: Literal["filter", "kernel"] = "filter"
    cost: Cost = "clusters"
    mating: Mating = "product"
    matching: Matching = "tags"
    chi: float = 1.0
    kappas: Literal["each", "once", "raw"] = "each"
    sharpness: float = 1.0
    truncation: float = 0.0
    spread: float = 0.0
    crowding: float = 0.0
    weights: Literal["fittest", "mean", "fresh"] = "fittest"
    steps: tuple[int, int] = (2000, 500)
    patience: float = 0.0
    longest: float = 8.0
    batch_size: int = 100
    learning_rate: float = 4e-3
    culture: Culture | None = None
    prior: GroupPrior | None = None
    ancestor_time: float = 0.2
    planned: int = 13
    ends_at: float = 1.0

    def __post_init__(self) -> None:
        counts = {"parents": self.parents, "population": self.population, "planned": self.planned}
        for name, count in {**counts, "steps": self.steps[1]}.items():
            if count < 1:
                raise InputError.of(f"{name} of at least 1", count, "raise it")
        if self.parents > self.population:
            came = f"{self.parents} parents of a population of {self.population}"
            raise InputError.of("at most as many parents as a generation has members", came, "change either")
        if not self.clusters:
            raise InputError.of("an environment of clusters", "none", "give one, such as 0.8")
        self.operator(0)  # which refuses what makes no sense

    def operator(self, generation: int) -> Synthesis:
        """How the offspring of a generation, counted from 1, come from their parents."""
        return Synthesis(
            _at(self.clusters, generation),
            _at(self.synapses, generation) if self.synapses else None,
            cluster=self.cluster,
            mating=self.mating,
            matching=self.matching,
            chi=self.chi,
            sampling="raw" if self.kappas == "raw" else "calibrated",
            sharpness=self.sharpness,
            truncation=self.truncation,
            spread=self.spread,
            crowding=self.crowding,
            cost=self.cost,
            weights=self.weights,
        )


def _at(environments: Sequence[Environment], generation: int) -> Environment:
    return environments[min(max(generation, 1), len(environments)) - 1]


PAPER: dict[str, Any] = {}
"""As published, gaps filled plainly: the defaults."""

BEST: dict[str, Any] = {
    "mating": "geometric",
    "sharpness": 4.0,
    "crowding": 0.5,
    "cost": "params",
    "culture": {},
    "patience": 0.5,
    "mates": "fittest",
}
"""What helps: strengths that different numbers of parents share, sharper chances, mercy for narrow layers, a teacher,
more training for smaller networks."""


class Generations(Strategy):
    """See the file's head."""

    def __init__(self, setting: Setting, settings: GenerationsSettings | None = None) -> None:
        self._setting = setting
        self._settings = settings or GenerationsSettings()
        self._living: list[Individual] = []
        self._births = 0
        self._generation = 0
        check_prior(self._settings.prior, setting)
        check_culture(self._settings.culture, setting)

    def ask(self, seconds_left: float | None) -> list[Birth]:
        """The ancestor first; then a population a generation, until the horizon, or until a line has died out."""
        if self._births == 0:
            return [self._founder(seconds_left)]
        last = self._setting.horizon.generations or self._settings.planned
        if self._generation > last or not self._living or self._extinct:
            return []
        return [self._offspring(place, seconds_left) for place in range(self._settings.population)]

    def tell(self, individuals: Sequence[Individual]) -> None:
        """Remembers who lives."""
        self._living += [individual for individual in individuals if individual.developed]
        self._births += len(individuals)
        self._generation += 1

    @property
    def _extinct(self) -> bool:
        """Whether the youngest generation that lives has nobody who is better than `ends_at`."""
        return min(i.measures["val_error"] for i in self._youngest) >= self._settings.ends_at

    @property
    def _youngest(self) -> list[Individual]:
        last = max(i.birth.generation for i in self._living)
        return [i for i in self._living if i.birth.generation == last]

    def _founder(self, seconds_left: float | None) -> Birth:
        return founder(self._setting, self._recipe(self._settings.steps[0], seconds_left, generation=0))

    def _offspring(self, place: int, seconds_left: float | None) -> Birth:
        settings, number = self._settings, self._births + place
        seed = derive(self._setting.seed, number)
        parents = self._mates(seed)
        operator = settings.operator(self._generation)
        if settings.kappas == "once":
            operator = operator.held(self._setting.organism(self._living[0]))
        newborn = operator.conceive([self._setting.organism(parent) for parent in parents], seed)
        anatomy = anatomy_of(newborn.genome)
        shrunk = self._living[0].measures["synapses"] / max(synapses(anatomy, newborn.masks), 1)
        steps = round(settings.steps[1] * min(max(shrunk, 1.0) ** settings.patience, settings.longest))
        recipe, teachers = self._recipe(steps, seconds_left, generation=self._generation), ()
        if settings.culture:
            recipe = msgspec.structs.replace(recipe, culture=settings.culture)
            teachers = (self._living[0].number,)
        if settings.prior:
            recipe = msgspec.structs.replace(recipe, prior=tailored(settings.prior, anatomy, newborn.tensors))
        numbers = tuple(parent.number for parent in parents)
        return Birth(number, self._generation, numbers, operator, newborn.genome, recipe, seed, teachers)

    def _mates(self, seed: int) -> list[Individual]:
        """The parents of a birth, the fittest first; fewer than asked for while there are not so many."""
        pool = self._youngest if self._settings.pool == "last" else self._living
        fittest = sorted(pool, key=lambda i: (i.measures["val_error"], i.measures["synapses"], i.number))
        if self._settings.mates == "fittest":
            return fittest[: self._settings.parents]
        chosen = numpy_generator(seed, "mates").permutation(len(fittest))[: self._settings.parents]
        return [fittest[i] for i in sorted(chosen)]

    def _recipe(self, steps: int, seconds_left: float | None, *, generation: int) -> Recipe:
        """A budget of steps; where the clock bounds the run, of seconds in the same proportions."""
        setting, settings = self._setting, self._settings
        if seconds_left is None:
            seconds = None
        elif generation == 0:
            seconds = settings.ancestor_time * seconds_left
        else:
            left = max(settings.planned - generation, 0) + 1
            seconds = 0.95 * seconds_left * min(setting.workers / settings.population, 1.0) / left
        return Recipe(
            steps=steps if seconds is None else None,
            seconds=seconds,
            batch_size=min(settings.batch_size, setting.examples),
            learning_rate=settings.learning_rate,
            augmentation=setting.augmentation,
        )
