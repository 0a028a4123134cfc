from __future__ import annotations

from typing import Any

import msgspec
import pytest

from heredity.errors import InputError
from heredity.genes.gene import Choice, Gene, Integer, Real, Value, When
from heredity.genes.reading import read_genes


@pytest.mark.parametrize(
    ("text", "gene"),
    [
        ("16..128", Integer(16, 128)),
        ("16..128 log from 64", Integer(16, 128, "log", 64)),
        ("-1..0.5", Real(-1, 0.5)),
        ("1e-4..1e-1 log", Real(1e-4, 1e-1, "log")),
        (".5..2 linear from 1", Real(0.5, 2, "linear", 1)),
        ("relu|tanh from tanh", Choice(("relu", "tanh"), "tanh")),
        ("3|5", Choice((3, 5))),
        ("true|false", Choice((True, False))),
        ("True|False", Choice((True, False))),
        (".05...5 from .2", Real(0.05, 0.5, start=0.2)),
        (".1|.2|-.3", Choice((0.1, 0.2, -0.3))),
        ("gelu", Choice(("gelu",))),
        ("8..64 if model.depth=4|5", Integer(8, 64, when=When("model.depth", (4, 5)))),
        ("8..64 log from 9 if model.depth=4..6", Integer(8, 64, "log", 9, When("model.depth", (4, 5, 6)))),
        (["a", 2], Choice(("a", 2))),
        (7, Choice((7,))),
        (msgspec.to_builtins(Real(1, 2, "log")), Real(1, 2, "log")),
        ("off", None),
    ],
)
def test_genes_are_read(text: Any, gene: Gene | None) -> None:
    assert read_genes({"x": text}, {}) == {"x": gene}


def test_names_come_whole_or_part_by_part() -> None:
    given = {"model": {"width": "1..2"}, "recipe": {"culture": {"weight": "0..1"}}, "recipe.momentum": "off"}
    assert read_genes(given, {"recipe.culture.weight": 0.9}) == {
        "model.width": Integer(1, 2),
        "recipe.culture.weight": Real(0, 1),  # as the ancestor's is a real number
        "recipe.momentum": None,
    }


def test_a_keyword_may_be_called_kind() -> None:
    given = {"model": {"kind": "relu|tanh", "width": {"kind": "integer", "low": 1, "high": 2}}}
    assert read_genes(given, {}) == {"model.kind": Choice(("relu", "tanh")), "model.width": Integer(1, 2)}
    assert read_genes({"model": {"kind": ["a", "b"]}}, {}) == {"model.kind": Choice(("a", "b"))}


@pytest.mark.parametrize(
    ("text", "usual", "gene"),
    [
        ("8.0..400.0 from 1e2", 300, Integer(8, 400, start=100)),
        ("1e1..4e2 log", 300, Integer(10, 400, "log")),
        (msgspec.to_builtins(Real(8, 16)), 300, Integer(8, 16)),
        ("8.5..400", 300, Real(8.5, 400)),
        ("8..400 from 9.5", 300, Real(8, 400, start=9.5)),
        ("8..400", 0.5, Real(8, 400)),
    ],
)
def test_bounds_are_of_numbers_such_as_the_ancestors(text: Any, usual: Value, gene: Gene) -> None:
    (found,) = read_genes({"x": text}, {"x": usual}).values()
    assert (found, type(found)) == (gene, type(gene))


@pytest.mark.parametrize(
    "text", ["1..2..3", "8..wide", "relu log", "8..9 von 3", "8..9 from x", "", {"kind": "real"}, [[1]]]
)
def test_what_is_no_gene_is_refused(text: Any) -> None:
    with pytest.raises(InputError, match="gene x"):
        read_genes({"x": text}, {})


@pytest.mark.parametrize("usual", [True, "relu"])
def test_what_is_no_number_has_no_bounds(usual: Value) -> None:
    with pytest.raises(InputError, match=rf"values of gene x, which the ancestor has as {usual}; came bounds, 0\.\.1"):
        read_genes({"x": "0..1"}, {"x": usual})
