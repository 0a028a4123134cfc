from __future__ import annotations

import io
import logging
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from heredity.development.datasets import load_task
from heredity.errors import DataError
from heredity.testing.refusals import expect_one_line

datasets = pytest.importorskip("datasets")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What stands in for the hub: data sets by name."""
    there: dict[str, object] = {}
    monkeypatch.setattr(datasets, "load_dataset", lambda name, config=None: there[f"{name}{config or ''}"])
    return there


def pictures(n: int) -> dict[str, list[object]]:
    contents = []
    for i in range(n):
        buffer = io.BytesIO()
        Image.fromarray(np.full((3, 4), i, np.uint8)).save(buffer, "PNG")
        contents.append({"bytes": buffer.getvalue(), "path": None})
    return {"image": contents, "digit": [i % 2 for i in range(n)], "id": [str(i) for i in range(n)]}


def test_images_and_classes_by_their_types(hub: dict[str, object]) -> None:
    features = datasets.Features(
        {"image": datasets.Image(), "digit": datasets.ClassLabel(names=["odd", "even"]), "id": datasets.Value("string")}
    )
    parts = {name: datasets.Dataset.from_dict(pictures(n), features) for name, n in (("train", 30), ("test", 8))}
    hub["someone/digits"] = datasets.DatasetDict(parts)
    task = load_task("hub:someone/digits", seed=0)
    assert (task.name, task.classes, task.inputs.shape) == ("hub:someone/digits", ("odd", "even"), (1, 3, 4))
    assert [len(s) for s in (task.train, task.validation, task.test)] == [27, 3, 8]
    assert torch.equal(task.test.inputs[:, 0, 0, 0], torch.arange(8, dtype=torch.uint8))
    assert task.test.labels.tolist() == [0, 1] * 4
    turned = parts["train"].select([*range(29, -1, -1)])  # which only keeps an index
    hub["someone/digitsturned"] = datasets.DatasetDict(train=turned, dev=parts["test"], test=parts["test"])
    task = load_task("hub:someone/digits:config=turned", seed=0)
    assert task.train.inputs[:4, 0, 0, 0].tolist() == [29, 28, 27, 26]
    assert len(task.validation) == 8


def test_no_training_split(hub: dict[str, object]) -> None:
    hub["x"] = datasets.DatasetDict(test=datasets.Dataset.from_dict({"a": [1.0], "label": [0]}))
    with pytest.raises(DataError) as caught:
        load_task("hub:x", seed=0)
    expect_one_line(caught, "a split train in x", "came test")


def test_a_hub_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError) as caught:
        load_task("hub:nobody/has-this-one", seed=0)
    expect_one_line(caught, "data set nobody/has-this-one on the Hugging Face hub", "check its name and the network")


def test_retries_are_not_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("huggingface_hub")
    level = logger.level

    def unreachable(name: str, config: str | None) -> None:
        logger.getChild("utils._http").warning("Retrying in 1s [Retry 1/5].")
        raise ConnectionError("Couldn't reach it\nwith many words")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(DataError) as caught:
        load_task("hub:someone/digits", seed=0)
    expect_one_line(caught, "came ConnectionError: Couldn't reach it; check its name")
    assert not caplog.records
    assert logger.level == level


def test_a_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ValueError, match=r"expected datasets, which reads the hub; came .*; pip install .heredity"):
        load_task("hub:x", seed=0)
