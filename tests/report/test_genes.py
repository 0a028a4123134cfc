"""What genes made of individuals, as the page tells of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from heredity.anatomy.constructor import describe
from heredity.anatomy.inputs import InputForm
from heredity.development.birth import Individual
from heredity.development.recipe import Culture, Recipe
from heredity.report.genes import genes_of
from heredity.report.page import render
from heredity.variation import Founding, Succession

from .conftest import somebody, told

FORM = InputForm((1, 28, 28))
OFFERED = {"input_shape": FORM.shape, "n_classes": 10}


def made(number: int, recipe: Recipe, *, fc1: int | None = None, scale: float = 1.0) -> Individual:
    """The ancestor, or, with a width, somebody whom genes made."""
    constructor = describe("lenet-300-100", OFFERED if fc1 is None else {**OFFERED, "fc1": fc1})
    operator = Founding(constructor, FORM) if fc1 is None else Succession(constructor, FORM, scale)
    individual = somebody(number, generation=min(number, 1), val_error=0.1)
    genome = replace(individual.birth.genome, constructor=constructor)
    return replace(individual, birth=replace(individual.birth, genome=genome, operator=operator, recipe=recipe))


def test_genes_are_what_varies_and_say_nothing_where_they_are_not() -> None:
    plain, taught = Recipe(steps=1), Recipe(steps=1, culture=Culture(temperature=2.0))
    individuals = [
        made(0, plain),
        made(1, taught, fc1=20, scale=0.5),
        made(2, replace(taught, learning_rate=0.1), fc1=20),
    ]
    found = {gene.name: gene.values for gene in genes_of(individuals)}
    assert found == {
        "fc1": (300, 20, 20),
        "learning rate": (plain.learning_rate, plain.learning_rate, 0.1),
        "initial scale": (1.0, 0.5, 1.0),
    }, "everybody who is taught is so at one temperature"
    colder = replace(taught, culture=Culture(temperature=1.0))
    found = {gene.name: gene.values for gene in genes_of([*individuals, made(3, colder, fc1=20)])}
    assert found["culture temperature"] == (None, 2.0, 2.0, 1.0)


def test_a_run_without_genes_has_none() -> None:
    assert genes_of([made(0, Recipe(steps=1)), made(1, Recipe(steps=2))]) == ()
    lost = made(1, Recipe(steps=1), fc1=20)
    genome = replace(lost.birth.genome, constructor=replace(lost.birth.genome.constructor, reference="gone.py:net"))
    assert genes_of([replace(lost, birth=replace(lost.birth, genome=genome)), lost]) == ()


@pytest.mark.slow
def test_the_page_draws_every_gene_and_says_them_of_whoever_is_picked(
    tmp_path: Path, opened: Callable[..., Any]
) -> None:
    recipe = Recipe(steps=1, culture=Culture(temperature=2.0))
    taught = made(2, replace(recipe, learning_rate=0.12345), fc1=20)
    everybody = [
        made(0, Recipe(steps=1)),
        made(1, recipe, fc1=9),
        replace(taught, birth=replace(taught.birth, teachers=(1,))),
    ]
    path = tmp_path / "report.html"
    path.write_text(render(told(everybody)))
    with opened(path, address="#0002") as page:
        assert page.locator("#gene-charts .js-plotly-plot").count() == len(genes_of(everybody)) == 2
        said = page.locator("#member dl.facts").nth(1).inner_text().split("\n")
        assert said == ["fc1", "20", "learning rate", "0.123", "taught by", "0001"]
        drawn = page.locator("#gene-charts .js-plotly-plot").first.evaluate("chart => chart.data.map(trace => trace.y)")
        assert drawn[0] == [300, 14.5], "medians by generation"
        assert sorted(drawn[1] + drawn[2]) == [9, 20, 300]
    path.write_text(render(told([made(0, Recipe(steps=1))])))
    with opened(path) as page:
        assert page.locator("#genes, nav a[href='#genes']").count() == 0
