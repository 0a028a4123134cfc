"""What several ancestors are made with."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from torch import nn

from heredity.errors import ModelError


def image_shape(input_shape: tuple[int, ...]) -> tuple[int, int, int]:
    """An image's `(channels, height, width)`.

    Raises:
        ModelError: inputs of this shape are no images.
    """
    if len(input_shape) != 3:
        came = f"inputs of shape {tuple(input_shape)}"
        remedy = "take another network: lenet-300-100 reads inputs of any shape, lstm-small sequences"
        raise ModelError.of("images of shape (channels, height, width)", came, remedy)
    channels, height, width = input_shape
    return channels, height, width


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky-relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}
"""What constructors mean by the name of an activation."""


def nonlinearity(name: str) -> nn.Module:
    """An activation by its name.

    Raises:
        ModelError: there is none such.
    """
    if name not in ACTIVATIONS:
        raise ModelError.of("an activation", repr(name), f"choose among {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]()


def conv_norm(
    channels_in: int, channels_out: int, kernel: int, stride: int = 1, *, groups: int = 1, activation: nn.Module | None
) -> nn.Sequential:
    """A convolution that keeps the image's extent (but for its stride), batch norm instead of a bias, an activation."""
    padding = kernel // 2
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv=nn.Conv2d(channels_in, channels_out, kernel, stride, padding, groups=groups, bias=False),
        norm=nn.BatchNorm2d(channels_out),
    )
    if activation is not None:
        layers["activation"] = activation
    return nn.Sequential(layers)
