"""A small run of dual inheritance from end to end: verified, resumed, loaded, and its genes read from its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

import heredity
from heredity.api.evolve import reopen
from heredity.api.genes import inheritance_of
from heredity.errors import InputError
from heredity.run.verify import verify

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
        strategy_options={**SETTINGS, **own},
        generations=2,
        workers=0,
        out=out,
    )


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
