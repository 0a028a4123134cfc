"""Vision transformers for small images (Dosovitskiy et al. 2021; widths of DeiT-Tiny, Touvron et al. 2021)."""

from __future__ import annotations

import torch
from torch import nn

from heredity.zoo.parts import image_shape


class VisionTransformer(nn.Module):
    """Patches, learned positions, pre-norm encoder layers, and the mean of all tokens.

    The mean stands for the class token: as good (Beyer et al. 2022), and one thing less. Pixels beyond the last whole
    patch are not read.
    """

    def __init__(
        self, input_shape: tuple[int, int, int], n_classes: int, *, patch: int, width: int, heads: int, depth: int
    ) -> None:
        super().__init__()
        channels, rows, columns = input_shape
        self.patches = nn.Conv2d(channels, width, patch, patch)
        self.positions = nn.Parameter(torch.empty(1, (rows // patch) * (columns // patch), width))
        nn.init.trunc_normal_(self.positions, std=0.02)
        self.blocks = nn.Sequential(*(_encoder_layer(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.classifier = nn.Linear(width, n_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images `(n, channels, h, w)` to logits `(n, n_classes)`."""
        tokens = self.patches(images).flatten(2).transpose(1, 2)
        return self.classifier(self.norm(self.blocks(tokens + self.positions)).mean(1))


def _encoder_layer(width: int, heads: int) -> nn.Module:
    return nn.TransformerEncoderLayer(
        width, heads, dim_feedforward=4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )


def vit_tiny(
    input_shape: tuple[int, ...] = (3, 32, 32),
    n_classes: int = 10,
    heads: int = 3,
    head_width: int = 64,
    depth: int = 6,
    patch: int = 4,
) -> nn.Module:
    """A transformer as wide as ViT-Tiny (192, three heads) and half as deep (six layers), on patches of 4x4 pixels.

    2,693,194 weights.
    """
    width = heads * head_width
    return VisionTransformer(image_shape(input_shape), n_classes, patch=patch, width=width, heads=heads, depth=depth)
