from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from heredity.development.datasets import load_task
from heredity.errors import DataError
from heredity.testing.refusals import expect_one_line


def paint(place: Path, shade: int, n: int = 8, size: tuple[int, int] = (4, 5)) -> Path:
    """So many images of one class: of its shade, each with a pixel of its own."""
    place.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        image = np.full((*size, 3), shade, np.uint8)
        image[0, 0] = i
        Image.fromarray(image).save(place / f"{i}.png")
    return place


def test_class_folders(tmp_path: Path) -> None:
    for shade, name in ((100, "daisy"), (200, "aster"), (50, "rose")):
        paint(tmp_path / name, shade, 10)
    (tmp_path / "daisy" / "more").mkdir()
    (tmp_path / "daisy" / "0.png").rename(tmp_path / "daisy" / "more" / "0.PNG")
    (tmp_path / "daisy" / "notes.txt").write_text("not an image")
    (tmp_path / "daisy" / "._1.png").write_text("what other systems leave behind")
    (tmp_path / ".cache").mkdir()
    task = load_task(str(tmp_path), seed=0)
    assert task.classes == ("aster", "daisy", "rose")
    assert (task.n_classes, task.inputs.shape) == (3, (3, 4, 5))
    assert [len(s) for s in (task.train, task.validation, task.test)] == [22, 3, 5]
    for split in (task.train, task.validation, task.test):
        assert torch.equal(split.inputs[:, 0, 1, 1], torch.tensor([200, 100, 50], dtype=torch.uint8)[split.labels])
    assert load_task(str(tmp_path), seed=0).digest == task.digest != load_task(str(tmp_path), seed=1).digest


@pytest.mark.parametrize(("names", "sizes"), [(("train", "val", "test"), [20, 4, 6]), (("Train", "test"), [18, 2, 6])])
def test_folders_of_splits(tmp_path: Path, names: tuple[str, ...], sizes: list[int]) -> None:
    for name, n in zip(names, (10, 2, 3) if "val" in names else (10, 3), strict=True):
        for shade in (10, 9):
            paint(tmp_path / name / str(shade), shade, n)
    (tmp_path / "attic").mkdir()
    task = load_task(f"{tmp_path}/", seed=0)
    assert task.classes == ("9", "10"), "numbers by value"
    assert [len(s) for s in (task.train, task.validation, task.test)] == sizes
    assert torch.equal(task.test.inputs[:, 0, 1, 1], task.test.labels.byte() + 9)


def test_options(tmp_path: Path) -> None:
    paint(tmp_path / "a", 1, 20, (6, 4))
    paint(tmp_path / "b", 2, 20, (4, 6))
    task = load_task(f"{tmp_path}:size=3x2,50%", seed=0)
    assert task.inputs.shape == (3, 3, 2)
    assert len(task.train) == 15
    with pytest.raises(DataError) as caught:
        load_task(str(tmp_path), seed=0)
    expect_one_line(caught, f"4x6 in a/0.png in {tmp_path}, 6x4 in b/0.png in {tmp_path}", ":size=")


class TestRefusals:
    def refused(self, folder: Path, *words: str) -> None:
        with pytest.raises(DataError) as caught:
            load_task(str(folder), seed=0)
        expect_one_line(caught, *words)

    def test_an_empty_folder(self, tmp_path: Path) -> None:
        self.refused(tmp_path, f"a folder for each class in {tmp_path}", "came an empty one")

    def test_no_class_folders(self, tmp_path: Path) -> None:
        paint(tmp_path, 1, 3)
        self.refused(tmp_path, "a folder for each class", "came 3 images without any")

    def test_other_files_only(self, tmp_path: Path) -> None:
        (tmp_path / "readme").write_text("")
        self.refused(tmp_path, "came a folder without any")

    def test_a_class_without_images(self, tmp_path: Path) -> None:
        paint(tmp_path / "a", 1)
        (tmp_path / "b").mkdir()
        (tmp_path / "b" / "notes.txt").write_text("")
        self.refused(tmp_path, f"images in {tmp_path / 'b'}", "came none", "or remove the folder")

    def test_one_class(self, tmp_path: Path) -> None:
        paint(tmp_path / "a", 1, 30)
        self.refused(tmp_path, "at least 2 classes")

    def test_a_class_that_training_lacks(self, tmp_path: Path) -> None:
        for name in ("train/a", "train/b", "test/a", "test/c"):
            paint(tmp_path / name, 1)
        self.refused(tmp_path, "classes that training has too", "came c in", "training has a, b")

    def test_no_training_folder(self, tmp_path: Path) -> None:
        for name in ("val/a", "test/a"):
            paint(tmp_path / name, 1)
        self.refused(tmp_path, "a folder train", "only test, val")

    def test_a_damaged_image(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            paint(tmp_path / name, 1)
        (tmp_path / "b" / "3.png").write_bytes((tmp_path / "b" / "3.png").read_bytes()[:50])
        self.refused(tmp_path, f"b/3.png in {tmp_path} to be an image", "replace or remove it")
