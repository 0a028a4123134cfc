"""CIFAR-10 as parquet files of images, `cifar10/train.parquet` and `cifar10/test.parquet` of the data folder."""

from __future__ import annotations

from pathlib import Path

from heredity.development.datasets.options import Options
from heredity.development.datasets.place import data_folder, held_out
from heredity.development.datasets.table import read, splits_of
from heredity.development.task import Task, make_task

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

VALIDATION = 5000
"""Training images that are held out for selection."""


def cifar10(seed: int, data_dir: str | Path | None) -> Task:
    """45,000 images for training, cropped and mirrored, 5,000 for validation, 10,000 for test.

    Columns are `img`, {bytes, path}, and `label`. Decoding takes some ten seconds of one core.

    Raises:
        DataError: a file is missing or damaged.
        InputError: pyarrow or Pillow is not installed.
    """
    folder = data_folder(data_dir) / "cifar10"
    tables = [read(folder / f"{kind}.parquet") for kind in ("train", "test")]
    (train, test), _ = splits_of(tables, Options(label=("label",), input=("img",)), "cifar10")
    return make_task(
        "cifar10",
        *held_out(train, VALIDATION, seed),
        test,
        seed=seed,
        augmentation=("crop", "flip"),
        classes=CLASSES,
    )
