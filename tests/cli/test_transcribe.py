"""From an evolved family to the words of a file: made-up digits, which are tones."""

from __future__ import annotations

import textwrap
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

from .conftest import Heredity

DATA = """
import numpy as np
from heredity.development.datasets.fsdd import spoken_digits
from heredity.development.datasets.options import Options
from heredity.development.speech.utterances import Recording

def tone(digit, seed=0):
    times = np.arange(1200 + 80 * seed) / 8000
    noise = 0.003 * np.random.default_rng(seed).standard_normal(len(times))
    return (0.3 * np.sin(2 * np.pi * 300 * (1 + digit) * times) + noise).astype(np.float32)

def data():
    recordings = [Recording(tone(d, i), d, speaker, i) for speaker in "ab" for d in range(4) for i in range(12)]
    return spoken_digits(recordings, Options(connected=True, utterances=256, digits=(1, 3)), seed=0)
"""


def tone(digit: int) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * 300 * (1 + digit) * np.arange(1600) / 8000)).astype(np.float32)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speech")
    (folder / "tones.py").write_text(textwrap.dedent(DATA))
    options = {"population": 1, "steps": (400, 60), "learning_rate": 0.005}
    data = f"{folder / 'tones.py'}:data"
    facade.evolve("tdnn", data, generations=1, strategy_options=options, workers=0, out=folder / "run").store.close()
    return folder / "run"


@pytest.fixture
def said(tmp_path: Path) -> Path:
    """3, 0, 2, 1."""
    pause = np.zeros(1600, np.float32)
    samples = np.concatenate([tone(3), pause, tone(0), pause, tone(2), pause, tone(1)])
    soundfile.write(tmp_path / "said.wav", samples, 8000)
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
