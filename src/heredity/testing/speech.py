"""Speech small enough for tests: made-up digits, which are tones, one after the other."""

from __future__ import annotations

import numpy as np

from heredity.development.datasets.fsdd import RATE, spoken_digits
from heredity.development.datasets.options import Options
from heredity.development.speech.sound import Samples
from heredity.development.speech.utterances import Recording
from heredity.development.task import Task

TONES = "heredity.testing.speech:connected_tones"
"""The task below, as a data reference."""


def tone(digit: int, seed: int | None = None) -> Samples:
    """A digit of 200 ms; with a seed, one of 150 ms and more, with noise."""
    times = np.arange(1600 if seed is None else 1200 + 80 * seed) / RATE
    noise = 0.0 if seed is None else 0.003 * np.random.default_rng(seed).standard_normal(len(times))
    return (0.3 * np.sin(2 * np.pi * 300 * (1 + digit) * times) + noise).astype(np.float32)


def connected_tones() -> Task:
    """One to three of four digits an utterance, by two speakers, for CTC."""
    recordings = [Recording(tone(d, i), d, speaker, i) for speaker in "ab" for d in range(4) for i in range(12)]
    return spoken_digits(recordings, Options(connected=True, utterances=256, digits=(1, 3)), seed=0)


def said(*digits: int) -> Samples:
    """These digits, with pauses of 200 ms."""
    pause = np.zeros(1600, np.float32)
    return np.concatenate([part for digit in digits for part in (tone(digit), pause)][:-1])
