"""The genes that a model has unless told otherwise, around what it is by itself."""

from __future__ import annotations

from collections.abc import Mapping

from heredity.anatomy.constructor import Constructor
from heredity.genes.expression import CULTURE, MODEL, SCALE
from heredity.genes.gene import Choice, Gene, Integer, Real, Value, When

FACTOR = 4
"""By how much the numbers of an unknown constructor, and the temperature of culture, may be smaller or larger."""

RECIPE_FACTORS = {"recipe.learning_rate": 8, "recipe.weight_decay": 32, SCALE: 4}
"""By how much what a recipe says may be smaller or larger than the ancestor's."""

ACTIVATION = Choice(("relu", "leaky-relu", "gelu", "tanh"))
DROPOUT = Real(0.0, 0.3)

MODELS: Mapping[str, Mapping[str, Gene]] = {
    "acoustic-mlp": {
        "width": Integer(8, 256, "log"),
        "depth": Integer(2, 8),
        "splice": Integer(1, 12),
        "activation": ACTIVATION,
        "dropout": DROPOUT,
    },
    "tdnn": {
        "width1": Integer(8, 128, "log", 64),
        "width2": Integer(8, 128, "log", 64),
        "width3": Integer(8, 128, "log", 64),
        "depth": Integer(3, 6),
        "width": Integer(8, 128, "log", when=When("model.depth", (4, 5, 6))),
        "splice": Integer(1, 6),
        "reach": Integer(1, 3),
        "activation": ACTIVATION,
        "dropout": DROPOUT,
    },
    "lenet5-caffe": {
        "conv1": Integer(2, 40, "log"),
        "conv2": Integer(4, 100, "log"),
        "fc1": Integer(8, 1000, "log"),
        "kernel": Choice((3, 5)),
        "activation": ACTIVATION,
        "dropout": DROPOUT,
    },
    "lenet-300-100": {"fc1": Integer(8, 600, "log"), "fc2": Integer(8, 200, "log")},
    "cnn-small": {
        "width1": Integer(4, 30, "log"),
        "width2": Integer(8, 66, "log"),
        "width3": Integer(8, 120, "log"),
        "hidden": Integer(8, 256, "log"),
        "kernel": Choice((3, 5)),
        "activation": ACTIVATION,
        "dropout": DROPOUT,
    },
}
"""Of ancestors of the zoo: genes by keyword."""


def default_genes(constructor: Constructor, usual: Mapping[str, Value]) -> dict[str, Gene]:
    """Genes of a constructor and of a recipe, by name; `usual` is what the ancestor has (`expression.usual_values`).

    A constructor that is not known has its numbers varied; words, and what is there or not, are left alone.
    """
    genes: dict[str, Gene | None] = {}
    if constructor.reference in MODELS:
        genes |= {f"{MODEL}{name}": gene for name, gene in MODELS[constructor.reference].items()}
    else:
        genes |= {name: _around(value, FACTOR) for name, value in usual.items() if name.startswith(MODEL)}
    genes |= {name: _around(usual[name], factor) for name, factor in RECIPE_FACTORS.items()}
    if f"{CULTURE}weight" in usual:
        genes[f"{CULTURE}weight"] = Real(0.0, 1.0)
        genes[f"{CULTURE}temperature"] = _around(float(usual[f"{CULTURE}temperature"]), FACTOR)
    return {name: gene for name, gene in genes.items() if gene is not None}


def _around(value: Value, factor: float) -> Integer | Real | None:
    """Numbers up to so many times smaller or larger; None where that says nothing."""
    if isinstance(value, str | bool) or value <= 0 or (isinstance(value, int) and value < 2):
        return None
    if isinstance(value, int):
        return Integer(max(1, round(value / factor)), round(value * factor), "log")
    return Real(value / factor, value * factor, "log")
