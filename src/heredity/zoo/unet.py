"""U-Net for segmentation (Ronneberger et al. 2015)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from heredity.zoo.parts import conv_norm, image_shape


class UNet(nn.Module):
    """Down through `widths`, up again, and at every level the channels of the way down beside those from below.

    Convolutions are padded and have batch norms; images of any extent from 8 pixels come out as they went in.
    """

    def __init__(self, channels: int, n_classes: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        climb = tuple(pairwise(reversed(widths)))
        self.pool = nn.MaxPool2d(2)
        self.down = nn.ModuleList(_level(above, here) for above, here in pairwise((channels, *widths[:-1])))
        self.bottom = _level(*widths[-2:])
        self.upsample = nn.ModuleList(nn.ConvTranspose2d(below, here, 2, 2) for below, here in climb)
        self.up = nn.ModuleList(_level(2 * here, here) for _, here in climb)
        self.classifier = nn.Conv2d(widths[0], n_classes, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images `(n, channels, h, w)` to logits `(n, n_classes, h, w)`."""
        x = images
        passed: list[torch.Tensor] = []
        for level in self.down:
            x = level(x)
            passed.append(x)
            x = self.pool(x)
        x = self.bottom(x)
        for upsample, level, beside in zip(self.upsample, self.up, reversed(passed), strict=True):
            x = upsample(x, output_size=beside.shape[2:])  # a pool that dropped an odd pixel is made up for
            x = level(torch.cat((beside, x), 1))
        return self.classifier(x)


def _level(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        conv_norm(channels_in, channels_out, 3, activation=nn.ReLU()),
        conv_norm(channels_out, channels_out, 3, activation=nn.ReLU()),
    )


def unet_small(
    input_shape: tuple[int, ...] = (3, 64, 64), n_classes: int = 2, width: int = 16, levels: int = 4
) -> nn.Module:
    """A U-Net a quarter as wide as the original and a level less deep, 16-32-64-128: one map of logits a class.

    482,754 weights.
    """
    return UNet(image_shape(input_shape)[0], n_classes, widths=tuple(width << level for level in range(levels)))
