"""Connected speech: recordings of one speaker joined with silences, drawn by a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heredity.development.speech.sound import Samples
from heredity.errors import DataError

PAUSE = (0.05, 0.25)
"""Seconds of silence between two recordings, drawn evenly."""

LONGEST = 6.0
"""Seconds of an utterance, at most; longer ones are drawn again, so that few determine what all are filled up to."""

TRIES = 100
"""How often an utterance is drawn, at most."""


@dataclass(frozen=True, eq=False)
class Recording:
    """A recorded word by its number, who speaks it, and which of his recordings of the word it is."""

    samples: Samples
    word: int
    speaker: str
    index: int


@dataclass(frozen=True, eq=False)
class Utterance:
    """What a speaker says, and the words' numbers."""

    samples: Samples
    words: tuple[int, ...]
    speaker: str


def utterances(
    recordings: Sequence[Recording], count: int, words: tuple[int, int], rate: int, random: np.random.Generator
) -> list[Utterance]:
    """So many utterances of `words` (least, most) recordings each, evenly drawn; speakers take turns.

    No recording comes twice in one, unless there are too few.

    Raises:
        DataError: such utterances are longer than `LONGEST`.
    """
    by_speaker: dict[str, list[Recording]] = {}
    for recording in recordings:
        by_speaker.setdefault(recording.speaker, []).append(recording)
    speakers = sorted(by_speaker)
    return [
        _utterance(speakers[n % len(speakers)], by_speaker[speakers[n % len(speakers)]], words, rate, random)
        for n in range(count)
    ]


def _utterance(
    speaker: str, own: Sequence[Recording], words: tuple[int, int], rate: int, random: np.random.Generator
) -> Utterance:
    for _ in range(TRIES):
        number = int(random.integers(words[0], words[1] + 1))
        chosen = [own[i] for i in random.choice(len(own), number, replace=len(own) < number)]
        pauses = random.uniform(*PAUSE, number - 1)
        parts = [chosen[0].samples]
        for recording, pause in zip(chosen[1:], pauses, strict=True):
            parts += [np.zeros(round(pause * rate), np.float32), recording.samples]
        samples = np.concatenate(parts)
        if len(samples) <= LONGEST * rate:
            return Utterance(samples, tuple(recording.word for recording in chosen), speaker)
    came = f"{words[0]} to {words[1]} words of {speaker}, which are longer"
    raise DataError.of(f"utterances of at most {LONGEST:g} seconds", came, "join fewer: digits=3-5, say")
