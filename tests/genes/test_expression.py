from __future__ import annotations

import inspect

import pytest
import torch

from heredity.anatomy.constructor import Constructor, describe, provide
from heredity.development.recipe import Culture, Recipe
from heredity.errors import InputError, ModelError
from heredity.genes.defaults import FACTOR, MODELS, default_genes
from heredity.genes.expression import check_meaning, express, usual_values
from heredity.genes.gene import Integer, Real
from heredity.genes.reading import read_genes
from heredity.genes.space import Space
from heredity.zoo import ZOO

RECIPE = Recipe(steps=10, culture=Culture(0.5, 2.0))


def constructor(name: str = "tdnn") -> Constructor:
    return describe(name, {"input_shape": (4, 30), "n_classes": 3})


def test_values_go_where_their_names_say() -> None:
    values = {
        "model.width": 8,
        "recipe.learning_rate": 0.01,
        "recipe.culture.temperature": 7.0,
        "recipe.batch_size": 16,
        "initial_scale": 2.0,
    }
    found, recipe, scale = express(values, constructor(), RECIPE)
    assert found.keywords["width"] == 8
    assert found.build().state_dict()["layers.layer4.conv.weight"].shape[0] == 8
    assert recipe == Recipe(steps=10, learning_rate=0.01, batch_size=16, culture=Culture(0.5, 7.0))
    assert scale == 2.0


def test_no_genes_change_nothing() -> None:
    assert express({}, constructor(), RECIPE) == (constructor(), RECIPE, 1.0)


def test_a_network_that_cannot_be_built_says_so() -> None:
    with pytest.raises(ModelError, match="at least 3 layers"):
        express({"model.depth": 2}, constructor(), RECIPE)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"model.widht": "8..9"}, "gene model.widht to be a keyword of tdnn; came none such; did you mean 'width"),
        ({"model.n_classes": "8..9"}, "to be a keyword of tdnn"),
        ({"recipe.steps": "8..9"}, "to be a part of the recipe"),
        ({"recipe.culture.tau": "8..9"}, "part of culture; came none such; .*temperature"),
        ({"recipe.other.momentum": "0..0.9"}, "to be a part of the recipe; came none such"),
        ({"model.width": "0..99 log"}, "bounds above 0 of gene model.width"),
        ({"model.width": "9..1e400"}, "bounds of gene model.width that are finite; came 9..inf"),
        ({"width": "8..9"}, "something that genes may say; came none such; .*initial_scale"),
        ({"recipe.batch_size": "0..64"}, "gene recipe.batch_size cannot be 0: expected a batch size"),
        (
            {"recipe.culture.weight": "0.5..1.5"},
            "gene recipe.culture.weight cannot be 1.5: expected a weight of culture",
        ),
        ({"recipe.momentum": "0.5..1.0"}, r"gene recipe.momentum cannot be 1.0: expected momentum in \[0, 1\)"),
        ({"recipe.warmup": "0..2"}, r"gene recipe.warmup cannot be 2.0: expected warmup in \[0, 1\)"),
        ({"recipe.weight_decay": "-1..1"}, "weight_decay of at least 0"),
        ({"recipe.optimiser": "adamw|adam"}, "gene recipe.optimiser cannot be adam"),
        ({"model.activation": "relu|gleu"}, "gene model.activation cannot be gleu: expected an activation"),
        ({"model.depth": "1..2 from 2"}, "gene model.depth cannot be 2: .* at least 3 layers"),
        ({"model.depth": "1|2"}, "gene model.depth cannot be 1: .* at least 3 layers"),
        ({"model.width": "8.5..99.5"}, "gene model.width cannot be 64.0: expected tdnn to build a network"),
        ({"initial_scale": "0..2"}, "gene initial_scale cannot be 0.0: expected a factor above 0"),
    ],
)
def test_genes_that_say_nothing_or_nonsense_are_refused(given: dict[str, str], expected: str) -> None:
    genes = read_genes(given, usual_values(constructor(), RECIPE))
    with pytest.raises(InputError, match=expected):
        check_meaning({name: gene for name, gene in genes.items() if gene}, constructor(), RECIPE)


@pytest.mark.parametrize("depth", ["2..4", "1|2|3", "2..9 from 2", "2..3 if model.reach=2"])
def test_numbers_may_be_attempts_where_one_of_them_builds(depth: str) -> None:
    genes = read_genes({"model.depth": depth}, usual_values(constructor(), RECIPE))
    check_meaning({name: gene for name, gene in genes.items() if gene}, constructor(), RECIPE)


def test_without_culture_there_are_no_genes_of_it() -> None:
    with pytest.raises(InputError, match="part of culture"):
        check_meaning({"recipe.culture.weight": Real(0, 1)}, constructor(), Recipe(steps=1))


@pytest.mark.parametrize("name", ZOO)
def test_models_have_genes_of_their_own_that_begin_with_the_ancestor(name: str) -> None:
    shape = inspect.signature(ZOO[name]).parameters["input_shape"].default
    own = describe(name, {"input_shape": shape, "n_classes": 10})
    usual = usual_values(own, RECIPE)
    genes = default_genes(own, usual)
    check_meaning(genes, own, RECIPE)
    space = Space(genes, usual)
    found, recipe, scale = express(space.decode(space.start), own, RECIPE)
    assert (found.structure, recipe, scale) == (own.structure, RECIPE, 1.0)
    assert {n.partition(".")[2] for n in genes if n.startswith("model.")} == {*MODELS[name]}
    for end in (0.0, 1.0):
        found = express(space.decode(space.start * 0 + end), own, RECIPE).constructor
        with torch.device("meta"):
            assert found.build()(torch.empty(2, *shape)).shape[:2] == (2, 10)


def test_others_vary_their_numbers() -> None:
    own = describe("heredity.zoo.acoustic:tdnn", {"input_shape": (4, 30), "n_classes": 3})
    genes = default_genes(own, usual_values(own, RECIPE))
    assert genes["model.width"] == Integer(64 // FACTOR, 64 * FACTOR, "log")
    assert not {"model.reach", "model.activation", "model.width1", "model.dropout"} & genes.keys()


@pytest.mark.parametrize(("temperature", "low", "high"), [(4.0, 1.0, 16.0), (20, 5.0, 80.0), (0.5, 0.125, 2.0)])
def test_the_temperature_varies_around_the_cultures_own(temperature: float, low: float, high: float) -> None:
    own, recipe = constructor(), Recipe(steps=1, culture=Culture(temperature=temperature))
    usual = usual_values(own, recipe)
    assert Space(default_genes(own, usual), usual).genes["recipe.culture.temperature"] == Real(low, high, "log")


def test_what_was_handed_over_has_genes_of_its_recipe_alone() -> None:
    own = provide(constructor().build())
    genes = default_genes(own, usual_values(own, Recipe(steps=1)))
    assert genes.keys() == {"recipe.learning_rate", "recipe.weight_decay", "initial_scale"}
