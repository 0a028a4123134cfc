"""MobileNetV2 for small images (Sandler et al. 2018)."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from heredity.zoo.parts import conv_norm, image_shape

STAGES = (
    # expansion, channels, blocks, stride of the first block
    (1, 16, 1, 1),
    (6, 24, 2, 1),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Table 2 of the paper; the stem's stride and that of the second stage are 1 instead of 2, as images are 32x32."""


class InvertedResidual(nn.Module):
    """A wide depthwise convolution between narrow ends, the last one linear; a residual where shapes allow."""

    def __init__(self, channels_in: int, channels_out: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels_in * expansion
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        if expansion != 1:
            layers["expand"] = conv_norm(channels_in, wide, 1, activation=nn.ReLU6())
        layers["depthwise"] = conv_norm(wide, wide, 3, stride, groups=wide, activation=nn.ReLU6())
        layers["project"] = conv_norm(wide, channels_out, 1, activation=None)
        self.layers = nn.Sequential(layers)
        self.residual = stride == 1 and channels_in == channels_out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(n, channels_in, h, w)` to `(n, channels_out, h / stride, w / stride)`."""
        return x + self.layers(x) if self.residual else self.layers(x)


class MobileNetV2(nn.Module):
    """A stem of 32 channels, seven stages of inverted residuals, 1,280 features; each times `width_mult`.

    Channels come in eights, as in the paper.
    """

    def __init__(self, channels: int, n_classes: int, width_mult: float) -> None:
        super().__init__()
        width, features = _eights(32 * width_mult), _eights(1280 * width_mult)
        self.stem = conv_norm(channels, width, 3, activation=nn.ReLU6())
        blocks: list[nn.Module] = []
        for expansion, usual, count, stride in STAGES:
            made = _eights(usual * width_mult)
            for n in range(count):
                blocks.append(InvertedResidual(width, made, stride if n == 0 else 1, expansion))
                width = made
        self.blocks = nn.Sequential(*blocks)
        self.features = conv_norm(width, features, 1, activation=nn.ReLU6())
        self.classifier = nn.Linear(features, n_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images `(n, channels, h, w)` to logits `(n, n_classes)`."""
        return self.classifier(self.features(self.blocks(self.stem(images))).mean((2, 3)))


def _eights(channels: float) -> int:
    """The nearest multiple of 8, and at least that."""
    return max(8, round(channels / 8) * 8)


def mobilenetv2_cifar(
    input_shape: tuple[int, ...] = (3, 32, 32), n_classes: int = 10, width_mult: float = 1.0
) -> nn.Module:
    """MobileNetV2 that reduces 32x32 images to 4x4 instead of 1x1: 2,236,682 weights."""
    return MobileNetV2(image_shape(input_shape)[0], n_classes, width_mult)
