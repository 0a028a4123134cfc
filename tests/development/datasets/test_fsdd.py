"""Spoken digits: made-up ones, tones of two speakers; and the real ones, where they are."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import soundfile
import torch
from msgspec import UNSET
from pyarrow import parquet
from torch import nn

from heredity.anatomy.body import Deployed
from heredity.development.criteria import CTC, PLAIN
from heredity.development.criteria.criterion import measured
from heredity.development.datasets import load_task
from heredity.development.datasets.fsdd import WORDS, parted, spoken_digits
from heredity.development.datasets.options import Options
from heredity.development.loop import train
from heredity.development.recipe import Recipe
from heredity.development.speech.features import SPEAKER
from heredity.development.speech.utterances import Recording
from heredity.development.task import Split, Task
from heredity.errors import DataError, InputError
from heredity.testing.refusals import expect_one_line
from heredity.zoo import ZOO

RATE = 8000


FEW = Options(connected=True, utterances=60, digits=(1, 3))


def tone(digit: int, speaker: str, seconds: float, seed: int) -> np.ndarray:
    times = np.arange(round(seconds * RATE)) / RATE
    base = 300 if speaker == "low" else 360
    wave = np.sin(2 * np.pi * base * (1 + digit) * times) + 0.01 * np.random.default_rng(seed).standard_normal(
        len(times)
    )
    return (0.3 * wave).astype(np.float32)


@pytest.fixture(scope="module")
def recordings() -> list[Recording]:
    return [
        Recording(tone(digit, speaker, 0.12 + 0.01 * index, index), digit, speaker, index)
        for speaker in ("low", "high")
        for digit in range(4)
        for index in range(14)
    ]


def test_the_official_split_and_a_speaker_left_out(recordings: list[Recording]) -> None:
    parts = parted(recordings, None, 0)
    assert {r.index for r in parts["test"]} == set(range(5))
    assert {r.index for r in parts["train"]} <= set(range(5, 14))
    assert sorted(id(r) for part in parts.values() for r in part) == sorted(map(id, recordings))
    assert {kind: len(part) for kind, part in parts.items()} == {"train": 64, "validation": 8, "test": 40}
    assert parted(recordings, None, 1)["test"] == parts["test"]
    assert parted(recordings, None, 1)["validation"] != parts["validation"]

    parts = parted(recordings, "high", 0)
    assert {r.speaker for r in parts["test"]} == {"high"}
    assert {r.speaker for r in (*parts["train"], *parts["validation"])} == {"low"}
    assert len(parts["test"]) == 56
    with pytest.raises(DataError) as caught:
        parted(recordings, "nobody", 0)
    expect_one_line(caught, "'nobody'", "high, low")


@pytest.mark.parametrize(
    ("indices", "speaker", "words"),
    [
        ((), None, ("recordings for train", "none of 0")),
        ((0, 1, 2, 3, 4), None, ("recordings for train", "none of 40")),
        ((5, 6, 7), None, ("recordings for test", "none of 24")),
        ((0, 5), "low", ("recordings for train", "none of 8 without those of low")),
        ((0, 13), None, ("recordings for validation", "none of 5")),
    ],
)
def test_a_split_without_anybody_is_refused(
    recordings: list[Recording], indices: tuple[int, ...], speaker: str | None, words: tuple[str, ...]
) -> None:
    few = [r for r in recordings if r.index in indices and (speaker is None or r.speaker == speaker)]
    few = few[:5] if 13 in indices else few
    with pytest.raises(DataError) as caught:
        spoken_digits(few, Options(speaker=speaker), seed=0)
    expect_one_line(caught, *words)


@pytest.fixture(scope="module")
def isolated(recordings: list[Recording]) -> Task:
    return spoken_digits(recordings, Options(), seed=0)


@pytest.fixture(scope="module")
def connected(recordings: list[Recording]) -> Task:
    return spoken_digits(recordings, FEW, seed=0)


def inner(split: Split, frames: int) -> torch.Tensor:
    """Features without the vector and the last frames, both of which depend on where the end is."""
    return split.inputs[:, :39, : frames - 8]


def error_of(network: nn.Module, task: Task) -> float:
    return measured(task.criterion, Deployed(network, task.inputs), task.test.inputs, task.test.labels)


class TestIsolated:
    def test_digits_are_classes(self, isolated: Task) -> None:
        assert isolated.criterion == PLAIN
        assert isolated.classes == WORDS
        assert isolated.n_classes == 10, "four are spoken here, but all are known"
        assert [len(s) for s in (isolated.train, isolated.validation, isolated.test)] == [64 * 3, 8, 40]
        assert Counter(isolated.test.labels.tolist()) == dict.fromkeys(range(4), 10)

    def test_features_are_normalised_in_the_network(self, isolated: Task) -> None:
        form = isolated.inputs
        assert form.audio is not UNSET
        assert form.shape == isolated.train.inputs.shape[1:] == (47, form.shape[1])
        inner = Deployed(nn.Identity(), form)(isolated.train.inputs)
        assert inner.mean((0, 2)).abs().max() < 1e-2
        assert (inner.std((0, 2)) - 1).abs().max() < 1e-2

    def test_copies_are_changed_and_the_originals_are_there(self, recordings: list[Recording], isolated: Task) -> None:
        plain = spoken_digits(recordings, Options(augment=()), seed=0)
        assert len(plain.train) == 64
        frames = plain.inputs.shape[1]
        assert torch.equal(inner(isolated.train, frames)[:64], inner(plain.train, frames))
        assert not torch.equal(inner(isolated.train, frames)[64:128], inner(plain.train, frames))
        assert torch.equal(inner(isolated.test, frames), inner(plain.test, frames)), "what is measured is left alone"

    def test_it_is_learnt_in_seconds(self, isolated: Task) -> None:
        torch.manual_seed(0)
        network = ZOO["acoustic-mlp"](input_shape=isolated.inputs.shape, n_classes=10, width=16)
        train(network, isolated.train, isolated.inputs, Recipe(steps=60, batch_size=32, learning_rate=0.01), seed=0)
        assert error_of(network, isolated) < 0.1

    def test_a_long_recording_is_cut_to_its_loudest(self, recordings: list[Recording]) -> None:
        long = Recording(tone(1, "low", 3.0, 0), 1, "low", 9)
        task = spoken_digits([*recordings, long], Options(augment=()), seed=0)
        assert task.inputs.shape[1] == 10 + 120


class TestConnected:
    def test_words_are_sequences(self, connected: Task) -> None:
        assert connected.criterion == CTC(10)
        assert connected.n_classes == 11
        assert [len(s) for s in (connected.train, connected.validation, connected.test)] == [60, 300, 300]
        assert connected.train.labels.shape == (60, 3)
        assert set((connected.test.labels >= 0).sum(1).tolist()) == {1, 2, 3}

    def test_all_runs_are_measured_on_the_same(self, recordings: list[Recording], connected: Task) -> None:
        other = spoken_digits(recordings, FEW, seed=1)
        frames = min(connected.inputs.shape[1], other.inputs.shape[1])
        assert torch.equal(connected.test.labels, other.test.labels)
        assert torch.equal(inner(connected.test, frames), inner(other.test, frames))
        assert not torch.equal(connected.train.labels, other.train.labels)
        again = spoken_digits(recordings, FEW, seed=0)
        assert again.digest == connected.digest != other.digest

    def test_it_is_learnt_in_seconds(self, connected: Task) -> None:
        torch.manual_seed(0)
        network = ZOO["tdnn"](input_shape=connected.inputs.shape, n_classes=11, framewise=True, width=16)
        recipe = Recipe(steps=400, batch_size=16, learning_rate=0.01)
        train(network, connected.train, connected.inputs, recipe, criterion=connected.criterion, seed=0)
        assert error_of(network, connected) < 0.4


def test_the_speakers_vector(recordings: list[Recording]) -> None:
    """His own training recordings', wherever he speaks; of whoever has none, the utterance's."""

    def vectors(split: Split) -> torch.Tensor:
        return split.inputs[:, -SPEAKER:, 0]

    given = Options(augment=(), vector="speaker", speaker="high")
    task = spoken_digits(recordings, given, seed=0)
    assert len(vectors(task.train).unique(dim=0)) == len(vectors(task.validation).unique(dim=0)) == 1
    utterance = spoken_digits(recordings, Options(augment=(), speaker="high"), seed=0)
    assert len(vectors(utterance.train).unique(dim=0)) > 20
    assert torch.equal(vectors(task.test), vectors(utterance.test)), "nobody knows him"
    none = spoken_digits(recordings, Options(augment=(), vector="none"), seed=0)
    assert none.inputs.shape[0] == 39


class TestReferences:
    @pytest.fixture
    def folder(self, tmp_path: Path, recordings: list[Recording]) -> Path:
        (tmp_path / "fsdd").mkdir()
        rows = list[dict[str, object]]()
        for r in recordings:
            flac = io.BytesIO()
            soundfile.write(flac, r.samples, RATE, format="FLAC")
            audio = {"bytes": flac.getvalue(), "path": f"{r.word}_{r.speaker}_{r.index}.flac"}
            rows.append({"audio": audio, "digit": r.word, "speaker": r.speaker, "index": r.index})
        parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "fsdd" / "recordings.parquet")
        return tmp_path

    def test_options(self, folder: Path) -> None:
        task = load_task(
            "fsdd:connected,features=fbank,deltas=0,vector=none,utterances=12,digits=2-2", seed=0, data_dir=folder
        )
        assert task.train.inputs.shape[:2] == (12, 23)
        assert task.train.labels.shape == (12, 2)
        share = load_task("fsdd:50%,augment=noise,speaker=low", seed=0, data_dir=folder)
        assert (len(share.train), len(share.test)) == (75, 56)
        assert share.inputs.audio is not UNSET
        assert len(share.inputs.mean) == 47

    @pytest.mark.parametrize(
        ("reference", "words"),
        [
            ("fsdd:conected", ("options of fsdd", "'conected'", "connected")),
            ("fsdd:features=lpc", ("'features=lpc'", "mfcc|fbank")),
            ("fsdd:deltas=3", ("'deltas=3'",)),
            ("fsdd:digits=7-3", ("'digits=7-3'",)),
            ("fsdd:utterances=0", ("'utterances=0'",)),
            ("fsdd:digits=3-5", ("digits= of connected digits", "isolated ones", "fsdd:connected")),
            ("fsdd:10%,utterances=50", ("utterances= of connected digits", "isolated ones")),
            ("fsdd:connected,digit=3-5", ("'digit=3-5'", "known: connected, speaker=NAME,", "digits=3-7, a share")),
            ("fsdd:size=9", ("options of fsdd", "size=", "speaker=NAME")),
            ("mnist:deltas=0", ("options of mnist", "deltas=")),
            ("fsdd:speaker=nobody", ("'nobody'", "high, low")),
        ],
    )
    def test_what_cannot_be_is_refused(self, folder: Path, reference: str, words: tuple[str, ...]) -> None:
        with pytest.raises(InputError) as caught:
            load_task(reference, seed=0, data_dir=folder)
        expect_one_line(caught, *words)

    def test_a_damaged_recording_is_named(self, folder: Path) -> None:
        path = folder / "fsdd" / "recordings.parquet"
        rows = parquet.read_table(path).to_pylist()
        rows[3]["audio"]["bytes"] = b"no sound"
        parquet.write_table(pa.Table.from_pylist(rows), path)
        with pytest.raises(DataError) as caught:
            load_task("fsdd", seed=0, data_dir=folder)
        expect_one_line(caught, "row 3 of", "LibsndfileError")
        rows[3]["audio"]["bytes"] = None
        parquet.write_table(pa.Table.from_pylist(rows), path)
        with pytest.raises(DataError) as caught:
            load_task("fsdd", seed=0, data_dir=folder)
        expect_one_line(caught, "row 3 of", "no audio")
        rows[3] = {**rows[2], "speaker": None}
        parquet.write_table(pa.Table.from_pylist(rows), path)
        with pytest.raises(DataError) as caught:
            load_task("fsdd", seed=0, data_dir=folder)
        expect_one_line(caught, "row 3 of", "no speaker")
        parquet.write_table(pa.table({"audio": [1]}), path)
        with pytest.raises(DataError) as caught:
            load_task("fsdd", seed=0, data_dir=folder)
        expect_one_line(caught, "a column 'digit'")
        path.unlink()
        with pytest.raises(DataError) as caught:
            load_task("fsdd", seed=0, data_dir=folder)
        expect_one_line(caught, "no such file")


@pytest.mark.slow
def test_the_real_ones(data_dir: Path) -> None:
    """The official split: 300 test recordings, five of each digit by each of six speakers."""
    task = load_task("fsdd:augment=none,deltas=0", seed=0, data_dir=data_dir)
    assert [len(s) for s in (task.train, task.validation, task.test)] == [2400, 300, 300]
    assert Counter(task.test.labels.tolist()) == dict.fromkeys(range(10), 30)
    assert task.inputs.shape == (13 + SPEAKER, 130)
    left_out = load_task("fsdd:connected,speaker=theo,utterances=20", seed=0, data_dir=data_dir)
    assert set((left_out.test.labels >= 0).sum(1).tolist()) == {3, 4, 5, 6, 7}
