"""A file's words, as a network hears them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from msgspec import UNSET
from torch import nn
from torch.nn import functional as F

from heredity.anatomy.inputs import Audio, InputForm
from heredity.development.speech import sound
from heredity.development.speech.decoding import beam_search, said
from heredity.development.speech.features import FRAME, LEAD, features_of, frames_of
from heredity.errors import DataError, InputError


@dataclass(frozen=True)
class Transcript:
    """The words of a recording, and in words what was done to it before it was heard."""

    words: tuple[str, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recogniser:
    """A network that takes features as `form` says, and gives logits of words (see `heredity.anatomy.inputs.Audio`)."""

    network: nn.Module
    form: InputForm

    def transcribe(self, file: str | Path, beam: int | None = None) -> Transcript:
        """What is said in a file: one word, or of connected speech as many as there are, perhaps none.

        Decoding is greedy unless a `beam` of so many prefixes is asked for. Whoever speaks need not be known: without
        recordings of a speaker to compute it from, his vector is computed from this one.

        Raises:
            DataError: the file is missing, empty, damaged, too short, silent, or too long for the network.
            InputError: the network is none for speech, or is for isolated words, of which no beam is searched.
        """
        audio = self.form.audio
        if audio is UNSET:
            came = f"one that takes {'x'.join(map(str, self.form.shape))}"
            raise InputError.of("a network that takes speech", came, "choose a member of a run on fsdd")
        if beam is not None:
            _check_beam(beam, audio)
        heard = sound.read(Path(file), audio.rate, str(file))
        sound.refuse_silence(heard.samples, str(file))
        samples, frames, remarks = heard.samples, self.form.shape[-1], heard.converted
        if audio.connected:
            frames = max(frames, frames_of(samples, audio))
        elif len(samples) > (most := round((frames - LEAD) * FRAME * audio.rate)):
            samples = sound.loudest(samples, most)
            remarks = (*remarks, f"only its loudest {most / audio.rate:g} s are looked at")
        inputs = torch.from_numpy(features_of(samples, audio, frames))[None]
        try:
            with torch.no_grad():
                (logits,) = self.network(inputs)
        except RuntimeError as error:
            if frames == self.form.shape[-1]:
                raise
            longest = (self.form.shape[-1] - LEAD) * FRAME
            came = f"{len(samples) / audio.rate:.3g} s in {file}"
            raise DataError.of(f"a recording of at most {longest:g} s, for this network", came, "cut it") from error
        return Transcript(_words(logits, audio, beam), remarks)


def _check_beam(beam: object, audio: Audio) -> None:
    if not isinstance(beam, int) or beam < 1:
        raise InputError.of("a beam that is a whole number of at least 1", beam, "leave it out for greedy decoding")
    if not audio.connected:
        raise InputError.of("connected speech, to search by a beam", "a network for single words", "leave it out")


def _words(logits: torch.Tensor, audio: Audio, beam: int | None) -> tuple[str, ...]:
    """Logits `(words,)`, or of connected speech `(1 + words, frames)`, in words."""
    if not audio.connected:
        return (audio.words[int(logits.argmax())],)
    if beam is None:
        return tuple(audio.words[word] for word in said(logits.argmax(0).tolist()))
    return tuple(audio.words[word] for word in beam_search(F.log_softmax(logits, 0).T.tolist(), beam))
