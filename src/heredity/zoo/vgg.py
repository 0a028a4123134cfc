"""VGG with batch norm for small images (Simonyan & Zisserman 2015; Ioffe & Szegedy 2015)."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from heredity.zoo.parts import image_shape

STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Filters of VGG-16's 3x3 convolutions; each stage ends in a pool."""


def vgg16_bn(input_shape: tuple[int, ...] = (3, 32, 32), n_classes: int = 10) -> nn.Module:
    """VGG-16 as the literature prunes it on CIFAR: one linear classifier instead of three dense layers.

    14,724,042 weights. The convolutions have no biases, which their batch norms would undo. Pools round up and the last
    stage is averaged, so that images need not be 32x32.
    """
    width, _, _ = image_shape(input_shape)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for stage, filters in enumerate(STAGES, 1):
        for n, made in enumerate(filters, 1):
            layers[f"conv{stage}_{n}"] = nn.Conv2d(width, made, 3, padding=1, bias=False)
            layers[f"bn{stage}_{n}"] = nn.BatchNorm2d(made)
            layers[f"relu{stage}_{n}"] = nn.ReLU()
            width = made
        layers[f"pool{stage}"] = nn.MaxPool2d(2, ceil_mode=True)
    layers["average"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["classifier"] = nn.Linear(width, n_classes)
    return nn.Sequential(layers)
