"""The Free Spoken Digit Dataset: `fsdd/recordings.parquet` of the data folder, 3,000 spoken digits of 6 speakers.

Columns are `audio`, {bytes, path}, `digit`, `speaker` and `index`. Two tasks are made of it:

* `fsdd`: isolated digits, filled up with silence to 1.2 s (the few longer ones are cut to their loudest), classified;
* `fsdd:connected`: 3 to 7 recordings of a speaker joined with silences, for CTC; the error is that of words.

Test are the recordings with index 0 to 4, as is official, or all of one speaker who is left out of training
(`speaker=NAME`). Validation is drawn from training, seeded. Connected utterances never mix recordings of two splits;
those for test are drawn by a seed of their own, so that all runs are measured on the same.

Training recordings are augmented before their features are computed (`augment=`): of isolated digits there are the
recordings as they are and `COPIES` changed ones each, of connected utterances changed ones only.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from heredity.anatomy.inputs import Audio
from heredity.development.criteria import CTC
from heredity.development.datasets.options import Options
from heredity.development.datasets.place import data_folder
from heredity.development.datasets.table import read
from heredity.development.extras import library
from heredity.development.speech import sound
from heredity.development.speech.augmentation import AUGMENTATIONS, augmented
from heredity.development.speech.features import Features, features_of, frames_of, speaker_vector
from heredity.development.speech.utterances import Recording, Utterance, utterances
from heredity.development.task import Split, Task, make_task
from heredity.errors import DataError, InputError
from heredity.rng import numpy_generator

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

COLUMNS = ("audio", "digit", "speaker", "index")

CONNECTED_OPTIONS = ("utterances", "digits")
"""Options that isolated digits do not have."""

RATE = 8000

TEST_INDEX = 5
"""Recordings of a digit by a speaker that are for test: those with an index below."""

VALIDATION = 1 / 9
"""Share of the training recordings that is held out for selection: 300 of the official split's 2,700."""

COPIES = 2
"""Changed copies of each isolated recording."""

UTTERANCES = 2000
"""Connected utterances for training, unless told otherwise."""

MEASURED_ON = 300
"""Connected utterances for validation, and for test."""

WINDOW = 1.2
"""Seconds of an isolated digit, at most: 99.6 % are shorter."""


def fsdd(seed: int, data_dir: str | Path | None, options: Options | None = None) -> Task:
    """Spoken digits, isolated or connected; see the head of this file.

    Raises:
        DataError: the file is missing or damaged, or there is no such speaker.
        InputError: a library of the extra `speech` is not installed.
    """
    path = data_folder(data_dir) / "fsdd" / "recordings.parquet"
    library("soundfile", "which reads recordings", "speech")
    library("kaldi_native_fbank", "which computes features of speech", "speech")
    table = read(path)
    if missing := [c for c in COLUMNS if c not in table.column_names]:
        raise DataError.of(f"a column {missing[0]!r} in {path}", "none", "fetch the file again")
    recordings = [_recording(row, f"row {number} of {path}") for number, row in enumerate(table.to_pylist())]
    return spoken_digits(recordings, options or Options(), seed=seed)


def spoken_digits(recordings: Sequence[Recording], options: Options, *, seed: int) -> Task:
    """The task of some recordings; see the head of this file.

    Raises:
        DataError: there is no such speaker, or a split is empty.
        InputError: options of connected digits where they are isolated, or no such augmentation.
    """
    connected = bool(options.connected)
    if not connected and (given := [name for name in CONNECTED_OPTIONS if getattr(options, name)]):
        raise InputError.of(
            f"{given[0]}= of connected digits", "isolated ones", "write fsdd:connected, or leave it out"
        )
    audio = Audio(
        WORDS,
        RATE,
        options.features or "mfcc",
        2 if options.deltas is None else options.deltas,
        options.vector or "utterance",
        connected,
    )
    augment = tuple(AUGMENTATIONS) if options.augment is None else options.augment
    if unknown := [name for name in augment if name not in AUGMENTATIONS]:
        raise InputError.of(
            "an augmentation of recordings", unknown[0], f"choose among {', '.join(AUGMENTATIONS)}, none"
        )
    parts = parted(recordings, options.speaker, seed)
    said = {
        kind: _connected(part, kind, options, augment, seed)
        if connected
        else _isolated(part, augment if kind == "train" else (), seed)
        for kind, part in parts.items()
    }
    frames = max(frames_of(one.samples, audio) for one in (one for part in said.values() for one in part))
    known = _vectors(parts["train"], audio) if audio.vector == "speaker" else {}
    most = max(len(one.words) for part in said.values() for one in part)
    splits = {kind: _split(part, audio, frames, most, known) for kind, part in said.items()}
    return make_task(
        "fsdd",
        splits["train"],
        splits["validation"],
        splits["test"],
        seed=seed,
        criterion=CTC(len(WORDS)) if connected else None,
        classes=WORDS,
        audio=audio,
    )


def parted(recordings: Sequence[Recording], speaker: str | None, seed: int) -> dict[str, list[Recording]]:
    """Recordings for "train", "validation" and "test", by the official split or with a speaker left out.

    Raises:
        DataError: there is no such speaker, or one of the three is empty.
    """
    speakers = sorted({recording.speaker for recording in recordings})
    if speaker is not None and speaker not in speakers:
        raise DataError.of("a speaker to leave out", repr(speaker), f"choose among {', '.join(speakers)}")

    def for_test(recording: Recording) -> bool:
        return recording.index < TEST_INDEX if speaker is None else recording.speaker == speaker

    rest = [recording for recording in recordings if not for_test(recording)]
    order = numpy_generator(seed, "validation").permutation(len(rest))
    held_out = round(VALIDATION * len(rest))
    parts = {
        "train": [rest[i] for i in sorted(order[held_out:])],
        "validation": [rest[i] for i in sorted(order[:held_out])],
        "test": [recording for recording in recordings if for_test(recording)],
    }
    if empty := [kind for kind, part in parts.items() if not part]:
        came = f"none of {len(recordings)}{'' if speaker is None else f' without those of {speaker}'}"
        remedy = f"give more; those with an index below {TEST_INDEX} are test, unless a speaker is left out"
        raise DataError.of(f"recordings for {empty[0]}", came, remedy)
    return parts


def _recording(row: dict[str, Any], called: str) -> Recording:
    """The recording of a row of the file.

    Raises:
        DataError: something of it is not there, or its sound cannot be read.
    """
    audio = row["audio"]
    found: dict[str, Any] = {**row, "audio": audio.get("bytes") if isinstance(audio, dict) else None}
    if missing := [name for name in COLUMNS if found[name] is None]:
        raise DataError.of(f"a recording in {called}", f"no {missing[0]}", "fetch the file again")
    samples = sound.read(found["audio"], RATE, called).samples
    return Recording(samples, found["digit"], found["speaker"], found["index"])


def _isolated(recordings: Sequence[Recording], augment: Sequence[str], seed: int) -> list[Utterance]:
    random = numpy_generator(seed, "augmentation")
    heard = [(r, r.samples) for r in recordings]
    if augment:
        heard += [(r, augmented(r.samples, augment, random)) for _ in range(COPIES) for r in recordings]
    return [Utterance(sound.loudest(samples, round(WINDOW * RATE)), (r.word,), r.speaker) for r, samples in heard]


def _connected(
    recordings: Sequence[Recording], kind: str, options: Options, augment: Sequence[str], seed: int
) -> list[Utterance]:
    random = numpy_generator(0 if kind == "test" else seed, "utterances", kind)
    count = options.utterances or UTTERANCES if kind == "train" else MEASURED_ON
    drawn = utterances(recordings, count, options.digits or (3, 7), RATE, random)
    if kind != "train":
        return drawn
    return [Utterance(augmented(one.samples, augment, random), one.words, one.speaker) for one in drawn]


def _vectors(recordings: Sequence[Recording], audio: Audio) -> dict[str, Features]:
    """Of every training speaker: the mean vector of all his training recordings."""
    own: dict[str, list[Features]] = {}
    for recording in recordings:
        own.setdefault(recording.speaker, []).append(speaker_vector(recording.samples, audio))
    return {speaker: np.mean(vectors, 0) for speaker, vectors in own.items()}


def _split(said: Sequence[Utterance], audio: Audio, frames: int, most: int, known: dict[str, Features]) -> Split:
    """Features, and what is said: its number, or numbers filled up with `CTC.NOTHING`."""

    def features(one: Utterance) -> torch.Tensor:
        return torch.from_numpy(features_of(one.samples, audio, frames, known.get(one.speaker)))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        inputs = torch.stack(list(pool.map(features, said)))
    if not audio.connected:
        return Split(inputs, torch.tensor([one.words[0] for one in said]))
    labels = torch.full((len(said), most), CTC.NOTHING)
    for row, one in zip(labels, said, strict=True):
        row[: len(one.words)] = torch.tensor(one.words)
    return Split(inputs, labels)
