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
        "reach": Integer(0, 2),
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
    "lenet5": {
        "conv1": Integer(2, 12, "log"),
        "conv2": Integer(4, 32, "log"),
        "fc1": Integer(8, 240, "log"),
        "fc2": Integer(8, 168, "log"),
    },
    "lenet5-synthesis": {
        "conv1": Integer(2, 64, "log"),
        "conv2": Integer(2, 64, "log"),
        "conv3": Integer(4, 128, "log"),
        "conv4": Integer(4, 128, "log"),
    },
    "cnn-small": {
        "width1": Integer(4, 30, "log"),
        "width2": Integer(8, 66, "log"),
        "width3": Integer(8, 120, "log"),
        "hidden": Integer(8, 256, "log"),
        "kernel": Choice((3, 5)),
        "activation": ACTIVATION,
        "dropout": DROPOUT,
    },
    "alexnet-cifar": {
        "conv1": Integer(4, 96, "log"),
        "conv2": Integer(8, 256, "log"),
        "conv3": Integer(8, 384, "log"),
        "conv4": Integer(8, 384, "log"),
        "conv5": Integer(8, 256, "log"),
        "fc6": Integer(16, 1024, "log"),
        "fc7": Integer(16, 1024, "log"),
    },
    "vgg16-bn": {
        "width1": Integer(4, 128, "log"),
        "width2": Integer(8, 256, "log"),
        "width3": Integer(8, 512, "log"),
        "width4": Integer(8, 1024, "log"),
        "width5": Integer(8, 1024, "log"),
    },
    "inception-cifar": {"width_mult": Real(0.0625, 2.0, "log")},
    "inception-small": {"width_mult": Real(0.25, 4.0, "log")},
    "resnet20": {"width": Integer(4, 32, "log"), "blocks": Integer(1, 6)},
    "resnet56": {"width": Integer(4, 32, "log"), "blocks": Integer(1, 18)},
    "resnext-cifar": {
        "cardinality": Integer(1, 16, "log"),
        "width": Integer(2, 16, "log"),
        "outputs": Integer(16, 256, "log"),
    },
    "densenet-cifar": {"growth": Integer(4, 24, "log"), "layers": Integer(2, 12)},
    "mobilenetv2-cifar": {"width_mult": Real(0.25, 2.0, "log")},
    "convnext-cifar": {
        "width1": Integer(8, 96, "log"),
        "width2": Integer(16, 192, "log"),
        "width3": Integer(16, 384, "log"),
        "depth1": Integer(1, 4),
        "depth2": Integer(1, 8),
        "depth3": Integer(1, 4),
    },
    "vit-tiny": {"heads": Integer(1, 6), "head_width": Integer(8, 128, "log"), "depth": Integer(1, 12)},
    "unet-small": {"width": Integer(4, 32, "log"), "levels": Integer(2, 4)},
    "lstm-small": {"width": Integer(8, 256, "log"), "layers": Integer(1, 4)},
}
"""Of ancestors of the zoo: genes by keyword. Widths and depths mostly go up to twice the ancestor's."""


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
