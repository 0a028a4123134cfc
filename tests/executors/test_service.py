from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import torch

from heredity.development.task import Split
from heredity.executors.service import to_bytes
from heredity.testing.executors import Village


def test_a_nursery_travels_by_value(tmp_path: Path) -> None:
    nursery = Village(tmp_path).nursery
    came = pickle.loads(to_bytes(nursery))  # our own bytes
    for kind in ("train", "validation"):
        sent, arrived = getattr(nursery.task, kind), getattr(came.task, kind)
        assert torch.equal(sent.inputs, arrived.inputs)
        assert torch.equal(sent.labels, arrived.labels)
        assert sent.digest == arrived.digest
    assert replace(came, task=nursery.task) == nursery


def test_newborns_never_see_the_test_split(tmp_path: Path) -> None:
    came = pickle.loads(to_bytes(Village(tmp_path).nursery))  # our own bytes
    assert len(came.task.test) == 0


def test_what_a_split_is_a_view_of_stays_at_home(tmp_path: Path) -> None:
    nursery = Village(tmp_path).nursery
    large = torch.zeros(100_000, 12)
    view = Split(large[:10], torch.arange(10))
    assert len(to_bytes(replace(nursery, task=replace(nursery.task, train=view)))) < 50_000
