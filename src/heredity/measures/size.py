"""Sizes of a network, by arithmetic on its anatomy: exact, and known before it is born. Lower is better for all."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from heredity.anatomy.anatomy import Anatomy


def params(anatomy: Anatomy) -> int:
    """Dense weights that the deployed network holds (count).

    A batch norm that follows a layer directly melts into that layer's weight and bias on export, and counts as the bias
    alone; one that cannot melt counts its four vectors.
    """
    return sum(math.prod(shape) for shape in _deployed_shapes(anatomy).values())


def macs(anatomy: Anatomy) -> int:
    """Multiply-accumulates of layers and of products of activations for one example (count)."""
    layers = sum(math.prod(anatomy.shapes[weight]) * times for weight, times in anatomy.positions.items())
    products = sum(anatomy.sizes.get(family, 1) * each for family, each in anatomy.work.items())
    return layers + products


def synapses(anatomy: Anatomy, masks: Mapping[str, torch.Tensor]) -> int:
    """Live weights (count): `params` less those that are masked."""
    return params(anatomy) - sum(int((~mask).sum()) for mask in masks.values())


def _deployed_shapes(anatomy: Anatomy) -> dict[str, tuple[int, ...]]:
    shapes = dict(anatomy.shapes)
    for norm, weight in anatomy.folds.items():
        leaves = ("weight", "bias", "running_mean", "running_var")
        vectors = [shapes.pop(f"{norm}.{leaf}") for leaf in leaves if f"{norm}.{leaf}" in shapes]
        shapes[weight.removesuffix("weight") + "bias"] = vectors[0]
    return shapes
