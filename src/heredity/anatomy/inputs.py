"""What a network takes: the form of one example, and examples to try networks on."""

from __future__ import annotations

from typing import Literal

import torch
from msgspec import UNSET, Struct, UnsetType


class Audio(Struct, frozen=True, forbid_unknown_fields=True):
    """How a recording becomes a network's inputs `(channels, frames)`, and what its outputs say.

    The recording is brought to `rate` samples a second; `features` come every 10 ms, with `deltas` orders of their
    changes, and a `vector` of the speaker's that is the same in all frames (see `heredity.development.speech`).
    Outputs stand for `words`; of `connected` ones, frame by frame, the first output is the blank of CTC.
    """

    words: tuple[str, ...]
    rate: int = 8000
    features: Literal["mfcc", "fbank"] = "mfcc"
    deltas: int = 2
    vector: Literal["utterance", "speaker", "none"] = "utterance"
    connected: bool = False


class InputForm(Struct, frozen=True):
    """What a network takes, as the user has it.

    Float32 `(n, *shape)`, images with pixels in [0, 1]; `mean` and `std` (per channel, or one for all) normalise it
    inside the network. With a `vocabulary` it is tokens instead: int64 `(n, *shape)` in [0, vocabulary).

    `answer_mean` and `answer_std`, per output, are for networks that learn numbers: they learn them standardised, and
    answer in the user's units. With `audio` it is features of recordings, and their number of frames is the last of
    `shape`, to which shorter ones are filled up with silence.
    """

    shape: tuple[int, ...]
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    vocabulary: int | None = None
    answer_mean: tuple[float, ...] = ()
    answer_std: tuple[float, ...] = ()
    audio: Audio | UnsetType = UNSET  # left out of records where there is none: digests stay what they were


def example(form: InputForm, n: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """A seeded batch `(n, *shape)` as the user might have it: uniform in [0, 1), or tokens; the same in every dtype."""
    generator = torch.Generator().manual_seed(seed)
    if form.vocabulary is not None:
        return torch.randint(form.vocabulary, (n, *form.shape), generator=generator)
    return torch.rand(n, *form.shape, generator=generator, dtype=torch.float64).to(dtype)
