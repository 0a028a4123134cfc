"""VGG with batch norm for small images (Simonyan & Zisserman 2015; Ioffe & Szegedy 2015)."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from heredity.zoo.parts import image_shape

CONVOLUTIONS = (2, 2, 3, 3, 3)
"""VGG-16's 3x3 convolutions, stage by stage; each stage ends in a pool."""


def vgg16_bn(
    input_shape: tuple[int, ...] = (3, 32, 32),
    n_classes: int = 10,
    width1: int = 64,
    width2: int = 128,
    width3: int = 256,
    width4: int = 512,
    width5: int = 512,
) -> nn.Module:
    """VGG-16 as the literature prunes it on CIFAR: one linear classifier instead of three dense layers.

    14,724,042 weights. The convolutions have no biases, which their batch norms would undo. Pools round up and the last
    stage is averaged, so that images need not be 32x32.
    """
    channels, _, _ = image_shape(input_shape)
    widths = (width1, width2, width3, width4, width5)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for stage, (width, convolutions) in enumerate(zip(widths, CONVOLUTIONS, strict=True), 1):
        for n in range(1, convolutions + 1):
            layers[f"conv{stage}_{n}"] = nn.Conv2d(channels, width, 3, padding=1, bias=False)
            layers[f"bn{stage}_{n}"] = nn.BatchNorm2d(width)
            layers[f"relu{stage}_{n}"] = nn.ReLU()
            channels = width
        layers[f"pool{stage}"] = nn.MaxPool2d(2, ceil_mode=True)
    layers["average"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["classifier"] = nn.Linear(channels, n_classes)
    return nn.Sequential(layers)
