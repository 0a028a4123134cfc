"""Small runs of dual inheritance from end to end: verified, resumed, loaded, and genes read from their folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import soundfile
import torch
from torch import nn

import heredity
from heredity.anatomy import constructor
from heredity.api.evolve import reopen
from heredity.api.genes import inheritance_of
from heredity.development.birth import Individual
from heredity.development.criteria import CTC
from heredity.errors import InputError
from heredity.run.loop import Listener
from heredity.run.verify import verify
from heredity.testing.runs import timeless
from heredity.testing.speech import TONES, said

SETTINGS: dict[str, Any] = {
    "preset": "best",
    "population": 5,
    "steps": [12, 6],
    "genes.model.fc1": "8..60 log from 30",
    "genes.model.fc2": "8..40 from 20",
}


def evolved(out: Path, **own: Any) -> heredity.Run:
    return heredity.evolve(
        "lenet-300-100",
        "digits",
        strategy="dual_inheritance",
        strategy_options=SETTINGS,
        generations=2,
        workers=0,
        out=out,
        **own,
    )


NORMED = """
from torch import nn

def normed(n_classes: int = 10, width: int = 16) -> nn.Module:
    layers = nn.Linear(64, width), nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, n_classes)
    return nn.Sequential(nn.Flatten(), *layers)
"""
"""A layer norm sees all of its channels: none can go."""


@pytest.mark.parametrize("distribution", ["cma", "random"])
def test_genes_vary_what_removal_cannot(tmp_path: Path, distribution: str) -> None:
    """Nor is the ceiling, below half of the ancestor's weights, above the smallest that removal could reach."""
    options = {"population": 4, "steps": [6, 3], "genes.model.width": "2..32", "distribution": distribution}
    (tmp_path / "net.py").write_text(NORMED)
    run = heredity.evolve(
        f"{tmp_path / 'net.py'}:normed",
        "digits",
        strategy="dual_inheritance",
        strategy_options=options,
        generations=2,
        targets=heredity.Targets(max_params=500),
        workers=0,
        out=tmp_path / "run",
    )
    assert any(i.developed and i.measures["params"] <= 500 for i in run.individuals)
    assert len({i.measures["params"] for i in run.individuals if i.developed}) > 2


def test_a_family_of_several_constructors(tmp_path: Path) -> None:
    run = evolved(tmp_path / "run")
    constructors = {str(i.birth.genome.constructor.keywords) for i in run.individuals}
    assert len(run.individuals) == 11
    assert len(constructors) > 5
    reopened, task = reopen(run.folder)
    assert [number for number, found in verify(reopened, task) if found] == []

    front = run.folder.path / "front"
    for member in run.front:
        network = heredity.load(front / member.id)
        assert isinstance(network, torch.nn.Module)
        images = torch.rand(3, 1, 8, 8)
        session = onnxruntime.InferenceSession(str(front / member.id / "model.onnx"))
        (outputs,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
        assert np.allclose(outputs, network(images).detach().numpy(), atol=1e-4)

    grown = next(member for member in run.front if member.id != "0000")
    page = (front / grown.id / "facts.md").read_text()
    assert "structure" not in page.partition("##")[0]
    if grown.individual.birth.operator.__struct_config__.tag == "succession":
        assert f"fc1: {grown.individual.birth.genome.constructor.keywords['fc1']}; fc2: " in page

    strategy = inheritance_of(heredity.load(run.folder.path))  # pyright: ignore[reportArgumentType]  # it is a run
    assert len(strategy.thetas) == 2
    assert strategy.thetas[0]["model.fc1"].centre == 30
    assert strategy.theta != strategy.thetas[1] != strategy.thetas[0]
    drawn = [i for i in run.individuals if i.birth.operator.__struct_config__.tag == "succession"]
    assert {*map(str, [i.birth.genome.constructor.keywords["fc1"] for i in drawn])} <= {*map(str, range(8, 61))}


class Interrupted(BaseException):
    """What nobody catches."""


class Interruption(Listener):
    """Ends a session when this individual has been recorded."""

    def __init__(self, last: int) -> None:
        self.last = last

    def recorded(self, individual: Individual) -> None:
        if individual.number == self.last:
            raise Interrupted


@pytest.mark.slow
def test_a_run_that_is_interrupted_ends_like_one_that_is_not(tmp_path: Path) -> None:
    """In the middle of generation 1, at its end, and in generation 2, of which both kinds of births are left."""
    unbroken = evolved(tmp_path / "unbroken", export=False)
    out = tmp_path / "broken"
    with pytest.raises(Interrupted):
        evolved(out, listener=Interruption(2))
    for last in (5, 7):
        with pytest.raises(Interrupted):
            heredity.resume(out, listener=Interruption(last))
    resumed = heredity.resume(out, export=False)
    assert [i.birth.generation for i in resumed.individuals] == [0] + [1] * 5 + [2] * 5
    assert [*map(timeless, resumed.individuals)] == [*map(timeless, unbroken.individuals)]


@pytest.mark.slow
def test_on_connected_speech(tmp_path: Path) -> None:
    run = heredity.evolve(
        "tdnn",
        TONES,
        strategy="dual_inheritance",
        strategy_options={
            "population": 4,
            "steps": [100, 40],
            "learning_rate": 0.01,
            "inherit": "teacher",
            "genes.model.width": "8..32 from 16 if model.depth=4..6",
            **{f"genes.model.width{k}": "8..32 from 16" for k in (1, 2, 3)},
        },
        generations=2,
        workers=0,
        out=tmp_path / "run",
    )
    _, *newborns = run.individuals
    assert len(newborns) == 8
    assert all(i.birth.teachers and i.birth.recipe.culture for i in newborns)
    assert len({str(i.birth.genome.constructor.keywords) for i in newborns}) == 8
    assert min(i.measures["val_error"] for i in newborns) < 0.5, "of words, of which one in four can be guessed"
    reopened, task = reopen(run.folder)
    assert isinstance(task.criterion, CTC)
    assert [number for number, found in verify(reopened, task) if found] == []
    soundfile.write(tmp_path / "said.wav", said(3, 0, 2), 8000)
    best = heredity.recogniser(run.folder.path)
    assert best.transcribe(tmp_path / "said.wav").words == ("three", "zero", "two")


def test_genes_of_a_module_that_is_not_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are those of its recipe, which need no network."""
    layers = nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 10)
    run = heredity.evolve(
        nn.Sequential(*layers),
        "digits",
        strategy="dual_inheritance",
        strategy_options={"population": 4, "steps": [6, 3]},
        generations=2,
        targets=heredity.Targets(max_params=500),
        workers=0,
        out=tmp_path / "run",
    )
    assert len(run.individuals) == 9
    monkeypatch.setattr(constructor, "_provided", {})
    strategy = inheritance_of(run)
    assert strategy.refused == []
    assert len(strategy.thetas) == 2
    assert "recipe.learning_rate" in strategy.theta


def test_runs_without_genes_have_none_to_show(tmp_path: Path) -> None:
    run = heredity.evolve(
        "lenet5",
        "digits",
        strategy_options={"population": 1, "steps": [2, 2]},
        generations=1,
        workers=0,
        out=tmp_path / "run",
    )
    with pytest.raises(InputError, match="a run of dual_inheritance that has begun; came synthesis"):
        inheritance_of(run)
