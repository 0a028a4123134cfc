"""Where data sets by name lie."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from heredity.development.task import Split
from heredity.errors import DataError


def data_folder(data_dir: str | Path | None) -> Path:
    """The folder of data sets: what was named, else the environment's HEREDITY_DATA.

    Raises:
        DataError: no folder is named, or it does not exist.
    """
    named = data_dir or os.environ.get("HEREDITY_DATA")
    if not named:
        raise DataError.of("a folder with data sets", "none", "give --data-dir DIR or set HEREDITY_DATA")
    if not Path(named).is_dir():
        raise DataError.of("a folder with data sets", f"{named}, which does not exist", "give another --data-dir")
    return Path(named)


def held_out(train: Split, validation: int, seed: int) -> tuple[Split, Split]:
    """`(train, validation)`: so many training examples are held out for selection, seeded."""
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    return train.take(order[validation:]), train.take(order[:validation])
