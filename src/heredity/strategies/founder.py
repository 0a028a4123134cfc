"""The first birth of every run, the ancestor; and what has to fit the run's network and data to go with everybody."""

from __future__ import annotations

from heredity.anatomy.body import ancestor
from heredity.development.birth import Birth
from heredity.development.hidden import last_layer
from heredity.development.recipe import Culture, Recipe
from heredity.errors import InputError
from heredity.priors.dial import Dial
from heredity.priors.groups import groups_of
from heredity.priors.prior import GroupPrior
from heredity.rng import derive
from heredity.run.strategy import Setting
from heredity.variation import Founding


def founder(setting: Setting, recipe: Recipe) -> Birth:
    """Birth number 0, which founds the line: what the run's constructor makes, trained by this recipe."""
    genome = ancestor(setting.constructor, setting.inputs).genome
    return Birth(0, 0, (), Founding(setting.constructor, setting.inputs), genome, recipe, derive(setting.seed, 0))


def check_prior(prior: GroupPrior | None, setting: Setting, *, cut: bool = False) -> None:
    """Refuses a prior, if there is one, that does not fit the ancestor's groups, or a share that cannot go of it.

    Unless the strategy has shares `cut` off after a training, which it checks itself, only kinds may have one that know
    of it before.

    Raises:
        InputError: see `GroupPrior.check`, `groups_of` and `Dial`; or such a share.
    """
    if prior is None:
        return
    if prior.share is not None and not prior.dialled and not cut:
        expected = "a prior's share with kind mixture, as nothing is cut here"
        raise InputError.of(expected, f"kind {prior.kind}", "leave the share out, or set prior.kind=mixture")
    anatomy = ancestor(setting.constructor, setting.inputs).anatomy
    prior.check(groups_of(anatomy, prior.members))
    if prior.share is not None and not cut:
        dial = Dial(anatomy, prior.cost, prior.constant)
        dial.check(prior.share)
        dial.check_fine(prior.share)


def check_for_all(prior: GroupPrior | None) -> None:
    """Refuses a prior, if there is one, that names families where networks vary: a newborn may have others.

    Raises:
        InputError: it names one.
    """
    named = [] if prior is None else [*prior.units, *prior.mixtures, *prior.strengths]
    if others := [name for name in named if name]:
        remedy = "name no family; a mixture for all is named ''"
        raise InputError.of("a prior for all families, as the strategy varies them", f"one for {others[0]}", remedy)


def check_smoothing(setting: Setting, smoothing: float) -> None:
    """Refuses smoothed labels, if they are any, where they would be ignored.

    Raises:
        InputError: what is to be learnt has no labels that could be smoothed.
    """
    if smoothing and not setting.smooths:
        raise InputError.of("classes or labels, for label_smoothing", "a task without", "leave it out")


def check_culture(culture: Culture | None, setting: Setting) -> None:
    """Refuses culture, if there is any, that teaches hidden features which the ancestor does not have.

    Raises:
        InputError: see `last_layer`.
    """
    if culture is not None and culture.hidden:
        last_layer(ancestor(setting.constructor, setting.inputs).anatomy)
