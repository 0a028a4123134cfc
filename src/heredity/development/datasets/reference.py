"""Data references: which form of data a name, a path or a callable is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from heredity.anatomy.constructor import resolve
from heredity.development.datasets.cifar10 import cifar10
from heredity.development.datasets.digits import digits
from heredity.development.datasets.folder import folder_task
from heredity.development.datasets.fsdd import fsdd
from heredity.development.datasets.given import as_task
from heredity.development.datasets.hub import PREFIX, hub_task
from heredity.development.datasets.images import Reading, silently
from heredity.development.datasets.mnist import mnist
from heredity.development.datasets.options import SPEECH_OPTIONS, Options, known_options, parse
from heredity.development.datasets.stl10 import stl10
from heredity.development.datasets.table import parquet_task
from heredity.development.task import Split, Task, checked_task, make_task
from heredity.errors import DataError, InputError

DATASETS: dict[str, Callable[[int, str | Path | None], Task]] = {
    "digits": digits,
    "mnist": mnist,
    "cifar10": cifar10,
    "stl10": stl10,
    "fsdd": fsdd,
}
"""Data sets that `--data` knows by name."""


def load_task(reference: str, *, seed: int, data_dir: str | Path | None = None, reading: Reading = silently) -> Task:
    """The task of a data reference, each with options behind a colon (see `options`).

    A name of `DATASETS`; the path of a folder of class folders; parquet files, `train.parquet,test.parquet`; a data set
    on a hub, `hub:owner/name`; or `file.py:callable` or `package.module:callable`, which gives what `as_task` takes. A
    folder with the name of a data set is reached as `./mnist`. `data_dir` (else the environment's HEREDITY_DATA) says
    where data sets by name lie. Splits that the data does not have are drawn, seeded by `seed`. `reading` is told how
    many images of a folder have been decoded.

    Raises:
        DataError: the data is missing, damaged or cannot be learnt from.
        InputError: no such name, file, callable or option; or a library is not installed.
    """
    place, options = parse(reference)
    try:
        task = _load(place, options, seed, data_dir, reading)
    except OSError as error:
        raise DataError.of(f"to be able to read {place}", f"{type(error).__name__}: {error}", "check it") from error
    return task if options.share is None else _subset(task, options.share, seed, reference)


def _load(place: str, options: Options, seed: int, data_dir: str | Path | None, reading: Reading) -> Task:
    if place == "fsdd":
        options.allow(*SPEECH_OPTIONS, form=place)
        return fsdd(seed, data_dir, options)
    if place in DATASETS:
        options.allow("augment", form=place)
        task = DATASETS[place](seed, data_dir)
        return task if options.augment is None else checked_task(replace(task, augmentation=options.augment))
    if place.startswith(PREFIX):
        options.allow("label", "input", "size", "config", form=place)
        return hub_task(place.removeprefix(PREFIX), options, seed=seed)
    if place.endswith(".parquet"):
        options.allow("label", "input", "size", form="parquet files")
        return parquet_task([Path(path) for path in place.split(",")], options, seed=seed, name=place)
    if Path(place).is_dir():
        options.allow("size", "cache", "augment", form="a folder of images")
        return folder_task(Path(place), options, seed=seed, reading=reading)
    if ":" not in place and "/" in place:
        remedy = "check the path; parquet files end in .parquet, hub names begin with hub:"
        raise InputError.of(f"a folder {place}", "none", remedy)
    name, _, option = place.partition(":")
    if name in DATASETS:
        known = SPEECH_OPTIONS if name == "fsdd" else ()
        raise InputError.of(f"options of {name}", repr(option), known_options(known))
    options.allow(form=place)
    function, _ = resolve(place, "data", DATASETS)
    try:
        given = function()
    except InputError:  # of a callable that uses our own functions
        raise
    except (Exception, SystemExit) as error:
        raise DataError.of(f"{place} to give data", f"{type(error).__name__}: {error}", "fix it") from error
    return as_task(given, seed=seed, name=place)


def _subset(task: Task, share: float, seed: int, name: str) -> Task:
    """The task with a seeded part of its training and validation examples; the test split stays whole."""

    def cut(split: Split, kind: str) -> Split:
        generator = torch.Generator().manual_seed(seed * 2 + (kind == "train"))
        return split.take(torch.randperm(len(split), generator=generator)[: max(1, round(share * len(split)))])

    return make_task(
        name,
        cut(task.train, "train"),
        cut(task.validation, "validation"),
        task.test,
        seed=seed,
        augmentation=task.augmentation,
        criterion=task.criterion,
        classes=task.classes,
        audio=task.inputs.audio,
    )
