"""What a network takes: the form of one example, and examples to try networks on."""

from __future__ import annotations

import torch
from msgspec import Struct


class InputForm(Struct, frozen=True):
    """What a network takes, as the user has it.

    Float32 `(n, *shape)`, images with pixels in [0, 1]; `mean` and `std` (per channel, or one for all) normalise it
    inside the network. With a `vocabulary` it is tokens instead: int64 `(n, *shape)` in [0, vocabulary).

    `answer_mean` and `answer_std`, per output, are for networks that learn numbers: they learn them standardised, and
    answer in the user's units.
    """

    shape: tuple[int, ...]
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    vocabulary: int | None = None
    answer_mean: tuple[float, ...] = ()
    answer_std: tuple[float, ...] = ()


def example(form: InputForm, n: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """A seeded batch `(n, *shape)` as the user might have it: uniform in [0, 1), or tokens; the same in every dtype."""
    generator = torch.Generator().manual_seed(seed)
    if form.vocabulary is not None:
        return torch.randint(form.vocabulary, (n, *form.shape), generator=generator)
    return torch.rand(n, *form.shape, generator=generator, dtype=torch.float64).to(dtype)
