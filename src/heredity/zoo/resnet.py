"""Residual networks for small images (He et al. 2016, section 4.2)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from heredity.zoo.parts import image_shape


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, which is projected by a 1x1 convolution where shapes change."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(n, channels_in, h, w)` to `(n, channels_out, h / stride, w / stride)`."""
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


class ResNet(nn.Module):
    """Three stages of `blocks` basic blocks, `width` channels wide, twice and four times: depth 6 * blocks + 2."""

    def __init__(self, channels: int, n_classes: int, blocks: int, width: int = 16) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.stage1 = _stage(width, width, 1, blocks)
        self.stage2 = _stage(width, 2 * width, 2, blocks)
        self.stage3 = _stage(2 * width, 4 * width, 2, blocks)
        self.classifier = nn.Linear(4 * width, n_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images `(n, channels, h, w)` to logits `(n, n_classes)`."""
        x = F.relu(self.bn1(self.conv1(images)))
        x = self.stage3(self.stage2(self.stage1(x)))
        return self.classifier(x.mean((2, 3)))


def _stage(channels_in: int, channels_out: int, stride: int, blocks: int) -> nn.Sequential:
    rest = [BasicBlock(channels_out, channels_out, 1) for _ in range(blocks - 1)]
    return nn.Sequential(BasicBlock(channels_in, channels_out, stride), *rest)


def resnet20(
    input_shape: tuple[int, ...] = (3, 32, 32), n_classes: int = 10, width: int = 16, blocks: int = 3
) -> nn.Module:
    """ResNet-20 with projected shortcuts: 272,474 weights."""
    return ResNet(image_shape(input_shape)[0], n_classes, blocks, width)


def resnet56(
    input_shape: tuple[int, ...] = (3, 32, 32), n_classes: int = 10, width: int = 16, blocks: int = 9
) -> nn.Module:
    """ResNet-56 with projected shortcuts: 855,770 weights."""
    return ResNet(image_shape(input_shape)[0], n_classes, blocks, width)
