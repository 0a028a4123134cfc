"""Dual inheritance: genes are drawn from a distribution that learns, and culture goes from ancestors to descendants.

    theta = argmax_theta  integral h(x) P_theta(x) dx       x genes, h performance, P_theta their distribution

generation 0     the ancestor, by the default recipe
generation g     `population` newborns; genes say what each is built and trained with, and somebody of an earlier
                 generation teaches it. How they err without the teacher, and what they cost, the distribution is told

Sources: Shinozaki, "DNN Optimization Based on Dual Inheritance Theory"; Shinozaki & Watanabe 2015 (METHODS E).
Departures: whose network cannot be built, or breaks a ceiling that arithmetic can tell, is not trained. The
distribution is told that it comes after all others, by how much it breaks the ceiling; the generation has so many
births less. Where nobody is left, the distribution is asked again, for `TRIES` populations at most; the last is trained
whatever it weighs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import msgspec
import numpy as np
from msgspec.structs import replace

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.body import anatomy_of, ancestor
from heredity.anatomy.constructor import Constructor
from heredity.development.birth import Birth, Individual
from heredity.development.hidden import last_layer
from heredity.development.recipe import Culture, Recipe
from heredity.errors import InputError
from heredity.genes.cma import CMA, FEWEST
from heredity.genes.defaults import default_genes
from heredity.genes.distribution import Distribution, Fates, Theta
from heredity.genes.expression import CULTURE, MODEL, RECIPE, Expression, check_meaning, express, usual_values
from heredity.genes.gene import Gene, When
from heredity.genes.nsga import NSGA
from heredity.genes.random import RandomSearch
from heredity.genes.reading import read_genes
from heredity.genes.space import Space, Values
from heredity.measures import sizes_of
from heredity.measures.size import params
from heredity.priors.prior import GroupPrior, tailored
from heredity.rng import derive, numpy_generator
from heredity.run.front import front_of
from heredity.run.strategy import Setting, Strategy
from heredity.selection.teachers import Policy, teachers_of
from heredity.strategies.founder import check_for_all, check_prior, check_smoothing, founder
from heredity.variation import AnyOperator, Succession, Synthesis
from heredity.variation.environment import Environment

TRIES = 8
"""Populations that are drawn, at most, until one has somebody within the ceilings."""


class DualInheritanceSettings(msgspec.Struct, frozen=True):
    """Settings; recorded in `run.json`.

    `genes` come to those that the model has of itself (`default_genes`), or replace them: see `heredity.genes.reading`.
    The `distribution` begins with deviation `sigma` around the ancestor (cma); with `crowding`, loneliness breaks ties
    within a front; a `frozen` one never learns.

    Newborns learn from a `teacher` by their `culture`: the ancestor, whoever has erred least so far, the nearest larger
    member of the front, or an ensemble of its best (see `heredity.selection.teachers`); without culture, or with none
    that weighs anything, from labels alone. They `inherit` weights from nobody, their teacher (of several the best), or
    the member of the front that is nearest in size. A share `synthesis` of a generation is not drawn but synthesised
    from members of the front, which leaves `environment` of their weights. Newborns learn with a `prior` on their
    groups, if there is one. It pulls groups to zero and removes none; what is at zero can go in a later synthesis.

    `steps` are the ancestor's and a newborn's; `flops`, if given, are those of training that they have instead. Where
    seconds bound the run, the ancestor has `ancestor_time` of them (a share), and the `planned` generations the rest.
    """

    population: int = 30
    planned: int = 10
    genes: dict[str, Any] = {}
    default_genes: bool = True
    distribution: Literal["cma", "nsga2", "random"] = "cma"
    sigma: float = 0.1
    crowding: bool = False
    frozen: bool = False
    culture: Culture | None = Culture()
    teacher: Policy = "best"
    inherit: Literal["none", "teacher", "nearest"] = "none"
    synthesis: float = 0.0
    environment: Environment = Environment(0.7)
    prior: GroupPrior | None = None
    steps: tuple[int, int] = (2000, 1000)
    flops: tuple[float, float] | None = None
    batch_size: int = 64
    optimiser: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 4e-3
    weight_decay: float = 0.01
    label_smoothing: float = 0.0
    augmented: bool = True
    ancestor_time: float = 0.1

    def __post_init__(self) -> None:
        counts = {"population": self.population, "planned": self.planned, "steps": self.steps[1]}
        for name, count in counts.items():
            if count < 1:
                raise InputError.of(f"{name} of at least 1", count, "raise it")
        if self.steps[0] < 0:
            raise InputError.of("steps of the ancestor of at least 0", self.steps[0], "raise them")
        if self.flops is not None and not all(0 < flops < math.inf for flops in self.flops):
            raise InputError.of("flops above 0", self.flops, "give such, as [1e13, 1e12]")
        for name, share in {"sigma": self.sigma, "ancestor_time": self.ancestor_time}.items():
            if not 0 < share < 1:
                raise InputError.of(f"{name} in (0, 1)", share, "give 0.1, say")
        if not 0 <= self.synthesis < 1 or self.drawn < 1:
            came = f"{self.synthesis} of {self.population}"
            raise InputError.of("a share of synthesis in [0, 1) that leaves somebody to be drawn", came, "lower it")

    @property
    def drawn(self) -> int:
        """How many of a generation are drawn from the distribution."""
        return self.population - round(self.synthesis * self.population)


PAPER: dict[str, Any] = {}
"""As published, gaps filled plainly: the defaults."""

BEST: dict[str, Any] = {"sigma": 0.4, "crowding": True, "inherit": "teacher", "synthesis": 0.2}
"""What should help (two seeds of it in lab/LOG.md, 2026-11-27): populations see more of the space before they settle,
lonely members count more, weights go on, and good networks shrink as well."""


@dataclass(frozen=True)
class Candidate:
    """What a point of the distribution means: `values`, and what these express; None: no network can be built.

    `excess` is by how much it breaks ceilings, 0 if it keeps them, infinite without a network; `reason` says why, and
    `size` what the network has of that.
    """

    values: Values
    expression: Expression | None
    excess: float = 0.0
    reason: str = ""
    size: float | None = None


class Refusal(msgspec.Struct, frozen=True):
    """A point that nobody was born of: the generation that it was drawn for, what it means, and why.

    `size` is what its network has of what the ceiling is on, where that is the reason.
    """

    generation: int
    values: Values
    reason: str
    size: float | None = None


class DualInheritance(Strategy):
    """See the file's head. `thetas` are what generations, the first of them 1, were drawn from; `refused`, who was not
    born.

    Raises:
        InputError: genes or settings that make no sense.
    """

    def __init__(self, setting: Setting, settings: DualInheritanceSettings | None = None) -> None:
        self._setting = setting
        self._settings = settings or DualInheritanceSettings()
        if self._settings.flops is not None and setting.horizon.generations is None:
            came = "a budget of seconds"
            raise InputError.of("a run of generations, for flops", came, "give --generations instead of a budget")
        check_prior(self._settings.prior, setting)
        self.space = space_of(setting.constructor, self._recipe, self._settings)
        smoothed = f"{RECIPE}label_smoothing" in self.space.genes
        check_smoothing(setting, 1.0 if smoothed else self._settings.label_smoothing)
        if not self.reshapes:
            check_for_all(self._settings.prior)
        if self._hidden:
            last_layer(ancestor(setting.constructor, setting.inputs).anatomy)
        self._distribution = distribution_of(self.space, self._settings, derive(setting.seed, "genes"))
        self._candidates: list[Candidate] | None = None
        self._living: list[Individual] = []
        self._births = 0
        self._generation = 0
        self.thetas: list[Theta] = []
        self.refused: list[Refusal] = []

    def ask(self, seconds_left: float | None) -> list[Birth]:
        """The ancestor first; then a population a generation, until the horizon."""
        if self._births == 0:
            return [founder(self._setting, self._budgeted(replace(self._recipe, culture=None), seconds_left))]
        if self._generation > self._horizon or not self._living:
            return []
        births: list[Birth] = []
        for expression in born(self._next()).values():
            births.append(self._by_genes(expression, self._births + len(births), seconds_left))
        for _ in range(self._settings.population - self._settings.drawn):
            births.append(self._by_synthesis(self._births + len(births), seconds_left))
        return births

    def tell(self, individuals: Sequence[Individual]) -> None:
        """Remembers who lives; the distribution is told what became of its points."""
        if self._candidates is not None:
            self._told(self._candidates, individuals)
            self._candidates = None
        self._living += [individual for individual in individuals if individual.developed]
        self._births += len(individuals)
        self._generation += 1

    def replay(self, individuals: Sequence[Individual]) -> None:
        """Tells of all that are recorded, by number, as far as whole generations go, without conceiving anybody."""
        rest = list(individuals)
        while rest:
            count = 1
            if self._births:
                count = len(born(self._next())) + self._settings.population - self._settings.drawn
            if len(rest) < count:
                break
            self.tell(rest[:count])
            rest = rest[count:]

    @property
    def reshapes(self) -> bool:
        """Not where genes build other networks."""
        return not any(name.startswith(MODEL) for name in self.space.genes)

    @property
    def theta(self) -> Theta:
        """What the distribution holds now."""
        return self._distribution.theta

    @property
    def _horizon(self) -> int:
        return self._setting.horizon.generations or self._settings.planned

    @property
    def _objectives(self) -> tuple[str, str]:
        return "val_error", self._setting.cost

    @property
    def _hidden(self) -> bool:
        """Whether some newborns may be taught hidden features."""
        culture = self._settings.culture
        return f"{CULTURE}hidden" in self.space.genes or (culture is not None and culture.hidden > 0)

    @cached_property
    def _recipe(self) -> Recipe:
        """How a newborn is trained where genes do not say it; its budget comes later."""
        settings, culture = self._settings, self._settings.culture
        return Recipe(
            steps=settings.steps[1],
            batch_size=min(settings.batch_size, self._setting.examples),
            optimiser=settings.optimiser,
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            label_smoothing=settings.label_smoothing,
            augmentation=self._setting.augmentation if settings.augmented else (),
            culture=culture if culture and max(culture.weight, culture.weight_end or 0, culture.hidden) > 0 else None,
        )

    def _budgeted(self, recipe: Recipe, seconds_left: float | None) -> Recipe:
        """The recipe with its budget: the ancestor's, or a newborn's; in seconds where the clock bounds the run."""
        settings, which = self._settings, min(self._births, 1)
        if seconds_left is None:
            flops = None if settings.flops is None else settings.flops[which]
            return replace(recipe, steps=settings.steps[which] if flops is None else None, flops=flops, seconds=None)
        share = settings.ancestor_time
        if which:
            left = max(self._horizon - self._generation, 0) + 1
            share = 0.95 * min(self._setting.workers / settings.population, 1.0) / left
        return replace(recipe, steps=None, flops=None, seconds=share * seconds_left)

    def _next(self) -> list[Candidate]:
        """The next generation's candidates, drawn once."""
        if self._candidates is None:
            self._candidates = self._drawn()
        return self._candidates

    def _drawn(self) -> list[Candidate]:
        """A population of whom somebody can be born."""
        for tries_left in reversed(range(TRIES)):
            candidates = [self._candidate(self.space.decode(point)) for point in self._distribution.points]
            if any(c.excess == 0 for c in candidates) or (tries_left == 0 and born(candidates)):
                self.thetas.append(self._distribution.theta)
                return candidates
            self._told(candidates, ())
        reason = self.refused[-1].reason
        raise InputError.of(
            "genes of which networks can be built", f"none in {TRIES} populations ({reason})", "change them"
        )

    def _candidate(self, values: Values) -> Candidate:
        setting = self._setting
        try:
            expression = express(values, setting.constructor, self._recipe)
            if self.reshapes:  # the ancestor's network, whatever genes say
                return Candidate(values, expression)
            anatomy = ancestor(expression.constructor, setting.inputs).anatomy
            if self._hidden:
                last_layer(anatomy)
        except InputError as error:
            return Candidate(values, None, math.inf, str(error))
        if anatomy.outputs != ancestor(setting.constructor, setting.inputs).anatomy.outputs:
            return Candidate(values, None, math.inf, f"outputs of shape {anatomy.outputs}")
        sizes, ceilings = sizes_of(anatomy), setting.targets.ceilings
        shares = {measure: sizes[measure] / ceilings[measure] for measure in sizes.keys() & ceilings.keys()}
        worst = max(shares, key=lambda measure: shares[measure], default=None)
        if worst is None or shares[worst] <= 1:
            return Candidate(values, expression)
        return Candidate(values, expression, shares[worst], f"{worst} above the ceiling", sizes[worst])

    def _told(self, candidates: Sequence[Candidate], individuals: Sequence[Individual]) -> None:
        """Tells the distribution of its points; individuals are of those candidates who were born, in their order."""
        objectives = np.full((len(candidates), 2), np.nan)
        newborns = dict(zip(born(candidates), individuals, strict=False))  # who is synthesised comes last
        for place, candidate in enumerate(candidates):
            if place not in newborns:
                self.refused.append(Refusal(self._generation, candidate.values, candidate.reason, candidate.size))
            elif newborns[place].developed:
                measures = newborns[place].measures
                objectives[place] = [measures.get(measure, math.nan) for measure in self._objectives]
        fates = Fates(objectives, np.array([candidate.excess for candidate in candidates]))
        self._distribution.tell(None if self._settings.frozen else fates)

    def _by_genes(self, expression: Expression, number: int, seconds_left: float | None) -> Birth:
        """A newborn that is built and trained as its genes say."""
        constructor, recipe, scale = expression
        first = ancestor(constructor, self._setting.inputs)
        operator = Succession(constructor, self._setting.inputs, scale)
        return self._birth(number, self._forebears(first.anatomy), operator, recipe, seconds_left)

    def _by_synthesis(self, number: int, seconds_left: float | None) -> Birth:
        """An offspring of a member of the front, and of another with the same constructor if there is one.

        It is trained by the recipe of the better one.
        """
        rng = numpy_generator(derive(self._setting.seed, number), "mates")
        front = front_of(self._living, self._objectives)
        one = front[int(rng.integers(len(front)))]
        others = [i for i in front if i is not one and i.birth.genome.constructor == one.birth.genome.constructor]
        mates = [one] if not others else [one, others[int(rng.integers(len(others)))]]
        parents = sorted(mates, key=lambda i: (i.measures["val_error"], i.number))
        recipe = parents[0].birth.recipe
        recipe = replace(recipe, prior=None, culture=recipe.culture or self._recipe.culture)
        return self._birth(number, parents, Synthesis(self._settings.environment, cost="params"), recipe, seconds_left)

    def _birth(
        self,
        number: int,
        parents: Sequence[Individual],
        operator: AnyOperator,
        recipe: Recipe,
        seconds_left: float | None,
    ) -> Birth:
        seed = derive(self._setting.seed, number)
        newborn = operator.conceive([self._setting.organism(parent) for parent in parents], seed)
        recipe, anatomy = self._budgeted(recipe, seconds_left), anatomy_of(newborn.genome)
        if self._settings.prior:
            recipe = replace(recipe, prior=tailored(self._settings.prior, anatomy, newborn.tensors))
        teachers = () if recipe.culture is None else tuple(i.number for i in self._teachers(anatomy))
        mates = tuple(parent.number for parent in parents)
        return Birth(number, self._generation, mates, operator, newborn.genome, recipe, seed, teachers)

    def _teachers(self, anatomy: Anatomy) -> list[Individual]:
        """Who teaches a newborn of this anatomy, of those who lived before it; the best comes first."""
        measure = "macs" if self._setting.cost in ("macs", "latency_ms") else "params"
        errors, costs = (np.array([i.measures[name] for i in self._living]) for name in ("val_error", measure))
        places = teachers_of(self._settings.teacher, errors, costs, sizes_of(anatomy)[measure])
        return [self._living[place] for place in places]

    def _forebears(self, anatomy: Anatomy) -> list[Individual]:
        """Of whom a newborn of this anatomy inherits weights: nobody, or one."""
        if self._settings.inherit == "none":
            return []
        if self._settings.inherit == "teacher":
            return self._teachers(anatomy)[:1]
        size = params(anatomy)
        front = front_of(self._living, self._objectives)
        return [min(front, key=lambda i: abs(math.log(i.measures["params"] / size)))]


def space_of(constructor: Constructor, recipe: Recipe, settings: DualInheritanceSettings) -> Space:
    """The genes of a run: the model's own, and those of the settings; `recipe` is the ancestor's.

    Raises:
        InputError: they make no sense.
    """
    usual = usual_values(constructor, recipe)
    given = read_genes(settings.genes, usual)
    own = default_genes(constructor, usual) if settings.default_genes else {}
    for name, gene in given.items():
        if gene is None and name not in own:
            raise InputError.of("genes that are there, to be off", name, f"choose among {', '.join(own) or 'none'}")
    genes = {name: gene for name, gene in {**own, **given}.items() if gene is not None}
    for name in own:
        if name in genes and name not in given and not _adapted(name, genes):
            del genes[name]
    check_meaning(genes, constructor, recipe)
    return Space(_ordered(genes), usual)


def _adapted(name: str, genes: dict[str, Gene]) -> bool:
    """Whether a model's own gene still means something; its condition becomes what can be, or goes with what it is on.

    The other gene may have been replaced by one with fewer values, of which the condition perhaps has none.
    """
    when = genes[name].when
    if when is None:
        return True
    if when.gene not in genes:
        genes[name] = replace(genes[name], when=None)
        return True
    possible = tuple(value for value in when.values if genes[when.gene].holds(value))
    genes[name] = replace(genes[name], when=When(when.gene, possible))
    return bool(possible)


def _ordered(genes: Mapping[str, Gene]) -> dict[str, Gene]:
    """The same genes, each behind the one that its condition is on, if there is such; else in their order.

    Raises:
        InputError: conditions that wait for each other.
    """
    rest, found = dict(genes), dict[str, Gene]()
    while rest:
        free = (name for name, gene in rest.items() if gene.when is None or gene.when.gene not in rest)
        name = next(free, None)
        if name is None:
            came = " and ".join(f"{name} if {gene.when.gene}" for name, gene in rest.items() if gene.when)
            raise InputError.of("conditions of genes that do not wait for each other", came, "drop one of them")
        found[name] = rest.pop(name)
    return found


def distribution_of(space: Space, settings: DualInheritanceSettings, seed: int) -> Distribution:
    """The distribution that settings name, as it is before it has learnt anything.

    Raises:
        InputError: a population too small for `CMA`, of itself or without those who are synthesised.
    """
    if settings.distribution == "cma":
        if settings.drawn < FEWEST <= settings.population:
            expected = f"at least {FEWEST} of a population for cma, beside those that are synthesised"
            came = f"{settings.drawn} of {settings.population}"
            raise InputError.of(expected, came, "raise population, or lower synthesis")
        return CMA(space, settings.drawn, seed, sigma=settings.sigma, crowded=settings.crowding)
    return {"nsga2": NSGA, "random": RandomSearch}[settings.distribution](space, settings.drawn, seed)


def born(candidates: Sequence[Candidate]) -> dict[int, Expression]:
    """Who of them is born, by place: those who keep the ceilings; where nobody does, all of whom there is a network."""
    networks = {place: c.expression for place, c in enumerate(candidates) if c.expression is not None}
    return {place: found for place, found in networks.items() if candidates[place].excess == 0} or networks
