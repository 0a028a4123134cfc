"""The lines are run: they must load what they say."""

from __future__ import annotations

import ast
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from heredity.anatomy.inputs import InputForm
from heredity.report.loading import loading
from heredity.run.run import Run

FORM = InputForm((1, 3, 3))
ODD = Path('runs/it\'s "odd" <b>\\n & ü')


def by_title(exported: Path | None = None, *, form: InputForm = FORM, over: bool = False) -> dict[str, str]:
    return {s.title: s.code for s in loading(ODD, "0007", form, exported=exported, handed_over=over)}


def strings(code: str) -> list[object]:
    return [node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)]


def outcome(code: str, **known: object) -> dict[str, Any]:
    names: dict[str, Any] = dict(known)
    exec(code, names)
    return names


def test_an_exported_member_loads(finished: Run) -> None:
    member = finished.front[-1]
    folder = finished.folder.path
    lines = {
        s.title: s.code
        for s in loading(folder, member.id, FORM, exported=finished.folder.front / member.id, handed_over=False)
    }
    assert list(lines) == ["PyTorch", "onnxruntime", "Shell"]
    loaded = outcome(lines["PyTorch"])
    zeros = torch.zeros(1, *FORM.shape)
    assert loaded["outputs"].shape == (1, 3)
    assert torch.equal(loaded["member"](zeros), member.module()(zeros))
    np.testing.assert_allclose(outcome(lines["onnxruntime"])["outputs"], member.module()(zeros).detach(), atol=1e-5)
    assert shlex.split(lines["Shell"]) == ["heredity", "export", str(folder), member.id]


def test_who_was_not_exported_is_exported_first() -> None:
    lines = by_title()
    assert list(lines) == ["Shell", "PyTorch"]
    assert shlex.split(lines["Shell"]) == ["heredity", "export", str(ODD), "0007"]
    assert str(ODD / "export" / "0007") in strings(lines["PyTorch"])


def test_odd_paths_stay_what_they_are() -> None:
    lines = by_title(ODD / "front" / "0007")
    assert str(ODD / "front" / "0007") in strings(lines["PyTorch"])
    assert str(ODD / "front" / "0007" / "model.onnx") in strings(lines["onnxruntime"])


@pytest.mark.parametrize("exported", [None, ODD / "front" / "0007"])
def test_a_module_that_was_handed_over_is_asked_for(exported: Path | None) -> None:
    lines = by_title(exported, over=True)
    assert "Shell" not in lines, "the command line cannot have it"
    assert "model=network)" in lines["PyTorch"]


def test_tokens() -> None:
    lines = by_title(ODD / "front" / "0007", form=InputForm((12,), vocabulary=50))
    batch = lines["PyTorch"].splitlines()[-1].removeprefix("outputs = member(").removesuffix(")")
    tokens = eval(batch, {"torch": torch})
    assert (tokens.shape, tokens.dtype) == ((1, 12), torch.int64)
    assert isinstance(nn.Embedding(50, 2)(tokens), torch.Tensor)
    assert "np.zeros((1, 12), np.int64)" in lines["onnxruntime"]
