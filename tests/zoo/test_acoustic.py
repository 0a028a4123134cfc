"""Acoustic models: what an answer sees, any number of frames, and that nothing but the output is fixed."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from heredity.anatomy.trace import trace
from heredity.errors import ModelError
from heredity.zoo import ZOO

NAMES = ("acoustic-mlp", "tdnn")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("framewise", [False, True])
def test_every_layer_is_a_family_and_only_the_output_is_fixed(name: str, framewise: bool) -> None:
    network = ZOO[name](input_shape=(12, 60), n_classes=5, framewise=framewise)
    anatomy = trace(network, (12, 60))
    assert [fixed.reason for fixed in anatomy.fixed] == ["output of the network"]
    assert set(anatomy.sizes.values()) == ({128} if name == "acoustic-mlp" else {64})
    assert len(anatomy.families) == (6 if name == "acoustic-mlp" else 4)
    assert anatomy.outputs == ((5, 7) if framewise else (5,))
    assert len(anatomy.folds) == len(anatomy.families), "all norms melt"


@pytest.mark.parametrize(
    ("name", "keywords", "around"),
    [("acoustic-mlp", {}, 5), ("acoustic-mlp", {"depth": 3, "reach": 1}, 5 + 2 * 9), ("tdnn", {}, 26)],
)
def test_an_answer_sees_so_many_frames_around_its_own(name: str, keywords: dict[str, int], around: int) -> None:
    network = ZOO[name](input_shape=(3, 181), n_classes=4, framewise=True, **keywords).eval()
    frames = torch.randn(1, 3, 181, generator=torch.Generator().manual_seed(0), requires_grad=True)
    network(frames)[0, :, 10].sum().backward()
    assert frames.grad is not None
    seen = frames.grad.abs().sum((0, 1)).nonzero().flatten().tolist()
    assert (seen[0], seen[-1]) == (90 - around, 90 + around)


@pytest.mark.parametrize("name", NAMES)
def test_the_whole_is_the_mean_of_its_frames_at_any_length(name: str) -> None:
    whole = ZOO[name](input_shape=(3, 40), n_classes=4).eval()
    by_frame = ZOO[name](input_shape=(3, 40), n_classes=4, framewise=True).eval()
    by_frame.load_state_dict(whole.state_dict())
    for frames in (1, 40, 131):
        batch = torch.randn(2, 3, frames)
        with torch.no_grad():
            assert torch.allclose(whole(batch), by_frame(batch).mean(2), atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_sequence_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match=r"^expected features of shape .*; came inputs of shape \(9,"):
        ZOO[name](input_shape=(9,), n_classes=3)


def test_each_keyword_changes_what_it_says() -> None:
    network = ZOO["tdnn"](input_shape=(12, 60), n_classes=5, width=8, width1=4, width3=6, depth=5, dropout=0.2)
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv1d)]
    assert [c.out_channels for c in convolutions] == [4, 8, 6, 8, 8, 5]
    assert sum(isinstance(m, torch.nn.Dropout) for m in network.modules()) == 5
    wide = ZOO["tdnn"](input_shape=(12, 60), n_classes=5, splice=4, reach=2, activation="tanh")
    kernels = [m.kernel_size[0] for m in wide.modules() if isinstance(m, torch.nn.Conv1d)]
    assert kernels == [9, 5, 5, 5, 1]
    assert not any(isinstance(m, torch.nn.ReLU) for m in wide.modules())
    deep = ZOO["acoustic-mlp"](input_shape=(12, 60), n_classes=5, depth=2)
    assert sum(isinstance(m, torch.nn.Conv1d) for m in deep.modules()) == 3


@pytest.mark.parametrize("keywords", [{"depth": 2}, {"activation": "step"}, {"dropout": 1.5}])
def test_keywords_that_make_no_network_are_refused(keywords: dict[str, Any]) -> None:
    with pytest.raises((ModelError, ValueError)):
        ZOO["tdnn"](**keywords)
