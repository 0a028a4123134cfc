"""Data sets on the Hugging Face hub: `hub:ylecun/mnist`, with `:config=NAME` where there are several."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator
from typing import Any

from heredity.development.datasets.folder import SPLITS
from heredity.development.datasets.options import Options
from heredity.development.datasets.table import splits_of
from heredity.development.extras import library
from heredity.development.task import Task, make_task
from heredity.errors import DataError

PREFIX = "hub:"
"""What tells a hub's name from a folder's."""


def hub_task(name: str, options: Options, *, seed: int) -> Task:
    """The task of a data set on the hub, downloaded once into Hugging Face's own cache.

    Its splits are found by their names, its columns as in tables, its classes also by their type.

    Raises:
        DataError: it cannot be reached or found, or has no training split or columns that can be learnt from.
        InputError: `datasets` is not installed.
    """
    datasets = library("datasets", "which reads the hub")
    try:
        with _quiet():
            loaded: dict[str, Any] = datasets.load_dataset(name, options.config)
    except Exception as error:
        said = str(error).strip().splitlines() or [""]
        remedy = "check its name and the network, or give a folder or parquet files"
        raise DataError.of(
            f"data set {name} on the Hugging Face hub", f"{type(error).__name__}: {said[0]}", remedy
        ) from error
    parts = {kind: loaded[split] for kind, names in SPLITS.items() for split in names if split in loaded}
    if "train" not in parts:
        raise DataError.of(f"a split train in {name}", ", ".join(loaded), "choose another data set")
    features = parts["train"].features
    named = {c: tuple(feature.names) for c, feature in features.items() if type(feature).__name__ == "ClassLabel"}
    tables = [part.with_format("arrow")[:] for part in parts.values()]
    splits, classes = splits_of(tables, options, f"{PREFIX}{name}", named)
    found = dict(zip(parts, splits, strict=True))
    return make_task(
        f"{PREFIX}{name}", found["train"], found.get("validation"), found.get("test"), seed=seed, classes=classes
    )


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """The hub's client tells of every retry, half a minute long; what comes of it is said once, by us."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
