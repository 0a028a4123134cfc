"""Images in a file are, batch by batch, what they would be in memory."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from heredity.anatomy.body import Deployed
from heredity.anatomy.inputs import InputForm
from heredity.development.loop import train
from heredity.development.mapped import Mapped
from heredity.development.recipe import Recipe
from heredity.development.task import LOOKED_AT, Split, make_task
from heredity.executors.base import Nursery
from heredity.executors.service import to_bytes
from heredity.measures.error import predict

IMAGES = torch.randint(256, (50, 3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(50) % 3


@pytest.fixture
def mapped(tmp_path: Path) -> Mapped:
    np.save(tmp_path / "images.npy", IMAGES.numpy())
    return Mapped(tmp_path / "images.npy", "a digest", torch.arange(50))


def test_what_is_asked_for_is_what_a_tensor_gives(mapped: Mapped) -> None:
    order = torch.randperm(50)[:20]
    for held, plain in ((mapped, IMAGES), (mapped.take(order), IMAGES[order]), (mapped.take(slice(3, 9)), IMAGES[3:9])):
        assert held.shape == plain.shape
        assert (len(held), held.dtype) == (len(plain), plain.dtype)
        for at in (slice(2), slice(None), torch.tensor([5, 0, 5])):
            assert torch.equal(held[at], plain[at])
        for one, other in zip(held.split(7), plain.split(7), strict=True):
            assert torch.equal(one, other)


def test_a_network_learns_and_answers_the_same(mapped: Mapped) -> None:
    form = InputForm((3, 4, 5), (0.5,) * 3, (0.3,) * 3)
    answers = list[torch.Tensor]()
    for inputs in (IMAGES, mapped):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(24, 3))
        recipe = Recipe(steps=5, batch_size=20, augmentation=("resized-crop", "flip"))
        train(network, Split(inputs, LABELS), form, recipe, seed=0)
        answers.append(predict(Deployed(network, form), inputs, batch_size=7))
    assert torch.equal(*answers)


def test_tasks_of_them(mapped: Mapped, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, held = (make_task("t", Split(inputs, LABELS), seed=3) for inputs in (IMAGES, mapped))
    assert held.inputs == plain.inputs
    for kind in ("train", "validation", "test"):
        one, other = getattr(held, kind), getattr(plain, kind)
        assert isinstance(one.inputs, Mapped), "drawn splits stay in the file"
        assert torch.equal(one.inputs[:], other.inputs)
        assert torch.equal(one.labels, other.labels)
    others = [
        make_task("t", Split(dataclasses.replace(mapped, digest="another"), LABELS), seed=3),
        make_task("t", Split(mapped, LABELS), seed=4),
        make_task("t", Split(mapped.take(torch.arange(50).flip(0)), LABELS), seed=3),
    ]
    assert len({held.digest, *(task.digest for task in others)}) == 4
    monkeypatch.setattr("heredity.development.task.LOOKED_AT", 2)
    few = make_task("t", *[Split(mapped, LABELS)] * 3, seed=3).inputs
    seen = IMAGES[[0, 49]].double() / 255
    assert few.mean == pytest.approx(seen.mean((0, 2, 3)).tolist(), abs=1e-4)
    assert LOOKED_AT > 2


def test_they_travel_by_their_path(tmp_path: Path) -> None:
    images = np.zeros((400, 3, 32, 32), np.uint8)
    np.save(tmp_path / "images.npy", images)
    split = Split(Mapped(tmp_path / "images.npy", "a digest", torch.arange(400)), torch.arange(400) % 2)
    task = make_task("t", split, seed=0)
    assert not task.train.inputs[:].any(), "also when the file has been opened"
    sent = to_bytes(Nursery(task, tmp_path, tmp_path))
    assert len(sent) < images.nbytes / 50
    came = pickle.loads(sent).task
    assert came.train.digest == task.train.digest
    assert torch.equal(came.validation.inputs[:], task.validation.inputs[:])
