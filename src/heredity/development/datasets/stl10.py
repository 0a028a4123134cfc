"""STL-10 as torchvision lays it out: `stl10_binary/{train,test}_{X,y}.bin` of the data folder.

Images are 3x96x96 bytes, column by column (so that rows and columns change places); labels are bytes from 1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from heredity.development.datasets.place import data_folder, held_out
from heredity.development.task import Split, Task, make_task
from heredity.errors import DataError

CLASSES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")

VALIDATION = 500
"""Training images that are held out for selection."""


def stl10(seed: int, data_dir: str | Path | None) -> Task:
    """4,500 images for training, cropped and mirrored, 500 for validation, 8,000 for test; without the unlabelled ones.

    Raises:
        DataError: a file is missing or damaged.
    """
    folder = data_folder(data_dir) / "stl10_binary"
    train, test = (_split(folder, kind) for kind in ("train", "test"))
    parts = held_out(train, VALIDATION, seed)
    return make_task("stl10", *parts, test, seed=seed, augmentation=("crop", "flip"), classes=CLASSES)


def _split(folder: Path, kind: str) -> Split:
    images, labels = _bytes(folder / f"{kind}_X.bin"), _bytes(folder / f"{kind}_y.bin")
    if not len(labels) or len(images) != len(labels) * 3 * 96 * 96:
        came = f"{len(images):,} bytes for {len(labels):,} labels"
        raise DataError.of(f"27,648 bytes an image in {folder / f'{kind}_X.bin'}", came, "fetch the files again")
    columns_first = torch.from_numpy(images.reshape(-1, 3, 96, 96))
    return Split(columns_first.transpose(2, 3).contiguous(), torch.from_numpy(labels.astype(np.int64)) - 1)


def _bytes(path: Path) -> npt.NDArray[np.uint8]:
    try:
        return np.fromfile(path, np.uint8)
    except OSError as error:
        came = "no such file" if isinstance(error, FileNotFoundError) else str(error)
        raise DataError.of(
            f"the file {path.name} in {path.parent}", came, "fetch and unpack stl10_binary.tar.gz"
        ) from error
