from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heredity.errors import InputError
from heredity.genes.gene import Choice, Gene, Integer, Real

SHARES = st.integers(0, 1000).map(lambda n: n / 1000)  # not st.floats: it refuses processes without denormal numbers
SCALES = st.sampled_from(["linear", "log"])


@given(st.integers(1, 300), st.integers(0, 300), SCALES)
def test_every_whole_number_comes_back(low: int, more: int, scale: str) -> None:
    gene = Integer(low, low + more, scale)
    for value in {low, low + more // 3, low + more // 2, low + more}:
        coordinate = gene.coordinate(value)
        assert 0 <= coordinate <= 1
        assert gene.value(coordinate) == value


@given(st.integers(-4, 1), st.integers(1, 300), SHARES, SCALES)
def test_real_numbers_come_back(power: int, more: int, share: float, scale: str) -> None:
    gene = Real(10.0**power, 10.0**power * (1 + more / 10), scale)
    value = gene.value(share)
    assert gene.holds(value)
    assert gene.value(gene.coordinate(value)) == pytest.approx(value, rel=1e-5)


def test_scales() -> None:
    assert Real(1, 100).value(0.5) == 50.5
    assert Real(1, 100, "log").value(0.5) == 10
    assert Integer(1, 100, "log").value(0.5) == 10
    assert Integer(0, 10).value(0.5) == 5
    assert [Real(0, 1).value(beyond) for beyond in (-3.0, 7.0)] == [0, 1]


def test_a_whole_number_is_the_nearest_by_its_scale() -> None:
    gene = Integer(1, 4, "log")  # coordinates 0, 1/2, 0.79, 1
    assert [gene.value(c) for c in (0.24, 0.26, 0.64, 0.65, 0.9)] == [1, 2, 2, 3, 4]


@pytest.mark.parametrize("value", [3, "b", True])
def test_choices_come_back(value: int | str) -> None:
    gene = Choice((True, 3, "b"))
    assert gene.value(gene.coordinate(value)) == value


@pytest.mark.parametrize(
    ("gene", "expected"),
    [
        (Integer(128, 16), "the lower one first; came 128..16"),
        (Real(0.5, 0.1), "the lower one first; came 0.5..0.1"),
        (Real(0, 1, "log"), "above 0 of gene model.x, which is on a scale of logarithms; came 0..1"),
        (Integer(-2, 8, "log"), "above 0 of gene model.x"),
        (Real(0, float("inf")), "that are finite; came 0..inf; give numbers"),
        (Choice(()), "values of gene model.x; came none"),
        (Choice((1, True, 1.0)), "different values of gene model.x"),
        (Choice(("a", "a")), "different values of gene model.x"),
    ],
)
def test_what_bounds_nothing_is_refused(gene: Gene, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        gene.check("model.x")
