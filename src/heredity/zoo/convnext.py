"""ConvNeXt for small images (Liu et al. 2022)."""

from __future__ import annotations

import torch
from torch import nn

from heredity.zoo.parts import image_shape

LAYER_SCALE = 0.1
"""What a block adds is scaled by this at first. The paper's 1e-6 is meant for long trainings of deep networks; .1 is
what Touvron et al. 2021, who introduced it, recommend for up to 18 layers."""


class ChannelNorm(nn.Module):
    """Layer norm over the channels of every pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(n, channels, h, w)` to the same."""
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    """A depthwise 7x7 convolution, layer norm, two dense layers at every pixel, layer scale, a residual."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.expand = nn.Linear(channels, 4 * channels)
        self.gelu = nn.GELU()
        self.project = nn.Linear(4 * channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), LAYER_SCALE))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(n, channels, h, w)` to the same."""
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.scale * self.project(self.gelu(self.expand(y)))
        return x + y.permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    """Patches of `patch` pixels, then stages of blocks; convolutions of stride 2 between the stages."""

    def __init__(
        self, channels: int, n_classes: int, *, patch: int, widths: tuple[int, ...], depths: tuple[int, ...]
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], patch, patch), ChannelNorm(widths[0])]
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            if stage > 0:
                narrower = widths[stage - 1]
                layers += [ChannelNorm(narrower), nn.Conv2d(narrower, width, 2, 2)]
            layers.append(nn.Sequential(*(ConvNeXtBlock(width) for _ in range(depth))))
        self.layers = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(widths[-1], eps=1e-6)
        self.classifier = nn.Linear(widths[-1], n_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images `(n, channels, h, w)` to logits `(n, n_classes)`."""
        return self.classifier(self.norm(self.layers(images).mean((2, 3))))


def convnext_cifar(
    input_shape: tuple[int, ...] = (3, 32, 32),
    n_classes: int = 10,
    width1: int = 48,
    width2: int = 96,
    width3: int = 192,
    depth1: int = 2,
    depth2: int = 4,
    depth3: int = 2,
) -> nn.Module:
    """A ConvNeXt of three stages, 48-96-192 channels wide, on patches of 2x2 pixels: 1,067,482 weights.

    Its layers keep PyTorch's initialisation: in so narrow a network the paper's deviation of .02 would be too small.
    """
    channels, _, _ = image_shape(input_shape)
    widths, depths = (width1, width2, width3), (depth1, depth2, depth3)
    return ConvNeXt(channels, n_classes, patch=2, widths=widths, depths=depths)
