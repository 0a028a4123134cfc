from __future__ import annotations

from collections.abc import Callable

import pytest

from heredity.development.birth import Individual
from heredity.errors import InputError
from heredity.run.front import front_of, objectives_of
from heredity.run.run import Front, Member
from heredity.run.targets import Targets

Make = Callable[..., Individual]


def test_whoever_is_beaten_is_off(individual: Make) -> None:
    everybody = [
        individual(0, val_error=0.02, params=100.0),
        individual(1, val_error=0.05, params=50.0),
        individual(2, val_error=0.05, params=60.0),
        individual(3, val_error=0.03, params=100.0),
        individual(4),
        individual(5, val_error=0.05, params=50.0),
        individual(6, val_error=0.9, params=1.0),
    ]
    assert [i.number for i in front_of(everybody, ("val_error", "params"))] == [0, 1, 6]
    assert front_of(everybody[::-1], ("val_error", "params")) == front_of(everybody, ("val_error", "params"))


def test_whose_cost_is_not_known_is_off(individual: Make) -> None:
    everybody = [individual(0, val_error=0.1, params=1.0), individual(1, val_error=0.2, params=1.0, latency_ms=3.0)]
    assert [i.number for i in front_of(everybody, ("val_error", "latency_ms"))] == [1]


def test_nobody_lives(individual: Make) -> None:
    assert front_of([individual(0)], ("val_error", "params")) == []


def test_a_member_that_keeps_a_ceiling_stays_beside_one_that_does_not(individual: Make) -> None:
    objectives = objectives_of("params", Targets(max_macs=10, max_error=0.5))
    assert objectives == ("val_error", "params", "macs")
    everybody = [
        individual(0, val_error=0.1, params=10.0, macs=100.0),
        individual(1, val_error=0.2, params=20.0, macs=5.0),
    ]
    assert len(front_of(everybody, objectives)) == 2


@pytest.fixture
def front(individual: Make) -> Front:
    living = [individual(0, val_error=0.02, params=100.0), individual(1, val_error=0.05, params=50.0)]
    return Front(tuple(Member(i, None) for i in living), "params")  # type: ignore[arg-type]  # nobody reads weights


def test_the_best_that_keeps_the_ceilings_is_picked(front: Front) -> None:
    assert front.pick().id == "0000"
    assert front.pick(params=100).id == "0000"
    assert front.pick(params=99).id == "0001"
    assert front.pick(val_error=0.03).id == "0000"


@pytest.mark.parametrize(
    ("ceilings", "message"),
    [
        (
            {"params": 49.0},
            "expected a member with params at most 49; came none, the nearest being 0001 with params 50",
        ),
        ({"latency_ms": 1.0}, "expected a member with latency_ms at most 1; came none"),
        ({"weight": 5.0}, "expected ceilings above 0 by measure; came weight=5.0; choose among params, "),
        ({"params": 0.0}, "expected ceilings above 0 by measure; came params=0"),
    ],
)
def test_nobody_is_picked(front: Front, ceilings: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        front.pick(**ceilings)


def test_an_empty_front() -> None:
    with pytest.raises(InputError, match="expected a front with members"):
        Front((), "params").pick()
