"""The commands of docs/imagenet.md on a miniature of the folder that they are meant for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from .conftest import Heredity

CLASSES = ("n01440764", "n01443537", "n01484850", "n01491361")


@pytest.fixture
def miniature(tmp_path: Path) -> Path:
    """`train` and `val` of class folders of photographs, in colours by class and of unlike sizes; one of them grey."""
    coins = np.random.default_rng(0)
    for split, n in (("train", 12), ("val", 4)):
        for k, name in enumerate(CLASSES):
            place = tmp_path / "imagenet" / split / name
            place.mkdir(parents=True)
            for i in range(n):
                pixels = coins.integers(96, size=(20 + i, 30 - i, 3), dtype=np.uint8)
                pixels[..., k % 3] += np.uint8(60 + 90 * (k // 3))
                image = Image.fromarray(pixels)
                (image.convert("L") if (k, i) == (1, 2) else image).save(place / f"{name}_{i}.JPEG")
    return tmp_path / "imagenet"


@pytest.mark.slow
def test_a_family_on_image_net(heredity: Heredity, miniature: Path, tmp_path: Path) -> None:
    data = f"{miniature}:size=16,cache={tmp_path / 'cache'},augment=resized-crop+flip"
    out = tmp_path / "run"
    code, said, complaint = heredity(
        *("evolve", "--model", "resnet20", "--data", data, "--generations", 1, "--workers", 2, "--out", out),
        *("--set", "population=2", "--set", "steps=[6,3]"),
    )
    assert (code, complaint) == (0, ""), said
    front = json.loads((out / "front.json").read_text())
    assert front["individuals"] == 3
    for row in (front["ancestor"], *front["members"]):  # images change, so the teacher answers online, 32 at a time
        first = front["ancestor"]["macs"]
        steps = round(3 * (first / row["macs"]) ** 0.5) if row["parents"] else 6
        assert row["train_flops"] == steps * 32 * (6 * row["macs"] + (2 * first if row["parents"] else 0))
    session = onnxruntime.InferenceSession(out / front["members"][-1]["onnx"], providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"input": np.zeros((2, 3, 16, 16), np.float32)})
    assert logits.shape == (2, len(CLASSES))
    settings = json.loads((out / "run.json").read_text())
    assert settings["classes"] == list(CLASSES)
    assert heredity("verify", out).out == "3 individuals verified, 0 differences\n"


def refused(heredity: Heredity, miniature: Path, tmp_path: Path) -> str:
    data = f"{miniature}:size=16,cache={tmp_path / 'cache'}"
    code, _, complaint = heredity("evolve", "--data", data, "--generations", 1, "--out", tmp_path / "run")
    assert (code, complaint.count("\n")) == (2, 1)
    assert not (tmp_path / "run").exists()
    return complaint


def test_a_damaged_photograph_is_named(heredity: Heredity, miniature: Path, tmp_path: Path) -> None:
    path = miniature / "train" / CLASSES[2] / f"{CLASSES[2]}_5.JPEG"
    path.write_bytes(path.read_bytes()[:-200])
    assert f"train/{CLASSES[2]}/{path.name} in {miniature} to be an image" in refused(heredity, miniature, tmp_path)


def test_an_empty_class(heredity: Heredity, miniature: Path, tmp_path: Path) -> None:
    (miniature / "train" / "n02000000").mkdir()
    assert f"images in {miniature}/train/n02000000; came none" in refused(heredity, miniature, tmp_path)


def test_a_class_to_be_tested_that_was_not_learnt(heredity: Heredity, miniature: Path, tmp_path: Path) -> None:
    (miniature / "val" / "n02000000").mkdir()
    assert f"came n02000000 in {miniature}/val; training has n0" in refused(heredity, miniature, tmp_path)


def test_no_classes(heredity: Heredity, miniature: Path, tmp_path: Path) -> None:
    for place in (miniature / "train").iterdir():
        place.rename(miniature / place.name)
    assert f"a folder for each class in {miniature}/train; came an empty one" in refused(heredity, miniature, tmp_path)
