from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from pyarrow import parquet

from heredity.development.datasets import load_task
from heredity.errors import DataError
from heredity.testing.refusals import expect_one_line

from .conftest import rows


def test_real_images(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of the real ones; decoding all takes ten seconds."""
    monkeypatch.setattr("heredity.development.datasets.cifar10.VALIDATION", 50)
    (tmp_path / "cifar10").mkdir()
    parts = {}
    for kind, n in (("train", 300), ("test", 100)):
        part = parquet.read_table(data_dir / "cifar10" / f"{kind}.parquet").slice(0, n)
        parquet.write_table(part, tmp_path / "cifar10" / f"{kind}.parquet")
        parts[kind] = part.to_pylist()
    task = load_task("cifar10", seed=0, data_dir=tmp_path)
    assert [len(s) for s in (task.train, task.validation, task.test)] == [250, 50, 100]
    assert (task.n_classes, task.inputs.shape, task.augmentation) == (10, (3, 32, 32), ("crop", "flip"))
    theirs = [np.asarray(Image.open(io.BytesIO(row["img"]["bytes"]))) for row in parts["test"]]
    assert torch.equal(task.test.inputs, torch.from_numpy(np.stack(theirs)).permute(0, 3, 1, 2))
    assert task.test.labels.tolist() == [row["label"] for row in parts["test"]]
    assert len(set(rows(task.train, task.validation))) >= 299
    few = load_task("cifar10:10%", seed=0, data_dir=tmp_path)
    assert [len(s) for s in (few.train, few.validation, few.test)] == [25, 5, 100]
    assert few.augmentation == task.augmentation
    assert load_task("cifar10:10%,augment=none", seed=0, data_dir=tmp_path).augmentation == ()
    assert few.n_classes == 10, "whatever classes so few examples are of"


def test_missing_files_and_columns(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_task("cifar10", seed=0, data_dir=tmp_path)
    expect_one_line(caught, f"a parquet file {tmp_path / 'cifar10' / 'train.parquet'}", "no such file")
    (tmp_path / "cifar10").mkdir()
    for kind in ("train", "test"):
        parquet.write_table(pa.table({"image": [b""], "label": [0]}), tmp_path / "cifar10" / f"{kind}.parquet")
    with pytest.raises(DataError) as caught:
        load_task("cifar10", seed=0, data_dir=tmp_path)
    expect_one_line(caught, "a column 'img' in cifar10", "it has columns image, label")
