"""What culture's genes became, who has learnt well, and whether good learners err less."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace
from scipy.stats import spearmanr

from heredity.genes.distribution import Belief, Theta
from heredity.reproduce.learners import AGREEMENT, correlation, learnt
from heredity.reproduce.measure import Measured
from heredity.reproduce.plan import Part, Result
from heredity.reproduce.study import Arm

from .test_fronts import rows_of

NAME = "recipe.culture.weight"


def test_a_correlation_of_one_generation_is_spearmans() -> None:
    rng = np.random.default_rng(0)
    weights, errors = rng.random(30), rng.integers(0, 9, 30) / 10
    rows = [
        replace(row, culture_weight=weight, generation=1)
        for row, weight in zip(rows_of([(9, error, 0.5) for error in errors]), weights.tolist(), strict=True)
    ]
    expected, _ = spearmanr(weights, errors)
    assert correlation(rows, "culture_weight") == pytest.approx(expected)


def test_generations_that_differ_say_nothing() -> None:
    """Within each who learns more errs less; from the first to the second both rise."""
    told = [(1, 0.30, 0.3), (2, 0.20, 0.2), (1, 0.90, 0.1), (2, 0.80, 0.2)]
    rows = [
        replace(row, generation=1 + k // 2, culture_weight=weight)
        for k, (row, weight) in enumerate(zip(rows_of(told), (0.1, 0.2, 0.8, 0.9), strict=True))
    ]
    assert correlation(rows, "culture_weight") == pytest.approx(-1)
    assert correlation([replace(row, culture_weight=0.5) for row in rows], "culture_weight") is None
    assert correlation([replace(row, culture_weight=None) for row in rows], "culture_weight") is None


def result(arm: str, seed: int, centres: tuple[float, ...]) -> Result:
    thetas: tuple[Theta, ...] = tuple({NAME: Belief(centre, 0.1)} for centre in centres)
    return as_result(arm, seed, Measured(rows_of([(9, 0.1, 0.1)]), (), {}, thetas))


def as_result(arm: str, seed: int, measured: Measured) -> Result:
    part = Part(Arm(arm, arm, "digits", 2), "paper", seed)
    return Result(part, measured, part.arm.data, part.arm.model)


def test_genes_of_culture_from_the_first_generation_to_after_the_last() -> None:
    outcome = [result("a", seed, (0.9, 0.5, last)) for seed, last in enumerate((0.2, 0.4, 0.9))]
    found = learnt([*outcome, result("without", 0, ())])
    assert [(one.arm, one.seeds, one.gene, one.first, one.last) for one in found] == [("a", 3, NAME, 0.9, 0.4)]
    assert found[0].correlation is None


def test_agreement_with_teachers_is_told_of_the_first_and_the_last_generation() -> None:
    agreed = (None, 0.5, 0.7, 0.9, 0.8)
    rows = tuple(
        replace(row, generation=(k + 1) // 2, agreement=share)
        for k, (row, share) in enumerate(
            zip(
                rows_of([(9, 0.5, 0.5), (9, 0.4, 0.4), (9, 0.2, 0.2), (9, 0.1, 0.1), (9, 0.3, 0.3)]),
                agreed,
                strict=True,
            )
        )
    )
    whole = as_result("a", 0, Measured(rows, (), {}))
    (found,) = learnt([whole, result("without", 0, ())])
    assert (found.arm, found.gene, found.first, found.last) == ("a", AGREEMENT, pytest.approx(0.6), pytest.approx(0.85))
    assert found.correlation == pytest.approx((-1, -1, -1)), "who agrees more errs less"
