"""MNIST in its own idx files, gzipped or not, in `MNIST/raw` of the data folder."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import torch

from heredity.development.datasets.place import data_folder, held_out
from heredity.development.task import Split, Task, make_task
from heredity.errors import DataError

VALIDATION = 6000
"""Training images that are held out for selection."""


def mnist(seed: int, data_dir: str | Path | None) -> Task:
    """54,000 images for training, 6,000 for validation, 10,000 for test.

    Raises:
        DataError: a file is missing or damaged.
    """
    folder = data_folder(data_dir) / "MNIST" / "raw"
    parts = {
        kind: Split(
            _idx(folder / f"{stem}-images-idx3-ubyte")[:, None], _idx(folder / f"{stem}-labels-idx1-ubyte").long()
        )
        for kind, stem in (("train", "train"), ("test", "t10k"))
    }
    for split in parts.values():
        if len(split.inputs) != len(split.labels):
            came = f"{len(split.inputs)} and {len(split.labels)}"
            raise DataError.of(f"as many images as labels in {folder}", came, "fetch the files again")
    return make_task("mnist", *held_out(parts["train"], VALIDATION, seed), parts["test"], seed=seed)


def _idx(path: Path) -> torch.Tensor:
    """An idx file: two zero bytes, the type (8: bytes), the number of dimensions, their sizes, the content."""
    packed = path.with_name(path.name + ".gz")
    try:
        raw = gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()
        shape = [int.from_bytes(raw[4 + 4 * d : 8 + 4 * d], "big") for d in range(raw[3])]
        return torch.frombuffer(bytearray(raw[4 + 4 * len(shape) :]), dtype=torch.uint8).reshape(shape)
    except (OSError, EOFError, zlib.error, IndexError, RuntimeError, ValueError) as error:
        raise DataError.of(
            f"the idx file {path.name}[.gz] in {path.parent}", f"{type(error).__name__}: {error}", "fetch it again"
        ) from error
