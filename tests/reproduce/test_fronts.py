"""What fronts are worth, against sums by hand and by squares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from msgspec.structs import astuple

from heredity.reproduce.fronts import bootstrapped, front, fronts, hypervolume, median_front, smallest
from heredity.reproduce.measure import Measured, Row
from heredity.reproduce.plan import Part, Result
from heredity.reproduce.study import Arm

Told = tuple[int, float, float]
"""Weights, validation error, test error."""


def rows_of(told: Sequence[Told], seconds: float = 1.0, **more: Any) -> tuple[Row, ...]:
    """Individuals, the ancestor first, three to a generation."""
    return tuple(
        Row(
            study="s",
            arm="a",
            preset="paper",
            seed=0,
            run="r",
            generation=-(-number // 3),
            individual=f"{number:04d}",
            parents=(),
            synapses=params,
            kernels=1,
            architectural_efficiency=1.0,
            cluster_efficiency=1.0,
            params=params,
            macs=params,
            val_error=val_error,
            test_error=test_error,
            storage_bytes=4 * params,
            seconds=seconds,
            elapsed=number * seconds,
            **more,
        )
        for number, (params, val_error, test_error) in enumerate(told)
    )


def result(
    arm: str,
    seed: int,
    told: Sequence[Told],
    *,
    data: str = "digits",
    ran_on: str = "",
    kind: str = "",
    seconds: float = 1.0,
) -> Result:
    part = Part(Arm(arm, arm, data, 1, kind=kind), "paper", seed)
    return Result(part, Measured(rows_of(told, seconds), (), {}), ran_on or data, part.arm.model)


FIRST = (1000, 0.1, 0.1)


def test_a_hypervolume_is_an_area() -> None:
    rows = rows_of([FIRST, (100, 0.2, 0.3), (10, 0.4, 0.45), (100, 0.3, 0.0), (2000, 0.05, 0.02), (5, 0.9, 0.6)])
    expected = math.log(10) * 20 + math.log(10) * 5  # who errs less on test, and not on validation, is no member
    assert hypervolume(rows) == pytest.approx(expected)
    assert hypervolume(rows[:1]) == 0


def test_a_hypervolume_is_the_share_of_points_that_are_dominated() -> None:
    rng = np.random.default_rng(0)
    errors = rng.random(40) * 0.6
    sizes = rng.integers(20, 1000, 40)
    rows = rows_of([FIRST, *((int(size), error, error) for size, error in zip(sizes, errors, strict=True))])
    extent = math.log(1000) - math.log(20)
    points = rng.random((40_000, 2)) * (extent, 50) + (math.log(20), 0)
    members = np.array([[math.log(row.params), 100 * row.test_error] for row in rows])
    dominated = np.mean(np.any(np.all(members[None] <= points[:, None], axis=2), axis=-1))
    assert hypervolume(rows) == pytest.approx(float(dominated) * extent * 50, rel=0.02)


def test_validation_decides_who_is_on_the_front_and_who_is_the_smallest() -> None:
    rows = rows_of([FIRST, (100, 0.1, 0.3), (50, 0.11, 0.0), (100, 0.05, 0.2)])
    assert [row.individual for row in front(rows)] == ["0002", "0003"]
    assert smallest(rows).individual == "0003"
    assert smallest(rows[:1]).individual == "0000"


def test_a_median_front_has_the_median_error_within_so_many_weights() -> None:
    seeds = [
        rows_of([FIRST, (10, 0.5, 0.4), (100, 0.3, 0.2)]),
        rows_of([FIRST, (20, 0.5, 0.6)]),
        rows_of([(1000, 0.1, 0.2), (500, 0.3, 0.3)]),
    ]
    assert median_front(seeds) == ((20, 0.6), (500, 0.3), (1000, 0.1))
    assert median_front(seeds[:1]) == ((10, 0.4), (100, 0.2), (1000, 0.1))
    assert median_front([]) == ()


def test_arms_are_compared_at_the_least_number_of_networks() -> None:
    good, bad = (100, 0.1, 0.1), (900, 0.4, 0.4)
    outcome = [
        *(result("first", seed, [FIRST, bad, bad]) for seed in range(2)),
        *(result("other", seed, [FIRST, (50 + seed, 0.1, 0.2), bad, good]) for seed in range(3)),
        result("elsewhere", 0, [FIRST] * 9, data="mnist"),
    ]
    first, other, elsewhere = fronts(outcome, "networks")
    assert [one.limit for one in (first, other, elsewhere)] == [3, 3, 9]
    assert first.weights.median == 1000
    assert first.weights.less_first is elsewhere.weights.less_first is None
    assert (other.seeds, other.weights.median, other.weights.least, other.weights.largest) == (3, 51, 50, 52)
    assert other.share.median == pytest.approx(0.051)
    assert other.error.median == 0.2
    assert other.error.less_first is not None
    assert astuple(other.error.less_first) == pytest.approx((0.1, 0.1, 0.1))
    assert other.weights.less_first is not None
    assert other.weights.less_first.mean == -949.5, "of the two seeds that both have"
    assert (other.weights.less_first.low, other.weights.less_first.high) == (-950, -949)


def test_arms_are_compared_at_the_least_computing_time() -> None:
    told: list[Told] = [FIRST, (100, 0.1, 0.1), (10, 0.1, 0.1)]
    outcome = [result("slow", 0, told, seconds=2), result("quick", 0, [*told, (5, 0.1, 0.1), (2, 0.1, 0.1)], seconds=1)]
    slow, quick = fronts(outcome, "seconds")
    assert (slow.limit, quick.limit) == (5, 5)
    assert (slow.weights.median, quick.weights.median) == (100, 2)


def test_the_error_within_so_many_weights_is_that_of_who_errs_least_on_validation_there() -> None:
    told: list[Told] = [FIRST, (100, 0.2, 0.3), (50, 0.3, 0.2), (200, 0.1, 0.05)]
    outcome = [result("a", seed, told) for seed in range(2)]
    least = [fronts(outcome, "networks", weights)[0].within for weights in (49, 50, 100, 200, None)]
    assert [one and one.median for one in least] == [None, 0.2, 0.3, 0.05, None]


def test_arms_of_one_kind_are_told_of_together_too() -> None:
    outcome = [
        *(result("a", seed, [FIRST, (100 + seed, 0.1, 0.1)], data="x", kind="held out") for seed in range(2)),
        *(result("b", seed, [FIRST, (300 + seed, 0.1, 0.5)], data="y", kind="held out") for seed in range(2)),
        result("c", 0, [FIRST], data="x", kind="alone"),
    ]
    *each, together = fronts(outcome, "networks")
    assert [one.arm for one in each] == ["a", "c", "b"], "arms of the same data stand together"
    assert (together.arm, together.seeds, together.weights.less_first) == ("held out", 4, None)
    assert (together.weights.least, together.weights.median, together.weights.largest) == (100, 200.5, 301)


def test_arms_that_ran_on_the_same_data_instead_of_their_own_are_compared_and_are_no_kind() -> None:
    outcome = [
        result(arm, seed, [FIRST, (weights, 0.1, 0.1)], data=arm, ran_on="digits", kind="held out")
        for arm, weights in (("a", 100), ("b", 300))
        for seed in range(2)
    ]
    first, second = fronts(outcome, "networks")
    assert (first.arm, second.arm) == ("a", "b")
    assert second.weights.less_first is not None
    assert second.weights.less_first.mean == 200


def test_an_interval_holds_the_mean_of_normal_differences() -> None:
    values = np.random.default_rng(1).normal(3, 2, 400)
    found = bootstrapped(values.tolist())
    assert found is not None
    assert found.mean == pytest.approx(values.mean())
    half = 1.96 * values.std() / 20
    assert (found.low, found.high) == (
        pytest.approx(found.mean - half, abs=0.03),
        pytest.approx(found.mean + half, abs=0.03),
    )
    assert bootstrapped(values.tolist()) == found
    assert bootstrapped([1.0]) is None
