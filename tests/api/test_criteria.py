"""Whole runs on data that is no plain classification: what is recorded, what is exported, what comes again."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from sklearn.metrics import r2_score

from heredity.api.evolve import evolve, reopen, resume
from heredity.errors import DataError, InputError
from heredity.run.run import Run
from heredity.run.verify import verify
from heredity.store.folder import read_json

FILE = """
import heredity, torch
from torch import nn

coins = torch.Generator().manual_seed(0)
features = torch.randn(300, 6, generator=coins)
images = torch.randint(256, (120, 1, 6, 6), generator=coins, dtype=torch.uint8)
words = torch.randint(20, (300, 4), generator=coins)

def prices(): return features, features[:, 0] * 20_000 + features[:, 1] * 5_000 + 300_000
def bright(): return images, (images[:, 0] > 128).long()
def contains(): return words, torch.stack([(words == k).any(1) for k in (3, 5)], 1)
def own(): return heredity.as_task((features, features[:, :2]), seed=0, criterion=heredity.Custom(off, how_far))

def off(outputs, labels): return (outputs - labels).abs().mean()
def how_far(outputs, labels): return float((outputs - labels).abs().mean())

def head(n_classes): return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, n_classes))
def pixels(input_shape, n_classes):
    return nn.Sequential(nn.Conv2d(input_shape[0], 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, n_classes, 1))
class Reader(nn.Module):
    def __init__(self, vocabulary, n_classes):
        super().__init__()
        self.embedding, self.out = nn.Embedding(vocabulary, 8), nn.Linear(8, n_classes)
        self.hidden = nn.Linear(8, 8)
    def forward(self, x):
        return self.out(torch.relu(self.hidden(self.embedding(x))).amax(1))
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mine") / "mine.py"
    path.write_text(textwrap.dedent(FILE))
    return path


def bring_up(file: Path, model: str, data: str, out: Path, workers: int = 0) -> tuple[Run, Any]:
    """A run of one generation in which everything that is recorded is true."""
    options = {"population": 1, "steps": (200, 30)}
    run = evolve(f"{file}:{model}", f"{file}:{data}", generations=1, strategy_options=options, workers=workers, out=out)
    assert [i.reason for i in run.individuals if not i.developed] == []
    run, task = reopen(run.folder)
    assert [differences for _, differences in verify(run, task) if differences] == []
    assert run.settings.criterion == task.criterion.record()
    return run, task


def answers(run: Run, inputs: torch.Tensor) -> tuple[torch.Tensor, Any]:
    """What the ancestor answers, and what its file does."""
    front = read_json(run.folder.front_json, dict[str, Any])
    member = next(m for m in front["members"] if m["onnx"])
    content = run.folder.path / member["onnx"]
    given = inputs.float() / 255 if inputs.dtype == torch.uint8 else inputs
    with torch.no_grad():
        own = run.member(member["id"]).module()(given)
    (exported,) = onnxruntime.InferenceSession(content).run(None, {"input": given.numpy()})
    return own, exported


def test_numbers_in_the_users_units(file: Path, tmp_path: Path) -> None:
    run, task = bring_up(file, "head", "prices", tmp_path / "run")
    own, exported = answers(run, task.test.inputs)
    assert own.shape == (50, 1)
    assert np.allclose(own.numpy(), exported, rtol=1e-5)
    front = read_json(run.folder.front_json, dict[str, Any])
    best = min(front["members"], key=lambda member: member["val_error"])
    assert best["val_error"] < 0.1, "prices around 300,000 are learnt as well as small numbers"
    known = {f"{m.id}": m for m in run.front}[best["id"]]
    with torch.no_grad():
        told = known.module()(task.test.inputs)
    assert best["test_error"] == pytest.approx(1 - r2_score(task.test.labels.numpy(), told.numpy()), rel=1e-4)


def test_maps(file: Path, tmp_path: Path) -> None:
    run, task = bring_up(file, "pixels", "bright", tmp_path / "run")
    own, exported = answers(run, task.test.inputs)
    assert own.shape == (20, 2, 6, 6)
    assert np.allclose(own.numpy(), exported, atol=1e-4)
    assert run.member("0").measures["val_error"] < 0.1


def test_several_labels_of_tokens(file: Path, tmp_path: Path) -> None:
    run, task = bring_up(file, "Reader", "contains", tmp_path / "run")
    assert run.settings.inputs.vocabulary == 20
    own, exported = answers(run, task.test.inputs)
    assert own.shape == (50, 2)
    assert np.allclose(own.numpy(), exported, atol=1e-4)


@pytest.mark.slow
def test_a_users_own_loss_in_another_process(file: Path, tmp_path: Path) -> None:
    run, task = bring_up(file, "head", "own", tmp_path / "run", workers=1)
    assert run.member("0").measures["val_error"] < 0.5
    run.folder.front_json.unlink()
    with pytest.raises(DataError, match="expected the data that the run began with; came other data"):
        resume(run.folder.path, data=(task.test.inputs, task.test.labels))


def test_a_loss_that_no_worker_can_find_is_refused_at_once(file: Path, tmp_path: Path) -> None:
    from heredity import Custom, as_task

    data = as_task(
        (torch.rand(60, 6), torch.rand(60, 2)), seed=0, criterion=Custom(torch.nn.MSELoss(), lambda o, y: 0.0)
    )
    with pytest.raises(InputError, match="worker processes can import"):
        evolve(f"{file}:head", data, generations=1, workers=1, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
