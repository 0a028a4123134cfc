from __future__ import annotations

import numpy as np
import pytest

from heredity.development.speech.augmentation import AUGMENTATIONS, NOISE, SPEEDS, augmented, noise, speed

from .conftest import RATE, tone


def test_speed_changes_tempo_and_pitch_together() -> None:
    random = np.random.default_rng(0)
    sine = np.sin(2 * np.pi * 400 * np.arange(RATE) / RATE).astype(np.float32)
    met = set[int]()
    for _ in range(30):
        fast = speed(sine, random)
        rate = round(100 * len(sine) / len(fast))
        peak = np.abs(np.fft.rfft(fast)).argmax() * RATE / len(fast)
        assert abs(peak - 400 * rate / 100) < 2
        met.add(rate)
    assert met == set(SPEEDS)


def test_noise_has_the_level_that_is_drawn() -> None:
    random, clean = np.random.default_rng(0), tone(2, seconds=2.0)
    levels = [10 * np.log10(np.var(clean) / np.var(noise(clean, random) - clean)) for _ in range(200)]
    assert NOISE[0] - 0.3 < min(levels) < NOISE[0] + 3
    assert NOISE[1] - 3 < max(levels) < NOISE[1] + 0.3


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentation_follows_its_generator_alone(name: str) -> None:
    before = tone(1)
    once, again = ([AUGMENTATIONS[name](before, np.random.default_rng(s)).tobytes() for s in range(9)] for _ in "ab")
    assert once == again
    assert len(set(once)) > 1
    assert np.array_equal(before, tone(1)), "what is given stays as it is"


def test_names_are_applied_in_order() -> None:
    random = np.random.default_rng(1)
    expected = noise(speed(tone(1), random), random)
    assert np.array_equal(augmented(tone(1), ("speed", "noise"), np.random.default_rng(1)), expected)
    assert augmented(tone(1), (), random).dtype == np.float32
