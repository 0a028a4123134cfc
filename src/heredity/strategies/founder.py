"""The first birth of every run: the ancestor."""

from __future__ import annotations

from heredity.anatomy.body import ancestor
from heredity.development.birth import Birth
from heredity.development.recipe import Recipe
from heredity.rng import derive
from heredity.run.strategy import Setting
from heredity.variation import Founding


def founder(setting: Setting, recipe: Recipe) -> Birth:
    """Birth number 0, which founds the line: what the run's constructor makes, trained by this recipe."""
    genome = ancestor(setting.constructor, setting.inputs).genome
    return Birth(0, 0, (), Founding(setting.constructor, setting.inputs), genome, recipe, derive(setting.seed, 0))
