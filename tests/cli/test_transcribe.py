"""From an evolved family to the words of a file: made-up digits, which are tones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import soundfile
import torch

from heredity import load, recogniser
from heredity.api import evolve as facade
from heredity.development.speech.features import features_of
from heredity.export.onnx import INPUT, OUTPUT
from heredity.testing import speech
from heredity.testing.speech import TONES, tone

from .conftest import Heredity


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speech")
    options = {"population": 1, "steps": (400, 60), "learning_rate": 0.005}
    facade.evolve("tdnn", TONES, generations=1, strategy_options=options, workers=0, out=folder / "run").store.close()
    return folder / "run"


@pytest.fixture
def said(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "said.wav", speech.said(3, 0, 2, 1), 8000)
    return tmp_path / "said.wav"


def test_a_file_is_transcribed(run: Path, said: Path, heredity: Heredity) -> None:
    member = next((run / "front").iterdir())
    for arguments in ((member,), (run,), (run, "--member", member.name), (member, "--beam", 8)):
        ended = heredity("transcribe", arguments[0], said, *arguments[1:])
        assert ended == (0, "three zero two one\n", "")


def test_several_files_other_rates_and_stereo(run: Path, said: Path, heredity: Heredity, tmp_path: Path) -> None:
    samples = np.repeat(np.repeat(soundfile.read(said)[0], 2)[:, None], 2, 1)
    soundfile.write(tmp_path / "other.flac", samples, 16000)
    ended = heredity("transcribe", run, said, tmp_path / "other.flac")
    assert ended.out == f"{said}: three zero two one\n{tmp_path / 'other.flac'}: three zero two one\n"
    assert ended.err.endswith("other.flac: 2 channels mixed down to one; 16,000 Hz converted to 8,000 Hz\n")


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"", "an empty file"), (b"RIFF no sound", "LibsndfileError"), (None, "no such file"), (0.0, "silence")],
)
def test_wrong_input_is_one_line(
    run: Path, heredity: Heredity, tmp_path: Path, content: bytes | float | None, word: str
) -> None:
    path = tmp_path / "wrong.wav"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        soundfile.write(path, np.full(8000, content), 8000)
    ended = heredity("transcribe", run, path)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert "wrong.wav" in ended.err
    assert word in ended.err
    assert "object at 0x" not in ended.err


def test_files_behind_one_that_cannot_be_heard_are_transcribed(
    run: Path, said: Path, heredity: Heredity, tmp_path: Path
) -> None:
    code, out, err = heredity("transcribe", run, tmp_path / "none.wav", said)
    assert (code, out) == (2, f"{said}: three zero two one\n")
    assert err == f"heredity: expected a recording in {tmp_path / 'none.wav'}; came no such file; check the path\n"


def test_a_member_of_a_member_is_refused(run: Path, said: Path, heredity: Heredity) -> None:
    member = next((run / "front").iterdir())
    assert "leave it out" in heredity("transcribe", member, said, "--member", "0001").err


def test_the_exported_file_takes_any_number_of_frames(run: Path) -> None:
    """What onnxruntime computes of a recording is what the module does, longer or shorter than in training."""
    folder = next((run / "front").iterdir())
    audio = recogniser(folder).form.audio
    module = load(folder)
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    for frames in (20, 43, 300):
        batch = features_of(tone(1)[:800], audio, frames)[None]  # pyright: ignore[reportArgumentType]
        (logits,) = session.run([OUTPUT], {INPUT: batch})
        with torch.no_grad():
            expected = module(torch.from_numpy(batch))  # pyright: ignore[reportCallIssue]
        assert np.abs(logits - expected.numpy()).max() < 1e-3


def test_the_page_says_what_goes_in_and_out(run: Path) -> None:
    page = (next((run / "front").iterdir()) / "facts.md").read_text()
    assert "features of a recording, mfcc at 8,000 Hz" in page
    assert "output 0 is the blank of CTC. The words are, from output 1: zero, one" in page
    assert "Errors: word error rate" in page
