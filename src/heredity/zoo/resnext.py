"""Aggregated residual transformations for small images (Xie et al. 2017, section 5.3)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from heredity.zoo.parts import conv_norm, image_shape


class ResNeXtBlock(nn.Module):
    """A bottleneck whose 3x3 convolution is `groups` narrow ones side by side; shortcuts are projected where needed."""

    def __init__(self, channels_in: int, inner: int, channels_out: int, stride: int, groups: int) -> None:
        super().__init__()
        self.reduce = conv_norm(channels_in, inner, 1, activation=nn.ReLU())
        self.grouped = conv_norm(inner, inner, 3, stride, groups=groups, activation=nn.ReLU())
        self.expand = conv_norm(inner, channels_out, 1, activation=None)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels_in != channels_out:
            self.shortcut = conv_norm(channels_in, channels_out, 1, stride, activation=None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(n, channels_in, h, w)` to `(n, channels_out, h / stride, w / stride)`."""
        return F.relu(self.shortcut(x) + self.expand(self.grouped(self.reduce(x))))


class ResNeXt(nn.Module):
    """Three stages of three blocks: depth 29.

    In the first stage a grouped convolution is `cardinality` ones of `width` channels, and blocks return `outputs`
    channels; every later stage doubles both. The paper's 8x64d has `outputs` 256.
    """

    def __init__(self, channels: int, n_classes: int, *, cardinality: int, width: int, outputs: int) -> None:
        super().__init__()
        self.stem = conv_norm(channels, 64, 3, activation=nn.ReLU())
        inner = cardinality * width
        self.stage1 = _stage(64, inner, outputs, 1, cardinality)
        self.stage2 = _stage(outputs, 2 * inner, 2 * outputs, 2, cardinality)
        self.stage3 = _stage(2 * outputs, 4 * inner, 4 * outputs, 2, cardinality)
        self.classifier = nn.Linear(4 * outputs, n_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images `(n, channels, h, w)` to logits `(n, n_classes)`."""
        x = self.stage3(self.stage2(self.stage1(self.stem(images))))
        return self.classifier(x.mean((2, 3)))


def _stage(channels_in: int, inner: int, channels_out: int, stride: int, groups: int) -> nn.Sequential:
    first = ResNeXtBlock(channels_in, inner, channels_out, stride, groups)
    return nn.Sequential(first, *(ResNeXtBlock(channels_out, inner, channels_out, 1, groups) for _ in range(2)))


def resnext_cifar(
    input_shape: tuple[int, ...] = (3, 32, 32),
    n_classes: int = 10,
    cardinality: int = 8,
    width: int = 8,
    outputs: int = 128,
) -> nn.Module:
    """ResNeXt-29 of 8x8d with 128-256-512 channels between its blocks: 1,428,042 weights."""
    channels, _, _ = image_shape(input_shape)
    return ResNeXt(channels, n_classes, cardinality=cardinality, width=width, outputs=outputs)
