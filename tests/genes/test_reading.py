from __future__ import annotations

from typing import Any

import msgspec
import pytest

from heredity.errors import InputError
from heredity.genes.gene import Choice, Gene, Integer, Real, When
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


@pytest.mark.parametrize(
    "text", ["1..2..3", "8..wide", "relu log", "8..9 von 3", "8..9 from x", "", {"kind": "real"}, [[1]]]
)
def test_what_is_no_gene_is_refused(text: Any) -> None:
    with pytest.raises(InputError, match="gene x"):
        read_genes({"x": text}, {})
