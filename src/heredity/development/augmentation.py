"""Augmentation of training images, on the device, batch by batch, each example for itself.

Works on normalised batches `(n, channels, h, w)`; what comes in from outside the image is its border's value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch.nn import functional as F

from heredity.errors import InputError

Augmentation = Callable[[torch.Tensor, torch.Generator], torch.Tensor]


def shift(pixels: int) -> Augmentation:
    """Moves each image by up to `pixels` along both axes."""

    def apply(batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        n, channels, height, width = batch.shape
        padded = F.pad(batch, (pixels,) * 4, mode="replicate")
        offsets = torch.randint(0, 2 * pixels + 1, (2, n, 1), generator=generator).to(batch.device)
        rows = offsets[0] + torch.arange(height, device=batch.device)
        columns = offsets[1] + torch.arange(width, device=batch.device)
        flat = (rows[:, :, None] * (width + 2 * pixels) + columns[:, None, :]).reshape(n, 1, -1)
        return padded.flatten(2).gather(2, flat.expand(n, channels, -1)).reshape(batch.shape)

    return apply


def flip(batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Mirrors every other image, left to right."""
    mirrored = (torch.rand(len(batch), 1, 1, 1, generator=generator) < 0.5).to(batch.device)
    return torch.where(mirrored, batch.flip(3), batch)


def resized_crop(batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A part of each image, resized to the whole's size: from 8 % to all of its area, of sides from 3:4 to 4:3.

    Szegedy et al. 2015. A side that would be longer than the image's is as long.
    """
    area, slant, across, down = torch.rand(4, len(batch), generator=generator)
    area, ratio = 0.08 + 0.92 * area, (4 / 3) ** (2 * slant - 1)
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    x, y = (2 * across - 1) * (1 - width), (2 * down - 1) * (1 - height)  # of the middle, in [-1, 1]
    nothing = torch.zeros_like(x)
    maps = torch.stack([width, nothing, x, nothing, height, y], 1).reshape(-1, 2, 3).to(batch)
    grid = F.affine_grid(maps, list(batch.shape), align_corners=False)
    return F.grid_sample(batch, grid, padding_mode="border", align_corners=False)


AUGMENTATIONS: dict[str, Augmentation] = {
    "shift1": shift(1),
    "shift2": shift(2),
    "crop": shift(4),
    "resized-crop": resized_crop,
    "flip": flip,
}
"""Augmentations that a recipe may name."""


def augmenter(names: Sequence[str]) -> Augmentation | None:
    """All of these, one after the other; None for none.

    Raises:
        InputError: an unknown name.
    """
    unknown = [name for name in names if name not in AUGMENTATIONS]
    if unknown:
        raise InputError.of("known augmentations", ", ".join(unknown), f"choose among {', '.join(AUGMENTATIONS)}")
    if not names:
        return None

    def apply(batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        for name in names:
            batch = AUGMENTATIONS[name](batch, generator)
        return batch

    return apply
