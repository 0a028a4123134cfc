from __future__ import annotations

import re
import sys

import numpy as np
import pytest
from scipy.fft import dct

from heredity.anatomy.inputs import Audio
from heredity.development.speech.features import (
    CEPSTRA,
    LEAD,
    MELS,
    SPEAKER,
    channels,
    deltas,
    features_of,
    frames_of,
    prepared,
    speaker_vector,
)
from heredity.development.speech.sound import Samples
from heredity.errors import InputError

from .conftest import RATE, tone

MFCC = Audio(("a", "b"), deltas=0, vector="none")
FBANK = Audio(("a", "b"), features="fbank", deltas=0, vector="none")


def mel(hertz: np.ndarray | float) -> np.ndarray:
    return 1127 * np.log1p(np.asarray(hertz) / 700)


def by_the_book(samples: Samples, frame: int) -> np.ndarray:
    """Log mel energies of one frame as Kaldi defines them, written out."""
    start = 80 * frame + 40 - 100
    window = samples[start : start + 200].astype(np.float64) * 32768
    window -= window.mean()
    window -= 0.97 * np.concatenate([window[:1], window[:-1]])
    window *= (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(200) / 199)) ** 0.85
    power = np.abs(np.fft.rfft(window, 256)) ** 2
    edges = np.linspace(mel(20), mel(RATE / 2), MELS + 2)
    bins = mel(np.arange(129) * RATE / 256)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    weights = np.minimum(rising, falling).clip(0)
    return np.log((weights[:, :128] * power[:128]).sum(1))


def test_log_mel_energies_by_the_book() -> None:
    samples = tone(2) + tone(1)
    whole = prepared(samples, FBANK, 40)
    features = features_of(samples, FBANK, 40)
    for frame in (1, LEAD + 3, LEAD + 12, 38):
        assert np.allclose(features[:, frame], by_the_book(whole, frame), atol=2e-3), frame


def test_cepstra_are_the_cosine_transform_of_log_mel_energies() -> None:
    energies, cepstra = features_of(tone(2), FBANK, 40), features_of(tone(2), MFCC, 40)
    lifter = 1 + 11 * np.sin(np.pi * np.arange(CEPSTRA) / 22)
    assert np.allclose(dct(energies, axis=0, norm="ortho")[:CEPSTRA] * lifter[:, None], cepstra, atol=1e-2)


@pytest.mark.parametrize("kind", ["mfcc", "fbank"])
@pytest.mark.parametrize("samples", [900, 1600, 1601, 1679])
def test_silence_behind_a_recording_is_as_if_it_had_been_computed(kind: str, samples: int) -> None:
    """Oracle: the whole, silence included, recorded as one that needs no filling up."""
    audio = Audio(("a",), features=kind, deltas=2, vector="none")  # pyright: ignore[reportArgumentType]
    recording = tone(1)[:samples] - tone(1)[:samples].mean()
    silent = np.concatenate([recording, np.zeros((60 - LEAD) * 80 - samples, np.float32)])
    direct = features_of(silent, audio, 60)
    filled = features_of(recording, audio, 60)
    assert frames_of(silent, audio) == 60 > frames_of(recording, audio) + 10
    assert np.allclose(direct, filled, atol=1e-3)


def test_level_and_offset_do_not_matter() -> None:
    audio = Audio(("a",))
    assert np.allclose(features_of(0.1 * tone(1) + 0.05, audio, 40), features_of(tone(1), audio, 40), atol=0.05)


def test_channels_are_counted() -> None:
    for audio, expected in (
        (MFCC, 13),
        (FBANK, 23),
        (Audio(("a",)), 39 + SPEAKER),
        (Audio(("a",), features="fbank", deltas=1), 46 + SPEAKER),
    ):
        assert channels(audio) == expected
        assert features_of(tone(1), audio, 50).shape == (expected, 50)


def test_deltas_are_slopes() -> None:
    slopes = np.array([[2.0], [-0.5]], np.float32)
    lines = slopes * np.arange(20, dtype=np.float32)
    assert np.allclose(deltas(lines)[:, 2:-2], np.repeat(slopes, 16, 1))
    curve = np.random.default_rng(0).standard_normal((1, 9)).astype(np.float32)
    fitted = [np.polyfit(np.arange(-2, 3), curve[0, t - 2 : t + 3], 1)[0] for t in range(2, 7)]
    assert np.allclose(deltas(curve)[0, 2:-2], fitted, atol=1e-5), "least squares over five frames"


def test_the_vector_tells_speakers_apart_and_not_silences() -> None:
    audio = Audio(("a",))
    silence = np.zeros(4000, np.float32)
    own = speaker_vector(tone(1), audio)
    assert own.shape == (SPEAKER,)
    assert np.allclose(speaker_vector(np.concatenate([silence, tone(1), silence]), audio), own, atol=2.0)
    assert np.abs(own - speaker_vector(tone(1, "high"), audio)).max() > 5
    within = features_of(tone(1), audio, 90)[-SPEAKER:]
    assert np.allclose(within, own[:, None], atol=0.5)
    assert (within == within[:, :1]).all(), "the same in every frame"


def test_a_vector_from_elsewhere_is_taken_as_it_is() -> None:
    audio, other = Audio(("a",), vector="speaker"), np.arange(SPEAKER, dtype=np.float32)
    given = features_of(tone(1), audio, 40, other)
    assert np.array_equal(given[-SPEAKER:], np.repeat(other[:, None], 40, 1))
    assert np.array_equal(given[:-SPEAKER], features_of(tone(1), audio, 40)[:-SPEAKER])


def test_without_the_library_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kaldi_native_fbank", None)
    with pytest.raises(InputError, match=re.escape("pip install 'heredity[speech]'")):
        features_of(tone(1), MFCC, 40)
