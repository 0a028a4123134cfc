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
    return sum(math.prod(anatomy.shapes[name]) for name in deployed(anatomy))


def macs(anatomy: Anatomy) -> int:
    """Multiply-accumulates of layers and of products of activations for one example (count)."""
    layers = sum(math.prod(anatomy.shapes[weight]) * times for weight, times in anatomy.positions.items())
    products = sum(anatomy.sizes.get(family, 1) * each for family, each in anatomy.work.items())
    return layers + products


def synapses(anatomy: Anatomy, masks: Mapping[str, torch.Tensor]) -> int:
    """Live weights (count): `params` less those that are masked."""
    return params(anatomy) - sum(int((~mask).sum()) for mask in masks.values())


def deployed(anatomy: Anatomy) -> list[str]:
    """The tensors that the deployed network holds; a vector of each norm that melts stands for the bias it becomes."""
    leaves = ("weight", "bias", "running_mean", "running_var")
    melted: set[str] = set()
    biases: list[str] = []
    for norm, weight in anatomy.folds.items():
        vectors = [name for leaf in leaves if (name := f"{norm}.{leaf}") in anatomy.shapes]
        melted |= {*vectors, weight.removesuffix("weight") + "bias"}
        biases.append(vectors[0])
    return [name for name in anatomy.shapes if name not in melted] + biases


def blocks_bytes(anatomy: Anatomy) -> int:
    """What blocks have brought to the ONNX file beside weights: nodes, and names; within some tens of bytes a block.

    A file is lighter than that where several branches end in one sum: their biases learn the same, and what is the same
    is held once. An Inception module then weighs three biases less, and their names.
    """
    return 0 if anatomy.origin is None else _graph_bytes(anatomy) - _graph_bytes(anatomy.origin)


def _graph_bytes(anatomy: Anatomy) -> int:
    """What layers, norms that do not melt, and blocks' pooling weigh in an ONNX file, their weights aside.

    A tensor has its name twice, where it is held and where it is read. The numbers are those of files that were looked
    into; a layer's is that of its own node, and of a sum or an activation.
    """
    held = sum(2 * len(f"network.{name}") + 2 * len(anatomy.shapes[name]) + 7 for name in deployed(anatomy))
    dims = [len(anatomy.shapes[weight]) for weight in anatomy.positions]
    layers = sum(156 if n == 2 else 189 + 10 * (n - 2) for n in dims)
    norms = {name.removesuffix(".running_var") for name in anatomy.shapes if name.endswith(".running_var")}
    return held + layers + 143 * len(norms - anatomy.folds.keys()) + 215 * anatomy.pools


def encoded(anatomy: Anatomy) -> tuple[str, ...]:
    """The weights that the papers on evolutionary synthesis count: of layers whose outputs are a family.

    So biases and the classifier do not count, nor does anything else that cannot be inherited in part.
    """
    made = {s.tensor for family in anatomy.families for s in family.slices if s.role == "made"}
    return tuple(sorted(made & set(anatomy.positions)))


def encoded_synapses(anatomy: Anatomy, masks: Mapping[str, torch.Tensor]) -> int:
    """Live synapses as the papers count them (count)."""
    return sum(
        int(masks[name].sum()) if name in masks else math.prod(anatomy.shapes[name]) for name in encoded(anatomy)
    )


def encoded_kernels(anatomy: Anatomy, masks: Mapping[str, torch.Tensor]) -> int:
    """Kernels, a filter's weights for one input, as the papers count them: those with a live synapse (count)."""
    total = 0
    for name in encoded(anatomy):
        if name in masks:
            total += int(masks[name].flatten(2).any(2).sum() if masks[name].dim() > 2 else masks[name].sum())
        else:
            total += math.prod(anatomy.shapes[name][:2])
    return total


def storage(anatomy: Anatomy, masks: Mapping[str, torch.Tensor]) -> int:
    """What a network weighs that is stored by synapse (bytes): 4 for a live weight, a bit for each place of a mask.

    A weight in which no synapse is absent needs no mask. Nobody writes such files here; papers give such sizes.
    """
    return 4 * synapses(anatomy, masks) + sum(math.ceil(mask.numel() / 8) for mask in masks.values())
