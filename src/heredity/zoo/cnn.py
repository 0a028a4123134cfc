"""A small convolutional network to grow from, of the size of the base in Painter's report (METHODS F)."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from heredity.errors import ModelError
from heredity.zoo.parts import conv_norm, image_shape, nonlinearity


def cnn_small(
    input_shape: tuple[int, ...] = (3, 32, 32),
    n_classes: int = 10,
    width1: int = 15,
    width2: int = 33,
    width3: int = 60,
    hidden: int = 128,
    kernel: int = 3,
    activation: str = "relu",
    dropout: float = 0.0,
) -> nn.Module:
    """Three convolutions of 3x3 with batch norm, each before a maximum over 2x2, and two linear layers.

    147,194 weights. `(n, 3, 32, 32)` to `(n, n_classes)`. The report gives that number and doubling widths up to 64,
    but not all that it takes to tell its layers: the widths here are the nearest to doubling of one convolution a stage
    that have it.

    Raises:
        ModelError: an even kernel.
    """
    if kernel % 2 == 0:
        raise ModelError.of("an odd kernel", kernel, "give 3 or 5")
    channels, height, width = image_shape(input_shape)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, channels_out in enumerate((width1, width2, width3), 1):
        activated = nonlinearity(activation)
        layers[f"stage{number}"] = conv_norm(channels, channels_out, kernel, activation=activated)
        layers[f"pool{number}"] = nn.MaxPool2d(2, ceil_mode=True)
        channels, height, width = channels_out, -(-height // 2), -(-width // 2)
    layers["flatten"] = nn.Flatten()
    layers["hidden"] = nn.Linear(channels * height * width, hidden)
    layers["relu"] = nonlinearity(activation)
    if dropout:
        layers["dropout"] = nn.Dropout(dropout)
    layers["classifier"] = nn.Linear(hidden, n_classes)
    return nn.Sequential(layers)
