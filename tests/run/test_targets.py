from __future__ import annotations

import math

import pytest

from heredity.errors import InputError
from heredity.run.targets import Targets


def test_no_ceilings_are_kept_by_all() -> None:
    assert Targets().excess({}) <= 1
    assert Targets().given == Targets().ceilings == {}


def test_the_worst_decides() -> None:
    targets = Targets(max_params=100, max_error=0.02)
    assert targets.ceilings == {"params": 100, "val_error": 0.02}
    assert targets.excess({"params": 50, "val_error": 0.04}) == 2
    assert targets.excess({"params": 100, "val_error": 0.02}) == 1


@pytest.mark.parametrize("measures", [{}, {"latency_ms": None}])
def test_what_was_not_measured_is_not_kept(measures: dict[str, float | None]) -> None:
    assert Targets(max_latency_ms=5).excess(measures) == math.inf


@pytest.mark.parametrize("ceiling", [0, -1, math.nan, math.inf])
@pytest.mark.parametrize("name", Targets.__struct_fields__)
def test_ceilings_are_positive(name: str, ceiling: float) -> None:
    with pytest.raises(InputError, match=r"expected max .* above 0; came"):
        Targets(**{name: ceiling})


def test_an_error_is_a_share() -> None:
    with pytest.raises(InputError, match=r"expected a largest error as a share below 1; came 2; give 0.02 for 2 %"):
        Targets(max_error=2)
