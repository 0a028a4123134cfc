"""A small convolutional network to grow from, of the size of the base in Painter's report (METHODS F)."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from heredity.zoo.parts import conv_norm, image_shape

WIDTHS = 15, 33, 60
"""Of the convolutions. The report gives 147,194 weights and doubling widths up to 64, but not all that it takes to tell
its layers: these are the nearest to doubling of one convolution a stage that have that number of weights."""


def cnn_small(input_shape: tuple[int, ...] = (3, 32, 32), n_classes: int = 10) -> nn.Module:
    """Three convolutions of 3x3 with batch norm, each before a maximum over 2x2, and two linear layers.

    147,194 weights. `(n, 3, 32, 32)` to `(n, n_classes)`.
    """
    channels, height, width = image_shape(input_shape)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, channels_out in enumerate(WIDTHS, 1):
        layers[f"stage{number}"] = conv_norm(channels, channels_out, 3, activation=nn.ReLU())
        layers[f"pool{number}"] = nn.MaxPool2d(2, ceil_mode=True)
        channels, height, width = channels_out, -(-height // 2), -(-width // 2)
    layers["flatten"] = nn.Flatten()
    layers["hidden"] = nn.Linear(channels * height * width, 128)
    layers["relu"] = nn.ReLU()
    layers["classifier"] = nn.Linear(128, n_classes)
    return nn.Sequential(layers)
