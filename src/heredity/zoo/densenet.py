"""Densely connected networks for small images (Huang et al. 2017)."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F

from heredity.zoo.parts import image_shape


class DenseLayer(nn.Module):
    """A bottleneck of 4 `growth` channels and a 3x3 convolution, whose `growth` channels are put beside its input."""

    def __init__(self, channels_in: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels_in)
        self.conv1 = nn.Conv2d(channels_in, 4 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(n, channels_in, h, w)` to `(n, channels_in + growth, h, w)`."""
        y = self.conv1(F.relu(self.norm1(x)))
        return torch.cat((x, self.conv2(F.relu(self.norm2(y)))), 1)


class DenseNet(nn.Module):
    """DenseNet-BC: three blocks of `layers` dense layers, and transitions that halve channels and extent between them.

    Its depth is 6 * layers + 4.
    """

    def __init__(self, channels: int, n_classes: int, *, growth: int, layers: int) -> None:
        super().__init__()
        width = 2 * growth
        self.stem = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.block1, width = _block(width, growth, layers)
        self.transition1 = _transition(width)
        self.block2, width = _block(width // 2, growth, layers)
        self.transition2 = _transition(width)
        self.block3, width = _block(width // 2, growth, layers)
        self.norm = nn.BatchNorm2d(width)
        self.classifier = nn.Linear(width, n_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images `(n, channels, h, w)` to logits `(n, n_classes)`."""
        x = self.transition1(self.block1(self.stem(images)))
        x = self.block3(self.transition2(self.block2(x)))
        return self.classifier(F.relu(self.norm(x)).mean((2, 3)))


def _block(width: int, growth: int, layers: int) -> tuple[nn.Sequential, int]:
    """A dense block, and how many channels it returns."""
    block = nn.Sequential(*(DenseLayer(width + n * growth, growth) for n in range(layers)))
    return block, width + layers * growth


def _transition(width: int) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        norm=nn.BatchNorm2d(width),
        relu=nn.ReLU(),
        conv=nn.Conv2d(width, width // 2, 1, bias=False),
        pool=nn.AvgPool2d(2),
    )
    return nn.Sequential(layers)


def densenet_cifar(
    input_shape: tuple[int, ...] = (3, 32, 32), n_classes: int = 10, growth: int = 12, layers: int = 6
) -> nn.Module:
    """DenseNet-BC of depth 40 that grows by 12 channels a layer: 176,122 weights."""
    return DenseNet(image_shape(input_shape)[0], n_classes, growth=growth, layers=layers)
