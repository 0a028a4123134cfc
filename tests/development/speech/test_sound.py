from __future__ import annotations

import io
import re
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from heredity.development.speech.sound import loudest, read, refuse_silence, resampled
from heredity.errors import DataError, InputError
from heredity.testing.refusals import expect_one_line

from .conftest import RATE, Written, tone


def test_a_file_at_the_rate_is_read_as_it_is(written: Written) -> None:
    heard = read(written(tone(3)), RATE, "it")
    assert np.array_equal(heard.samples, tone(3))
    assert heard.converted == ()


@pytest.mark.parametrize("rate", [4000, 11025, 16000, 44100])
def test_other_rates_keep_length_and_pitch(written: Written, rate: int) -> None:
    times = np.arange(rate) / rate
    heard = read(written(np.sin(2 * np.pi * 440 * times).astype(np.float32), rate), RATE, "it")
    assert abs(len(heard.samples) - RATE) <= 1
    spectrum = np.abs(np.fft.rfft(heard.samples[:RATE]))
    assert spectrum.argmax() == 440
    assert heard.converted == (f"{rate:,} Hz converted to 8,000 Hz",)


def test_what_a_lower_rate_cannot_hold_does_not_come_back_as_another_tone() -> None:
    times = np.arange(44100) / 44100
    high = resampled(np.sin(2 * np.pi * 6000 * times).astype(np.float32), 44100, RATE)
    assert np.abs(high[100:-100]).max() < 0.01


def test_channels_are_mixed_down(written: Written) -> None:
    left, right = tone(1), tone(2)
    heard = read(written(np.stack([left, right], 1)), RATE, "it")
    assert np.allclose(heard.samples, (left + right) / 2)
    assert heard.converted == ("2 channels mixed down to one",)


def test_channels_that_cancel_are_no_silence(written: Written) -> None:
    silent = read(written(np.zeros((4000, 2), np.float32)), RATE, "it")
    assert not silent.samples.any(), "silence is refused elsewhere"
    with pytest.raises(DataError) as caught:
        read(written(np.stack([tone(1), -tone(1)], 1)), RATE, "it")
    expect_one_line(caught, "2 channels that cancel when they are mixed down")


def test_what_is_no_recording_is_refused(written: Written, tmp_path: Path) -> None:
    whole = written(tone(1)).read_bytes()
    for name, content, word in (
        ("empty.wav", b"", "an empty file"),
        ("text.wav", b"no sound\n" * 50, "LibsndfileError"),
        ("cut.wav", whole[:20], "LibsndfileError"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError) as caught:
            read(tmp_path / name, RATE, name)
        expect_one_line(caught, name, word)
    for path, word in ((tmp_path / "none.wav", "no such file"), (tmp_path, "IsADirectoryError")):
        with pytest.raises(DataError) as caught:
            read(path, RATE, "it")
        expect_one_line(caught, word)
    for samples, word in (
        (np.zeros(0, np.float32), "no samples"),
        (np.ones(50, np.float32), "6.25 ms"),
        (np.full(9000, np.nan, np.float32), "no numbers"),
    ):
        with pytest.raises(DataError) as caught:
            read(written(samples), RATE, "it")
        expect_one_line(caught, word)
    with pytest.raises(DataError) as caught:
        read(written(tone(1), 500), RATE, "it")
    expect_one_line(caught, "1,000 to 768,000 Hz", "500 Hz")


def wav(samples: int, announced: int, before: bytes = b"") -> bytes:
    """A file of so many 16-bit samples, whose header announces so many bytes of them."""
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    body = b"WAVE" + form + before + b"data" + struct.pack("<I", announced) + bytes(2 * samples)
    return b"RIFF" + struct.pack("<I", len(body)) + body


ODD = b"note" + struct.pack("<I", 3) + b"odd\0"
"""A chunk of an odd size, which is filled up."""


def test_a_wav_file_that_is_cut_off_is_refused(written: Written, tmp_path: Path) -> None:
    whole = written(tone(1, seconds=2)).read_bytes()
    for content in (whole[: len(whole) // 4], whole[:-2], wav(500, 8000, ODD)):
        with pytest.raises(DataError) as caught:
            read(content, RATE, "it")
        expect_one_line(caught, "a recording in it that is whole", "bytes of samples")
    assert "1,000 of its 8,000 bytes" in str(caught.value)


@pytest.mark.parametrize(("form", "endian"), [("WAV", "BIG"), ("RF64", "FILE")])
def test_wav_files_of_other_headers_that_are_cut_off_are_refused(form: str, endian: str) -> None:
    file = io.BytesIO()
    soundfile.write(file, tone(1), RATE, format=form, endian=endian)
    whole = file.getvalue()
    assert len(read(whole, RATE, "it").samples) == len(tone(1))
    with pytest.raises(DataError) as caught:
        read(whole[: len(whole) // 2], RATE, "it")
    expect_one_line(caught, "a recording in it that is whole", f"its {2 * len(tone(1)):,} bytes of samples")


@pytest.mark.parametrize("announced", [1000, 0x7FFFFFFF - 36, 0x80000000, 0xFFFFFFFF])
def test_what_was_streamed_is_read_as_far_as_it_goes(announced: int) -> None:
    for content in (wav(500, announced), wav(500, announced, ODD), wav(500, announced) + ODD):
        assert len(read(content, RATE, "it").samples) >= 500


def test_silence_is_refused_whatever_its_level_lies_at() -> None:
    noise = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    refuse_silence(0.01 * noise, "it")
    for silent in (0 * noise, 0 * noise + 0.3, 1e-4 * noise):
        with pytest.raises(DataError) as caught:
            refuse_silence(silent, "it")
        expect_one_line(caught, "speech in it", "silence")


def test_without_the_library_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(InputError, match=re.escape("pip install 'heredity[speech]'")):
        read(b"", RATE, "it")


def test_the_loudest_part() -> None:
    """Brute force."""
    samples = np.random.default_rng(0).standard_normal(60).astype(np.float32)
    for length in (1, 7, 59):
        windows = np.lib.stride_tricks.sliding_window_view(samples, length)
        assert np.array_equal(loudest(samples, length), windows[(windows**2).sum(1).argmax()])
    assert loudest(samples, len(samples)) is samples
