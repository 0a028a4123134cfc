from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from heredity.development.datasets import load_task
from heredity.development.task import Split
from heredity.errors import DataError
from heredity.testing.refusals import expect_one_line

from .conftest import rows


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


class TestMnist:
    @pytest.fixture(autouse=True)
    def _few_for_validation(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("heredity.development.datasets.mnist.VALIDATION", 40)

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """240 and 30 images of 4x5 pixels in idx files, some packed and some not."""
        raw, rng = tmp_path / "MNIST" / "raw", np.random.default_rng(0)
        raw.mkdir(parents=True)
        for stem, n in (("train", 240), ("t10k", 30)):
            images = rng.integers(256, size=(n, 4, 5), dtype=np.uint8)
            (raw / f"{stem}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
            (raw / f"{stem}-labels-idx1-ubyte").write_bytes(idx((np.arange(n) % 10).astype(np.uint8)))
        return tmp_path

    @staticmethod
    def read(folder: Path, stem: str) -> Split:
        """By numpy, past the headers."""
        raw = folder / "MNIST" / "raw"
        pixels = np.frombuffer(gzip.decompress((raw / f"{stem}-images-idx3-ubyte.gz").read_bytes())[16:], np.uint8)
        labels = np.frombuffer((raw / f"{stem}-labels-idx1-ubyte").read_bytes()[8:], np.uint8)
        return Split(torch.tensor(pixels.reshape(-1, 1, 4, 5)), torch.tensor(labels))

    def test_files_are_read_and_split(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        task = load_task("mnist", seed=0, data_dir=folder)
        assert [len(s) for s in (task.train, task.validation, task.test)] == [200, 40, 30]
        assert task.test.digest == Split(*_long(self.read(folder, "t10k"))).digest, "in its own order"
        assert rows(task.train, task.validation) == rows(self.read(folder, "train"))
        assert task.inputs.shape == (1, 4, 5)
        monkeypatch.setenv("HEREDITY_DATA", str(folder))
        assert load_task("mnist", seed=0).digest == task.digest != load_task("mnist", seed=1).digest

    def test_ten_percent(self, folder: Path) -> None:
        whole, part = (load_task(name, seed=3, data_dir=folder) for name in ("mnist", "mnist:10%"))
        assert [len(s) for s in (part.train, part.validation, part.test)] == [20, 4, 30]
        assert set(rows(part.train)) <= set(rows(whole.train))
        assert set(rows(part.validation)) <= set(rows(whole.validation))
        assert part.digest == load_task("mnist:10%", seed=3, data_dir=folder).digest

    @pytest.mark.parametrize(
        "damage",
        [
            lambda raw: b"",
            lambda raw: raw[:3],
            lambda raw: raw[: len(raw) // 2],
            lambda raw: raw[:40] + b"\xff" * 40 + raw[80:],
            lambda raw: gzip.compress(gzip.decompress(raw)[:-7]),
            lambda raw: gzip.compress(b"\0\0\x08"),
            lambda raw: gzip.compress(b"not an idx file at all"),
            None,
        ],
    )
    def test_damaged_files_are_named(self, folder: Path, damage: Callable[[bytes], bytes] | None) -> None:
        path = folder / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
        raw = path.read_bytes()
        path.unlink()
        if damage is not None:
            path.write_bytes(damage(raw))
        with pytest.raises(DataError) as caught:
            load_task("mnist", seed=0, data_dir=folder)
        expect_one_line(caught, "train-images-idx3-ubyte[.gz]", str(path.parent))

    @pytest.mark.parametrize("n", [239, 241])
    def test_images_and_labels_of_different_number(self, folder: Path, n: int) -> None:
        labels = folder / "MNIST" / "raw" / "train-labels-idx1-ubyte"
        labels.write_bytes(idx((np.arange(n) % 10).astype(np.uint8)))
        with pytest.raises(DataError) as caught:
            load_task("mnist", seed=0, data_dir=folder)
        expect_one_line(caught, f"240 and {n}")

    def test_no_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("HEREDITY_DATA", raising=False)
        with pytest.raises(DataError) as caught:
            load_task("mnist", seed=0)
        expect_one_line(caught, "--data-dir", "HEREDITY_DATA")
        with pytest.raises(DataError) as caught:
            load_task("mnist", seed=0, data_dir=tmp_path / "missing")
        expect_one_line(caught, str(tmp_path / "missing"))


def _long(split: Split) -> tuple[torch.Tensor, torch.Tensor]:
    return split.inputs, split.labels.long()


def test_the_real_mnist(data_dir: Path) -> None:
    task = load_task("mnist", seed=0, data_dir=data_dir)
    assert [len(s) for s in (task.train, task.validation, task.test)] == [54_000, 6_000, 10_000]
    assert task.inputs.mean == pytest.approx((0.1307,), abs=2e-3)
    assert task.inputs.std == pytest.approx((0.3081,), abs=2e-3)
    assert task.test.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
