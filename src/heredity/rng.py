"""Randomness without a state to lose: every stream is derived from the run's seed and a path of names and numbers."""

from __future__ import annotations

import hashlib

import numpy as np
import torch


def derive(seed: int, *path: int | str) -> int:
    """A seed in [0, 2^63) for the stream at `path`: equal on every machine, independent between paths.

    `derive(run_seed, birth_number, "conceive")` names the stream a newborn's genome is drawn from.
    """
    text = "/".join(str(part) for part in (seed, *path))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *path: int | str) -> torch.Generator:
    """A torch CPU generator for the stream at `path`."""
    return torch.Generator().manual_seed(derive(seed, *path))


def numpy_generator(seed: int, *path: int | str) -> np.random.Generator:
    """A NumPy generator (PCG64) for the stream at `path`."""
    return np.random.default_rng(derive(seed, *path))
