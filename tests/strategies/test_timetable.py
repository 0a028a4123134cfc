from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heredity.strategies.timetable import MOST, SPEED, Plan, Timetable

ASKED = Plan(8, 10)
LENET = Timetable(macs=2_293_000, examples=54_000, workers=2, least=(2.0, 0.5))
RESNET = Timetable(macs=40_800_000, examples=45_000, workers=2, least=(2.0, 0.5))


def test_an_epoch_by_hand() -> None:
    assert RESNET.epoch == pytest.approx(3 * 2 * 40.8e6 * 45_000 / SPEED)


def test_an_ancestor_that_learns_quickly_has_its_share() -> None:
    assert LENET.ancestor(600, 0.13) == 0.13 * 600
    assert not LENET.hurried(0.13 * 600)


def test_a_large_ancestor_has_more_but_not_all() -> None:
    assert RESNET.ancestor(600, 0.13) == pytest.approx(MOST * 600)
    assert RESNET.ancestor(6000, 0.05) == pytest.approx(2 * RESNET.epoch)
    assert RESNET.hurried(MOST * 600)
    assert not RESNET.hurried(2 * RESNET.epoch)


def test_where_there_is_time_the_plan_is_what_was_asked_for() -> None:
    assert LENET.plan(500, 1.0, ASKED) == ASKED
    assert replace(LENET, workers=3).plan(500, 1.0, ASKED) == Plan(9, 10)


def test_where_there_is_little_fewer_are_born() -> None:
    few = RESNET.plan(450, 10.0, ASKED)
    assert few == Plan(2, 3)
    assert RESNET.newborn(450, 10.0, few, 1, 1.0) > 0.45 * RESNET.epoch
    assert RESNET.plan(1.0, 10.0, ASKED) == Plan(2, 1), "somebody is"


@given(
    st.integers(1, 10**6),
    st.integers(0, 60),
    st.integers(1, 9),
    st.integers(1, 20),
    st.integers(1, 20),
    st.floats(1, 1.5),
)
def test_every_plan_fits_its_time(
    seconds: int, besides: int, workers: int, population: int, generations: int, acceleration: float
) -> None:
    """Generations one after another, newborns side by side; unless measuring alone takes all of it."""
    table = replace(RESNET, workers=workers)
    plan = table.plan(seconds, besides, Plan(population, generations))
    assert plan.population % workers == 0
    assert 1 <= plan.generations <= generations
    assert plan.population <= math.ceil(population / workers) * workers
    left = seconds
    for generation in range(1, plan.generations + 1):
        each = table.newborn(left, besides, plan, generation, acceleration)
        assert each > 0
        taken = each * plan.population / workers
        assert taken <= left
        left -= taken
