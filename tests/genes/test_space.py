from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heredity.errors import InputError
from heredity.genes.gene import Choice, Gene, Integer, Real, Value, When
from heredity.genes.space import Space

DEEP = Space(
    {
        "depth": Integer(1, 3),
        "width": Integer(4, 64, "log"),
        "kind": Choice(("plain",)),
        "width2": Integer(4, 64, "log", when=When("depth", (2, 3))),
        "width3": Integer(4, 64, "log", when=When("depth", (3,))),
        "gate": Choice((False, True), start=False, when=When("width3", (4,))),
        "rate": Real(1e-4, 1e-1, "log"),
    },
    {"depth": 2, "width": 32, "width2": 16, "width3": 8, "rate": 1e-2},
)


@given(st.integers(1, 3), st.integers(4, 64), st.integers(4, 64), st.booleans())
def test_values_come_back(depth: int, width: int, width2: int, gate: bool) -> None:
    values: dict[str, Value] = {
        "depth": depth,
        "width": width,
        "width2": width2,
        "width3": 4,
        "gate": gate,
        "rate": 0.02,
    }
    expected = {"kind": "plain", **values}
    for name, least in (("width2", 2), ("width3", 3), ("gate", 3)):
        if depth < least:
            del expected[name]
    assert DEEP.decode(DEEP.encode(values)) == expected


@given(st.lists(st.integers(-50, 150).map(lambda n: n / 100), min_size=6, max_size=6))
def test_every_point_means_values_that_the_genes_have(coordinates: list[float]) -> None:
    values = DEEP.decode(np.array(coordinates))
    assert all(DEEP.genes[name].holds(value) for name, value in values.items())
    assert ("width2" in values) == (values["depth"] in (2, 3))
    again = DEEP.decode(DEEP.encode(values))
    assert again.keys() == values.keys()
    assert all(again[name] == pytest.approx(value, rel=1e-5) for name, value in values.items() if name == "rate")
    assert all(again[name] == value for name, value in values.items() if name != "rate")


def test_true_is_not_one() -> None:
    genes = {"kind": Choice((1, True)), "width": Integer(4, 64, when=When("kind", (True,)))}
    space = Space(genes, {"kind": True, "width": 8})
    assert space.decode(space.start) == {"kind": True, "width": 8}
    assert space.decode(space.encode({"kind": 1})) == {"kind": 1}


def test_the_start_is_the_ancestor() -> None:
    assert DEEP.decode(DEEP.start) == {"depth": 2, "width": 32, "kind": "plain", "width2": 16, "rate": 0.01}
    assert "kind" not in DEEP.free
    assert len(DEEP.start) == 6
    assert Space({"x": Real(0, 1, start=0.25)}, {"x": 0.75}).start.tolist() == [0.25]


ON_B = When("b", (1,))


@pytest.mark.parametrize(
    ("genes", "expected"),
    [
        ({"a": Integer(1, 4)}, "a start of gene a; came none"),
        ({"b": Integer(5, 9)}, "the start of gene b within 5..9; came 2"),
        ({"b": Integer(1, 9, start=12)}, "the start of gene b within 1..9; came 12"),
        ({"b": Choice((1, 3))}, r"the start of gene b within 1\|3; came 2"),
        ({"a": Integer(1, 4, start=1, when=ON_B)}, "b, which is none of the genes; drop the condition"),
        ({"c": Integer(1, 4), "a": Integer(1, 4, start=1, when=ON_B)}, "b, which is none of the genes; name one of c"),
        ({"a": Integer(1, 4, start=1, when=ON_B), "b": Integer(1, 4)}, "b, which comes later"),
        ({"b": Integer(2, 4), "a": Integer(1, 4, start=1, when=ON_B)}, "values that b can have, 2..4; came 1"),
        (
            {"b": Integer(2, 4), "a": Integer(1, 4, start=1, when=When("b", (4, 9, 2)))},
            "b can have, 2..4; came 9; change",
        ),
        ({"b": Integer(1, 4), "a": Integer(1, 4, start=1, when=When("b", (True,)))}, "b can have, 1..4; came True"),
        (
            {"k": Choice((0, 2), 0), "a": Integer(1, 4, start=1, when=When("k", (False,)))},
            r"k can have, 0\|2; came False",
        ),
        ({"b": Integer(1, 4), "a": Integer(1, 4, start=1, when=When("b", ()))}, "can have, 1..4; came none"),
        ({"r": Real(0, 1), "a": Integer(1, 4, start=1, when=When("r", (0.5,)))}, "r, which is any number of 0..1"),
        ({"b": Integer(4, 1)}, "the lower one first"),
        ({"b": Integer(2, 2)}, "more than one value; came none"),
    ],
)
def test_spaces_that_make_no_sense_are_refused(genes: dict[str, Gene], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        Space(genes, {"b": 2, "c": 2, "r": 0.5})


def test_a_value_out_of_bounds_is_refused() -> None:
    with pytest.raises(InputError, match=r"gene width within 4..64 log; came 65"):
        DEEP.encode({"width": 65})
    with pytest.raises(InputError, match="genes among depth, width"):
        DEEP.encode({"height": 6})
