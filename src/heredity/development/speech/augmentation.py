"""Augmentation of recordings, before their features are computed: only there are speed and noise what they are.

A slower recording is lower too, and noise adds to power, not to its logarithm. It is done once, when the data are read,
since features cost more than a training step; of what a newborn sees nothing is random, so that a teacher's answers can
be remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from heredity.development.speech.sound import Samples, resampled

Augmentation = Callable[[Samples, np.random.Generator], Samples]

SPEEDS = (90, 100, 110)
"""Per cent; Ko et al. 2015."""

NOISE = (5.0, 40.0)
"""Decibels by which speech is louder than the noise."""


def speed(samples: Samples, random: np.random.Generator) -> Samples:
    """Plays a recording at one of `SPEEDS`: tempo and pitch change together."""
    return resampled(samples, int(random.choice(SPEEDS)), 100)


def noise(samples: Samples, random: np.random.Generator) -> Samples:
    """Adds white noise, quieter than the recording by so many decibels, drawn evenly from `NOISE`."""
    power = float(np.square(samples, dtype=np.float64).mean()) / 10 ** (random.uniform(*NOISE) / 10)
    return (samples + power**0.5 * random.standard_normal(len(samples))).astype(np.float32)


AUGMENTATIONS: dict[str, Augmentation] = {"speed": speed, "noise": noise}
"""Augmentations that data options may name."""


def augmented(samples: Samples, names: Sequence[str], random: np.random.Generator) -> Samples:
    """All of these, one after the other."""
    for name in names:
        samples = AUGMENTATIONS[name](samples, random)
    return samples
