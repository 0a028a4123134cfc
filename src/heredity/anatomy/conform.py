"""Attributes that say how large tensors are, made to say it again after tensors have shrunk."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase as Norm  # pyright: ignore[reportPrivateUsage]  # the common base
from torch.nn.modules.conv import _ConvNd as Convolution  # pyright: ignore[reportPrivateUsage]  # the common base

from heredity.anatomy.attention import MultiheadAttention

# an instance norm without tensors computes the same for any number of channels; nothing tells how many are left
warnings.filterwarnings("ignore", message="input's size at dim=1 does not match num_features")


@dataclass(frozen=True)
class Follow:
    """An attribute of a user's module that counts channels: `tensor.shape[dim] // step` of its network."""

    owner: str
    attribute: str
    tensor: str
    dim: int
    step: int


def conform(network: nn.Module, follows: Sequence[Follow] = ()) -> None:
    """Make the attributes of standard layers, and those that `follows` names, say what their tensors' shapes say."""
    for layer in list(network.modules()):
        _conform(layer)
        for name, child in list(layer.named_children()):
            if isinstance(child, nn.MultiheadAttention) and not _as_torch_has_it(child):
                setattr(layer, name, attention := MultiheadAttention(child))
                attention.num_heads = attention.out_proj.weight.shape[1] // attention.head_width
    tensors: Mapping[str, torch.Tensor] = dict((*network.named_parameters(), *network.named_buffers()))
    for follow in follows:
        value = tensors[follow.tensor].shape[follow.dim] // follow.step
        setattr(network.get_submodule(follow.owner), follow.attribute, value)


def _as_torch_has_it(attention: nn.MultiheadAttention) -> bool:
    """Whether its heads together are as wide as what it reads and what it gives."""
    width, tensors = attention.embed_dim, attention.state_dict()
    apart = "in_proj_weight" not in tensors
    reads = [tensors[f"{c}_proj_weight"].shape[1] for c in (("q", "k", "v") if apart else ("in",))]
    expected = [width, attention.kdim, attention.vdim] if apart else [width]
    return tensors["out_proj.weight"].shape == (width, width) and reads == expected


@singledispatch
def _conform(layer: nn.Module) -> None:
    """Layers without such attributes."""


@_conform.register
def _(layer: Convolution) -> None:
    made, read = (1, 0) if layer.transposed else (0, 1)
    shape, groups = layer.weight.shape, layer.groups
    if groups == 1:
        layer.out_channels, layer.in_channels = shape[made], shape[read]
        return
    # the weight lies group after group along its first dimension, and holds one group's extent along its second
    along = (layer.in_channels if layer.transposed else layer.out_channels) // groups
    layer.groups = shape[0] // along
    first, second = shape[0], shape[1] * layer.groups
    layer.out_channels, layer.in_channels = (second, first) if layer.transposed else (first, second)


@_conform.register
def _(layer: nn.Linear) -> None:
    layer.out_features, layer.in_features = layer.weight.shape


@_conform.register
def _(layer: Norm) -> None:
    held = layer.weight if layer.affine else layer.running_mean
    layer.num_features = layer.num_features if held is None else held.shape[0]


@_conform.register
def _(layer: nn.GroupNorm) -> None:
    if layer.affine:
        size = layer.num_channels // layer.num_groups
        layer.num_channels = layer.weight.shape[0]
        layer.num_groups = layer.num_channels // size


@_conform.register
def _(layer: nn.PReLU) -> None:
    layer.num_parameters = layer.weight.numel()


@_conform.register
def _(layer: nn.Embedding) -> None:
    layer.num_embeddings, layer.embedding_dim = layer.weight.shape


@_conform.register
def _(layer: nn.RNNBase) -> None:
    weights = dict(layer.named_parameters())
    layer.hidden_size, layer.input_size = weights["weight_hh_l0"].shape[1], weights["weight_ih_l0"].shape[1]
    # a list of the same tensors, which torch keeps beside them
    layer._flat_weights = [getattr(layer, name) for name in layer._flat_weights_names]  # pyright: ignore[reportPrivateUsage]
