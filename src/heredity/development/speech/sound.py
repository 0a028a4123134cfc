"""Reading recordings: whatever soundfile knows, of any rate and any number of channels."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from heredity.development.extras import library
from heredity.errors import DataError

Samples = npt.NDArray[np.float32]
"""A recording `(samples,)`, full scale being 1."""

SHORTEST = 0.025
"""Seconds of a recording, at least: one window of the features."""

QUIETEST = 1e-3
"""Largest deviation from the mean, as a share of full scale, up to which a recording counts as silence (-60 dB)."""

LOWEST, HIGHEST = 1000, 768_000
"""Rates, in samples a second, that can be converted."""

OPEN = 0x7FFF0000
"""Bytes from which on a WAV file's length is none: programs that stream announce the most that they can."""

ORDERS = {b"RIFF": "<", b"RF64": "<", b"RIFX": ">"}
"""By how a WAV file begins: the order of its numbers' bytes."""


@dataclass(frozen=True)
class Sound:
    """A recording at the rate that was asked for, and in words what was converted to get there."""

    samples: Samples
    converted: tuple[str, ...] = ()


def read(source: Path | bytes, rate: int, called: str) -> Sound:
    """A recording from a file or its content, mixed down to one channel and brought to `rate` samples a second.

    `called` names it in messages. Silence is taken as it is, see `refuse_silence`.

    Raises:
        DataError: it is missing, empty, damaged, cut off, or too short, or its channels cancel.
        InputError: soundfile is not installed.
    """
    soundfile = library("soundfile", "which reads recordings", "speech")
    expected = f"a recording in {called}"
    try:
        content = source if isinstance(source, bytes) else source.read_bytes()
    except OSError as error:
        came = "no such file" if isinstance(error, FileNotFoundError) else f"{type(error).__name__}: {error}"
        raise DataError.of(expected, came, "check the path") from error
    if not content:
        raise DataError.of(expected, "an empty file", "record it again")
    samples, own_rate = _decoded(soundfile, content, expected)
    _refuse_cut(content, expected)
    if not np.isfinite(samples).all():
        raise DataError.of(expected, "samples that are no numbers", "record it again")
    if not LOWEST <= own_rate <= HIGHEST:
        raise DataError.of(f"{expected} of {LOWEST:,} to {HIGHEST:,} Hz", f"{own_rate:,} Hz", "convert it")
    if len(samples) < SHORTEST * own_rate:
        came = f"{1000 * len(samples) / own_rate:.3g} ms" if len(samples) else "none, its file has no samples"
        raise DataError.of(f"{expected} of at least {1000 * SHORTEST:g} ms", came, "record it again")
    converted, mixed = list[str](), samples.mean(1)
    if samples.shape[1] > 1:
        if _level(mixed) <= QUIETEST < max(map(_level, samples.T)):
            came = f"{samples.shape[1]} channels that cancel when they are mixed down to one"
            raise DataError.of(expected, came, "keep one of them")
        converted.append(f"{samples.shape[1]} channels mixed down to one")
    if own_rate != rate:
        converted.append(f"{own_rate:,} Hz converted to {rate:,} Hz")
    return Sound(resampled(mixed, own_rate, rate), tuple(converted))


def resampled(samples: Samples, rate: int, wanted: int) -> Samples:
    """A recording at another rate, low-passed where that is lower (polyphase filtering)."""
    if rate == wanted:
        return samples
    from scipy.signal import resample_poly  # a second of loading, which only other rates need

    common = gcd(rate, wanted)
    return resample_poly(samples, wanted // common, rate // common).astype(np.float32)


def refuse_silence(samples: Samples, called: str) -> None:
    """Refuses a recording in which nothing is to be heard.

    Raises:
        DataError: so it is.
    """
    if (loudest := _level(samples)) <= QUIETEST:
        came = f"silence ({loudest:.1g} of full scale at most)"
        raise DataError.of(f"speech in {called}", came, "check the microphone, or record it louder")


def loudest(samples: Samples, length: int) -> Samples:
    """The part of a recording, of so many samples at most, that has most power."""
    if len(samples) <= length:
        return samples
    power = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    start = int(np.argmax(power[length:] - power[:-length]))
    return samples[start : start + length]


def _level(samples: Samples) -> float:
    """The largest deviation from the mean, as a share of full scale."""
    return float(np.abs(samples - samples.mean()).max())


def _decoded(soundfile: Any, content: bytes, expected: str) -> tuple[Samples, int]:
    """`(samples, channels)` and the rate of a file's content."""
    try:
        return soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    except Exception as error:
        reason = getattr(error, "error_string", error)  # without the object that the content was read from
        came = f"{type(error).__name__}: {reason}"
        raise DataError.of(expected, came, "give a wav, flac or ogg file that is whole") from error


def _refuse_cut(content: bytes, expected: str) -> None:
    """Refuses a WAV file that ends before its samples do: libsndfile reads those that are left, and says nothing.

    A chunk is a name, the size of what follows, and that, filled up to an even number of bytes. RF64 has the size of
    the samples, in eight bytes, in the chunk `ds64`.
    """
    order, large = ORDERS.get(content[:4]), 0
    place = len(content) if order is None else 12
    while place + 8 <= len(content):
        name, size = struct.unpack_from(f"{order}4sI", content, place)
        place += 8
        if name == b"ds64" and place + 16 <= len(content):
            (large,) = struct.unpack_from("<Q", content, place + 8)
        if name == b"data":
            limit = OPEN << 32 if large else OPEN
            size = large or size
            if len(content) - place < size < limit:
                came = f"{len(content) - place:,} of its {size:,} bytes of samples"
                raise DataError.of(f"{expected} that is whole", came, "copy or record it again")
            return
        place += size + size % 2
