"""Features of recordings: mel-frequency cepstra or log-mel energies, how they change, and a vector of the speaker's.

    every 10 ms, of 25 ms (Povey's window, pre-emphasis 0.97), by kaldi-native-fbank:
        fbank    23 logarithms of mel energies, 20 Hz to half the rate
        mfcc     the first 13 of their cosine transform, liftered; the first is the level
    deltas       d_t = sum_{k=1,2} k (x_{t+k} - x_{t-k}) / 10, at the edges of what the edges have; then those of these
    vector       the mean of cepstra 1 to 8 over frames less than 30 dB below the loudest, the same in every frame

The vector stands in for the i-vectors of the literature (Dehak et al. 2011), for which six speakers are too few to
train an extractor on: like these it says who speaks and through which microphone, and the cosine transform takes the
place of a learnt projection, so that nothing has to be fitted or kept. By default it is computed from the utterance
itself, in training and in use alike, so that nobody is unknown.

A recording is scaled to one peak, and a faint noise is added, always the same, so that silence has a level, rather than
the logarithm of nothing. Normalisation, by channel to the training split's mean 0 and deviation 1, is in the network.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from heredity.anatomy.inputs import Audio
from heredity.development.extras import library
from heredity.development.speech.sound import Samples
from heredity.rng import numpy_generator

Features = npt.NDArray[np.float32]
"""`(channels, frames)`."""

FRAME = 0.01
"""Seconds from one frame to the next."""

MELS, CEPSTRA = 23, 13
"""How many there are of each."""

SPEAKER = 8
"""Cepstra whose means are the speaker's vector."""

LOUD = 30.0
"""Decibels below the loudest frame down to which a frame is speech."""

PEAK, FLOOR = 0.5, 1e-4
"""Of full scale: the largest sample after scaling, and the deviation of the noise that is added (74 dB below)."""

BORDER = 4
"""Frames behind a recording after which nothing of it is heard, twice over: a window reaches two frames far."""

LEAD = 10
"""Frames of silence before every recording."""


def channels(audio: Audio) -> int:
    """How many numbers there are for each frame."""
    own = CEPSTRA if audio.features == "mfcc" else MELS
    return own * (1 + audio.deltas) + (0 if audio.vector == "none" else SPEAKER)


def frames_of(samples: Samples, audio: Audio) -> int:
    """How many frames a recording has, the silence before it included."""
    return LEAD + -(-len(samples) // _hop(audio))


def features_of(samples: Samples, audio: Audio, frames: int, vector: Features | None = None) -> Features:
    """A recording's features `(channels, frames)`: `LEAD` frames of silence, the recording, silence to the end.

    `vector` is the speaker's, `(SPEAKER,)`; without one it is computed from the recording.

    Raises:
        InputError: kaldi-native-fbank is not installed.
    """
    spoken = min(frames, frames_of(samples, audio) + BORDER)
    whole = prepared(samples, audio, spoken)
    statics = cepstra = _statics(whole, audio, "mfcc")
    if audio.features != "mfcc":
        statics = _statics(whole, audio, audio.features)
    if spoken < frames:  # silence is always the same
        silence = _silence(audio, frames)
        statics = np.concatenate([statics[:, : spoken - BORDER // 2], silence[:, spoken - BORDER // 2 :]], 1)
    parts = [statics]
    for _ in range(audio.deltas):
        parts.append(deltas(parts[-1]))
    if audio.vector != "none":
        own = _mean_of_speech(cepstra, whole) if vector is None else vector
        parts.append(np.repeat(own[:, None], frames, axis=1))
    return np.concatenate(parts)


def speaker_vector(samples: Samples, audio: Audio) -> Features:
    """The vector of whoever speaks in a recording, `(SPEAKER,)`; see the head of this file.

    Raises:
        InputError: kaldi-native-fbank is not installed.
    """
    whole = prepared(samples, audio, frames_of(samples, audio))
    return _mean_of_speech(_statics(whole, audio, "mfcc"), whole)


def deltas(statics: Features) -> Features:
    """How features `(channels, frames)` change, by regression over two frames to either side."""
    padded = np.pad(statics, ((0, 0), (2, 2)), mode="edge")
    last = statics.shape[1] + 4
    near, far = padded[:, 3 : last - 1] - padded[:, 1 : last - 3], padded[:, 4:] - padded[:, : last - 4]
    return ((near + 2 * far) / 10).astype(np.float32)


def prepared(samples: Samples, audio: Audio, frames: int) -> Samples:
    """A recording scaled, with silence before and behind it to so many frames, and the faint noise."""
    whole = np.zeros(frames * _hop(audio), np.float32)
    start = LEAD * _hop(audio)
    if len(samples):
        centred = samples - samples.mean()
        whole[start : start + len(samples)] = centred * (PEAK / max(float(np.abs(centred).max()), 1e-9))
    return (whole + FLOOR * numpy_generator(0, "floor").standard_normal(len(whole))).astype(np.float32)


@lru_cache(maxsize=4)
def _silence(audio: Audio, frames: int) -> Features:
    return _statics(prepared(np.zeros(0, np.float32), audio, frames), audio, audio.features)


def _mean_of_speech(cepstra: Features, whole: Samples) -> Features:
    power = np.square(whole.reshape(cepstra.shape[1], -1)).mean(1)
    return cepstra[1 : 1 + SPEAKER, power >= power.max() * 10 ** (-LOUD / 10)].mean(1)


def _statics(whole: Samples, audio: Audio, kind: str) -> Features:
    knf = library("kaldi_native_fbank", "which computes features of speech", "speech")
    computer = _computer(knf, audio, kind)
    computer.accept_waveform(audio.rate, (whole * 32768).tolist())
    computer.input_finished()
    return np.stack([computer.get_frame(t) for t in range(computer.num_frames_ready)], 1)


def _computer(knf: Any, audio: Audio, kind: str) -> Any:
    options = knf.MfccOptions() if kind == "mfcc" else knf.FbankOptions()
    options.frame_opts.samp_freq = audio.rate
    options.frame_opts.dither = 0.0  # its noise follows no seed; ours does
    options.frame_opts.snip_edges = False  # a frame for every 10 ms, those at the edges too
    options.mel_opts.num_bins = MELS
    options.use_energy = False
    if kind == "mfcc":
        options.num_ceps = CEPSTRA
        return knf.OnlineMfcc(options)
    return knf.OnlineFbank(options)


def _hop(audio: Audio) -> int:
    """Samples from one frame to the next."""
    return round(audio.rate * FRAME)
