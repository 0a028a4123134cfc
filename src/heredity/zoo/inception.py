"""A small GoogLeNet with batch norm for small images (Szegedy et al. 2015; Ioffe & Szegedy 2015)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import nn

from heredity.zoo.parts import conv_norm, image_shape


class Widths(NamedTuple):
    """Channels in a module, as in table 1 of the paper; the reductions are 1x1 convolutions before larger ones."""

    conv1: int
    reduce3: int
    conv3: int
    reduce5: int
    conv5: int
    pool: int

    def times(self, factor: float) -> Widths:
        """Each of them so many times as wide, and at least one channel."""
        return Widths(*(_times(channels, factor) for channels in self))

    @property
    def outputs(self) -> int:
        """Channels that the module returns."""
        return self.conv1 + self.conv3 + self.conv5 + self.pool


MODULES = {
    "3a": Widths(32, 48, 64, 8, 16, 16),
    "3b": Widths(64, 64, 96, 16, 48, 32),
    "4a": Widths(96, 48, 104, 8, 24, 32),
    "4e": Widths(128, 80, 160, 16, 64, 64),
    "5a": Widths(128, 80, 160, 16, 64, 64),
    "5b": Widths(192, 96, 192, 24, 64, 64),
}
"""Half the widths of the paper's, and six of its nine modules."""


class Inception(nn.Module):
    """Four branches side by side; two 3x3 convolutions stand for the 5x5, as in the version with batch norm."""

    def __init__(self, channels_in: int, widths: Widths) -> None:
        super().__init__()
        self.branch1 = conv_norm(channels_in, widths.conv1, 1, activation=nn.ReLU())
        self.branch3 = nn.Sequential(
            conv_norm(channels_in, widths.reduce3, 1, activation=nn.ReLU()),
            conv_norm(widths.reduce3, widths.conv3, 3, activation=nn.ReLU()),
        )
        self.branch5 = nn.Sequential(
            conv_norm(channels_in, widths.reduce5, 1, activation=nn.ReLU()),
            conv_norm(widths.reduce5, widths.conv5, 3, activation=nn.ReLU()),
            conv_norm(widths.conv5, widths.conv5, 3, activation=nn.ReLU()),
        )
        self.branch_pool = nn.Sequential(
            nn.MaxPool2d(3, 1, padding=1), conv_norm(channels_in, widths.pool, 1, activation=nn.ReLU())
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(n, channels_in, h, w)` to `(n, widths.outputs, h, w)`."""
        return torch.cat((self.branch1(x), self.branch3(x), self.branch5(x), self.branch_pool(x)), 1)


SMALL = {
    "3a": Widths(8, 8, 12, 4, 6, 6),
    "4a": Widths(12, 12, 20, 4, 8, 8),
    "5a": Widths(16, 16, 28, 4, 10, 10),
}
"""One module for each extent, to grow from."""


def inception_cifar(
    input_shape: tuple[int, ...] = (3, 32, 32), n_classes: int = 10, width_mult: float = 1.0
) -> nn.Module:
    """A stem that keeps 32x32 images, six inception modules, a pool before the third and the fifth.

    1,145,066 weights.
    """
    return _stacked(MODULES, 96, width_mult, input_shape, n_classes)


def inception_small(
    input_shape: tuple[int, ...] = (3, 32, 32), n_classes: int = 10, width_mult: float = 1.0
) -> nn.Module:
    """A stem and three narrow inception modules, to be grown by others.

    15,042 weights.
    """
    return _stacked(SMALL, 16, width_mult, input_shape, n_classes)


def _stacked(
    modules: Mapping[str, Widths], stem: int, factor: float, input_shape: tuple[int, ...], n_classes: int
) -> nn.Module:
    """A stem of this width, and modules, with a pool before the first of each extent but the largest.

    All are `factor` times as wide.
    """
    width = _times(stem, factor)
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        stem=conv_norm(image_shape(input_shape)[0], width, 3, activation=nn.ReLU())
    )
    for name, usual in modules.items():
        widths = usual.times(factor)
        if name in ("4a", "5a"):
            layers[f"pool{name[0]}"] = nn.MaxPool2d(3, 2, padding=1)
        layers[f"inception{name}"] = Inception(width, widths)
        width = widths.outputs
    layers["average"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["classifier"] = nn.Linear(width, n_classes)
    return nn.Sequential(layers)


def _times(channels: int, factor: float) -> int:
    return max(1, round(channels * factor))
