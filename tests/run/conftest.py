"""Births and individuals out of thin air."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from heredity.anatomy.constructor import Constructor
from heredity.anatomy.genome import Genome
from heredity.anatomy.inputs import InputForm
from heredity.development.birth import Birth, Individual
from heredity.development.recipe import Recipe
from heredity.variation.founding import Founding

MakeIndividual = Callable[..., Individual]


@pytest.fixture
def individual() -> MakeIndividual:
    """Makes individuals with measurements given as keywords; without any it has failed."""

    def make(number: int, **measures: float) -> Individual:
        constructor, inputs = Constructor("net.py:net", {}, "structure"), InputForm((4,))
        genome = Genome(constructor, inputs, {"hidden": ((0, 0), (0, number))})
        birth = Birth(number, 0, (), Founding(constructor, inputs), genome, Recipe(steps=1), seed=number)
        if not measures:
            return Individual(birth, "failed", reason="diverged")
        return Individual(birth, "developed", measures, weights=f"{number:064d}")

    return make
