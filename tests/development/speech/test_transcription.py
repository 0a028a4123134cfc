from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from heredity.anatomy.inputs import Audio, InputForm
from heredity.development.speech.features import channels, features_of, frames_of
from heredity.development.speech.transcription import Recogniser
from heredity.errors import DataError, InputError
from heredity.testing.refusals import expect_one_line

from .conftest import RATE, Written, tone

WORDS = ("low", "high")
ISOLATED, CONNECTED = Audio(WORDS, deltas=0), Audio(WORDS, deltas=0, connected=True)


class Listener(nn.Module):
    """Says what it was told to, and remembers what it was given."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.given = inputs
        return self.logits[None]


def recogniser(audio: Audio, logits: torch.Tensor, frames: int = 50) -> Recogniser:
    return Recogniser(Listener(logits), InputForm((channels(audio), frames), audio=audio))


def test_one_word_is_the_likeliest(written: Written) -> None:
    heard = recogniser(ISOLATED, torch.tensor([0.2, 0.7]))
    assert heard.transcribe(written(tone(1))).words == ("high",)
    expected = features_of(tone(1), ISOLATED, 50)
    assert np.array_equal(heard.network.given[0].numpy(), expected), "the very features that training has"


def test_connected_words_greedily_and_by_a_beam(written: Written) -> None:
    logits = torch.tensor([[0.6, 0.4, 0.0001], [0.6, 0.4, 0.0001]]).log().T
    heard = recogniser(CONNECTED, logits)
    assert heard.transcribe(written(tone(1))).words == ()
    assert heard.transcribe(written(tone(1)), beam=4).words == ("low",)
    wrong: Any
    for wrong in (0, 2.5, "4"):
        with pytest.raises(InputError, match=rf"^expected a beam that is a whole number of at least 1; came {wrong};"):
            heard.transcribe(written(tone(1)), beam=wrong)


def test_a_beam_for_single_words_is_refused(written: Written) -> None:
    with pytest.raises(InputError) as caught:
        recogniser(ISOLATED, torch.tensor([0.2, 0.7])).transcribe(written(tone(1)), beam=4)
    expect_one_line(caught, "connected speech", "single words", "leave it out")


def test_long_connected_speech_is_heard_whole_and_a_long_word_by_its_loudest_part(written: Written) -> None:
    long = np.concatenate([0.1 * tone(1, seconds=2.0), tone(2)])
    path = written(long)
    heard = recogniser(CONNECTED, torch.zeros(3, 4))
    heard.transcribe(path)
    assert heard.network.given.shape[2] == frames_of(long, CONNECTED) == 230
    heard = recogniser(ISOLATED, torch.zeros(2))
    assert heard.transcribe(path).remarks == ("only its loudest 0.4 s are looked at",)
    assert heard.network.given.shape[2] == 50


def test_conversions_are_said(written: Written) -> None:
    stereo = np.stack([tone(1, seconds=0.4)] * 2, 1)
    transcript = recogniser(ISOLATED, torch.zeros(2)).transcribe(written(stereo, 16000))
    assert transcript.remarks == ("2 channels mixed down to one", "16,000 Hz converted to 8,000 Hz")


def test_what_cannot_be_heard_is_refused(written: Written) -> None:
    heard = recogniser(ISOLATED, torch.zeros(2))
    with pytest.raises(DataError) as caught:
        heard.transcribe(written(np.zeros(RATE, np.float32)))
    expect_one_line(caught, "speech in", "said.wav", "silence")
    with pytest.raises(InputError) as caught:
        Recogniser(heard.network, InputForm((1, 8, 8))).transcribe(written(tone(1)))
    expect_one_line(caught, "takes speech", "1x8x8")


def test_a_network_of_fixed_length_says_how_long(written: Written) -> None:
    fixed = nn.Sequential(nn.Flatten(), nn.Linear(channels(CONNECTED) * 50, 12), nn.Unflatten(1, (3, 4)))
    heard = Recogniser(fixed, InputForm((channels(CONNECTED), 50), audio=CONNECTED))
    heard.transcribe(written(tone(1)))
    with pytest.raises(DataError) as caught:
        heard.transcribe(written(tone(1, seconds=1.0)))
    expect_one_line(caught, "at most 0.4 s", "1 s in")
