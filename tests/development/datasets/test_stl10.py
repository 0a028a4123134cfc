from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from heredity.development.datasets import load_task
from heredity.errors import DataError
from heredity.testing.refusals import expect_one_line


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """30 and 20 images in the layout of the original."""
    monkeypatch.setattr("heredity.development.datasets.stl10.VALIDATION", 6)
    place, coins = tmp_path / "stl10_binary", np.random.default_rng(0)
    place.mkdir()
    for kind, n in (("train", 30), ("test", 20)):
        coins.integers(256, size=n * 3 * 96 * 96, dtype=np.uint8).tofile(place / f"{kind}_X.bin")
        (np.arange(n) % 10 + 1).astype(np.uint8).tofile(place / f"{kind}_y.bin")
    return tmp_path


def test_as_torchvision_reads_it(folder: Path) -> None:
    task = load_task("stl10", seed=0, data_dir=folder)
    assert [len(s) for s in (task.train, task.validation, task.test)] == [24, 6, 20]
    assert (task.n_classes, task.inputs.shape, task.augmentation) == (10, (3, 96, 96), ("crop", "flip"))
    assert task.classes[7] == "monkey"
    vision = pytest.importorskip("torchvision.datasets")
    theirs = vision.STL10.__new__(vision.STL10)
    theirs.root, theirs.base_folder = str(folder), "stl10_binary"
    images, labels = theirs._STL10__loadfile("test_X.bin", "test_y.bin")
    assert torch.equal(task.test.inputs, torch.from_numpy(np.ascontiguousarray(images)))
    assert task.test.labels.tolist() == labels.tolist()


@pytest.mark.parametrize("file", ["train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin"])
def test_files_that_are_missing_or_cut(folder: Path, file: str) -> None:
    path = folder / "stl10_binary" / file
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError) as caught:
        load_task("stl10", seed=0, data_dir=folder)
    expect_one_line(caught, "27,648 bytes an image", file[:-5])
    path.unlink()
    with pytest.raises(DataError) as caught:
        load_task("stl10", seed=0, data_dir=folder)
    expect_one_line(caught, f"the file {file} in {path.parent}", "no such file")
