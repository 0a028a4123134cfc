"""A made-up data set: digits that are tones, of two speakers, one lower and louder than the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from heredity.development.speech.sound import Samples
from heredity.development.speech.utterances import Recording

RATE = 8000


def tone(digit: int, speaker: str = "low", seconds: float = 0.2, seed: int = 0) -> Samples:
    """A digit: two tones, with a little noise."""
    random = np.random.default_rng((digit, seed))
    times = np.arange(round(seconds * RATE)) / RATE
    base = 300 if speaker == "low" else 360
    wave = np.sin(2 * np.pi * base * (1 + digit) * times) + 0.5 * np.sin(2 * np.pi * base * times)
    return ((0.3 if speaker == "low" else 0.1) * wave + 0.003 * random.standard_normal(len(times))).astype(np.float32)


@pytest.fixture(scope="session")
def recordings() -> list[Recording]:
    """Nine recordings of each of four digits by both speakers, of slightly different lengths."""
    return [
        Recording(tone(digit, speaker, 0.12 + 0.01 * index, index), digit, speaker, index)
        for speaker in ("low", "high")
        for digit in range(4)
        for index in range(9)
    ]


Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Writes a wav file, and gives its path."""
    import soundfile

    def write(samples: Samples, rate: int = RATE, name: str = "said.wav") -> Path:
        soundfile.write(tmp_path / name, samples, rate, subtype="FLOAT")
        return tmp_path / name

    return write
