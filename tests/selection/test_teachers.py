"""Who teaches, against the definitions, taken literally."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from heredity.selection.teachers import ENSEMBLE, Policy, teachers_of

ERRORS = np.array([0.05, 0.02, 0.04, 0.10, 0.30, 0.02])
COSTS = np.array([90.0, 80.0, 60.0, 40.0, 50.0, 100.0])
"""On the front: 1, 2 and 3."""


@pytest.mark.parametrize(
    ("policy", "cost", "expected"),
    [
        ("ancestor", 10.0, (0,)),
        ("best", 10.0, (1,)),
        ("larger", 10.0, (3,)),
        ("larger", 39.9, (3,)),
        ("larger", 40.0, (2,)),  # larger, not as large
        ("larger", 55.0, (2,)),
        ("larger", 70.0, (1,)),
        ("larger", 80.0, (1,)),  # nobody of the front is: the best
        ("ensemble", 10.0, (1, 2, 3)),
    ],
)
def test_who_teaches(policy: str, cost: float, expected: tuple[int, ...]) -> None:
    assert teachers_of(policy, ERRORS, COSTS, cost) == expected  # pyright: ignore[reportArgumentType]  # by parameter


def test_an_only_one_teaches() -> None:
    for policy in get_args(Policy):
        assert teachers_of(policy, ERRORS[:1], COSTS[:1], 100.0) == (0,)


def test_properties() -> None:
    dice = np.random.default_rng(0)
    for _ in range(200):
        n = int(dice.integers(1, 12))
        errors, costs = dice.integers(6, size=n) / 5, dice.integers(1, 8, size=n).astype(float)
        cost = float(dice.integers(1, 8))
        beaten = [
            any(
                (errors[j] <= errors[i] and costs[j] <= costs[i])
                and (errors[j] < errors[i] or costs[j] < costs[i] or j < i)
                for j in range(n)
            )
            for i in range(n)
        ]
        front = [i for i in range(n) if not beaten[i]]
        (best,) = teachers_of("best", errors, costs, cost)
        assert best in front
        assert errors[best] == errors.min()
        (larger,) = teachers_of("larger", errors, costs, cost)
        above = [i for i in front if costs[i] > cost]
        assert larger == (min(above, key=lambda i: costs[i]) if above else best)
        several = teachers_of("ensemble", errors, costs, cost)
        assert several == tuple(sorted(front, key=lambda i: errors[i])[:ENSEMBLE])
        assert several[0] == best
