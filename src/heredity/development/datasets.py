"""Data sets by name, and tasks from what a user has: pairs of tensors, torch data sets, a callable that gives them."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Sequence
from operator import index
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from heredity.anatomy.constructor import resolve
from heredity.development.task import Split, Task, checked_task, make_task
from heredity.errors import DataError

MNIST_VALIDATION = 6000
"""Training images of MNIST that are held out for selection."""


def load_task(reference: str, *, seed: int, data_dir: str | Path | None = None) -> Task:
    """The task of a data reference.

    `data_dir` (else the environment's HEREDITY_DATA) says where data sets lie. Splits that the data does not have are
    drawn, seeded by `seed`.

    Raises:
        DataError: the data is missing, damaged or cannot be learnt from.
        InputError: no such name, file or callable.
    """
    name, _, share = (
        reference.partition(":") if not reference.partition(":")[0].endswith(".py") else (reference, "", "")
    )
    if name in DATASETS and (not share or share.endswith("%")):
        task = DATASETS[name](seed, data_dir)
        return _subset(task, share, seed) if share else task
    function, _ = resolve(reference, "data", DATASETS)
    try:
        given = function()
    except (Exception, SystemExit) as error:
        raise DataError.of(f"{reference} to give data", f"{type(error).__name__}: {error}", "fix it") from error
    return as_task(given, seed=seed, name=reference)


def as_task(given: Any, *, seed: int, name: str = "data") -> Task:
    """A task from what a user hands over.

    A `Task`, a pair `(inputs, labels)` of tensors, a torch `Dataset`, or `(train, test)` or `(train, validation, test)`
    of either; missing splits are drawn, seeded.
    """
    if isinstance(given, Task):
        return checked_task(given)
    if not isinstance(given, (tuple, list)) or _is_pair(cast(Sequence[Any], given)):
        return make_task(name, _split(given, name), seed=seed)
    parts = cast(Sequence[Any], given)
    if len(parts) not in (2, 3):
        raise DataError.of("(train, test) or (train, validation, test)", f"{len(parts)} parts", "give two or three")
    train, *validation, test = (_split(part, name) for part in parts)
    return make_task(name, train, validation[0] if validation else None, test, seed=seed)


def _is_pair(parts: Sequence[Any]) -> bool:
    """Whether this is `(inputs, labels)` rather than `(train, test)`: two arrays."""
    return len(parts) == 2 and all(isinstance(p, (torch.Tensor, np.ndarray)) for p in parts)


def _split(given: Any, name: str) -> Split:
    if isinstance(given, Split):
        return given
    pair = isinstance(given, (tuple, list)) and _is_pair(cast(Sequence[Any], given))
    if not pair and (
        isinstance(given, (tuple, list)) or not (hasattr(given, "__getitem__") and hasattr(given, "__len__"))
    ):
        came = f"a {type(given).__name__} in {name}"
        raise DataError.of("a torch Dataset or a pair (inputs, labels) of tensors", came, "return one of these")
    try:
        if pair:
            inputs, labels = (torch.as_tensor(part) for part in given)
        else:
            examples = [given[i] for i in range(len(given))]
            inputs = torch.stack([torch.as_tensor(x) for x, _ in examples])
            labels = torch.tensor([index(y) for _, y in examples])
    except Exception as error:
        raise DataError.of(
            f"examples (input, label) of one shape in {name}", f"{type(error).__name__}: {error}", "check the data set"
        ) from error
    return Split(inputs, labels)


def _subset(task: Task, share: str, seed: int) -> Task:
    """The task with a seeded part of its training and validation examples; the test split stays whole."""
    try:
        part = float(share.removesuffix("%")) / 100
    except ValueError:
        part = 0.0
    if not 0 < part <= 1:
        raise DataError.of("a share such as mnist:10%", f"{task.name}:{share}", "give a number in (0, 100]")

    def cut(split: Split, kind: str) -> Split:
        generator = torch.Generator().manual_seed(seed * 2 + (kind == "train"))
        return split.take(torch.randperm(len(split), generator=generator)[: max(1, round(part * len(split)))])

    train, validation = cut(task.train, "train"), cut(task.validation, "validation")
    return make_task(f"{task.name}:{share}", train, validation, task.test, seed=seed, augmentation=task.augmentation)


def _digits(seed: int, data_dir: str | Path | None) -> Task:
    """1,797 digits of 8x8 pixels (UCI, from scikit-learn): a fifth for test, a fifth of the rest for validation."""
    from sklearn.datasets import load_digits  # heavy, and needed for this data set only

    pixels, labels = load_digits(return_X_y=True)  # from 0 to 16
    images = torch.from_numpy((pixels * (255 / 16)).round().astype(np.uint8)).reshape(-1, 1, 8, 8)
    everything = Split(images, torch.from_numpy(labels).long())
    order = torch.randperm(len(everything), generator=torch.Generator().manual_seed(seed))
    test, validation, train = order[:360], order[360:660], order[660:]
    return make_task("digits", everything.take(train), everything.take(validation), everything.take(test), seed=seed)


def _mnist(seed: int, data_dir: str | Path | None) -> Task:
    """MNIST in its own idx files, gzipped or not, in `MNIST/raw` of the data folder; 6,000 held out for validation."""
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
    order = torch.randperm(len(parts["train"]), generator=torch.Generator().manual_seed(seed))
    validation, train = order[:MNIST_VALIDATION], order[MNIST_VALIDATION:]
    return make_task("mnist", parts["train"].take(train), parts["train"].take(validation), parts["test"], seed=seed)


def data_folder(data_dir: str | Path | None) -> Path:
    """Where data sets lie.

    Raises:
        DataError: no folder is named, or it does not exist.
    """
    named = data_dir or os.environ.get("HEREDITY_DATA")
    if not named:
        raise DataError.of("a folder with data sets", "none", "give --data-dir DIR or set HEREDITY_DATA")
    if not Path(named).is_dir():
        raise DataError.of("a folder with data sets", f"{named}, which does not exist", "give another --data-dir")
    return Path(named)


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


DATASETS: dict[str, Callable[[int, str | Path | None], Task]] = {"digits": _digits, "mnist": _mnist}
"""Data sets that `--data` knows by name."""
