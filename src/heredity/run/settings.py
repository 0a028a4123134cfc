"""How a run was started: what `run.json` holds, and all that resuming needs."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from heredity.anatomy.constructor import Constructor
from heredity.anatomy.inputs import InputForm
from heredity.errors import InputError, StoreError
from heredity.run.targets import Targets
from heredity.store.files import io_errors
from heredity.store.folder import RunFolder, read_json

FORMAT = 1
"""Of `run.json`; a file with a larger number was written by a newer version."""


class RunSettings(msgspec.Struct, frozen=True):
    """Settings of a run. `data` and `strategy` are names that `heredity.api.names` knows, `task` the data's digest.

    Exactly one of `generations` and `budget_seconds` bounds the run. `graph_bytes` is what an ONNX file of this family
    weighs beside its weights. `criterion` is what is learnt (`Criterion.record`), `classes` are the classes' names, if
    they have some; both come again with the data. `device` is where newborns train.
    """

    constructor: Constructor
    inputs: InputForm
    data: str
    task: str
    n_classes: int
    strategy: str
    strategy_settings: dict[str, Any]
    seed: int
    generations: int | None
    budget_seconds: float | None
    cost: str
    targets: Targets
    workers: int
    graph_bytes: int
    data_dir: str | None = None
    criterion: dict[str, Any] = {}
    classes: tuple[str, ...] = ()
    device: str = "cpu"
    format: int = FORMAT


class _Written(msgspec.Struct):
    """The part of `run.json` that every version writes."""

    format: int


def read_settings(folder: RunFolder) -> RunSettings:
    """How the run in a folder was started.

    Raises:
        StoreError: there is no run, a newer version wrote it, or it is damaged.
    """
    with io_errors(folder.settings):
        present = folder.settings.exists()
    if not present:
        came = f"a folder without {folder.settings.name}" if folder.path.is_dir() else "no such folder"
        raise StoreError(f"expected a run in {folder.path}; came {came}; check the path, or start a new run there")
    written = read_json(folder.settings, _Written).format
    if written > FORMAT:
        raise StoreError(
            f"expected {folder.settings} of format {FORMAT} at most; came format {written}; "
            f"install the newer heredity that wrote it"
        )
    return read_json(folder.settings, RunSettings)


def check_horizon(generations: int | None, budget_seconds: float | None) -> None:
    """Refuses a run without an end.

    Raises:
        InputError: both, neither, or none above zero.
    """
    if (generations is None) == (budget_seconds is None):
        came = "neither" if generations is None else "both"
        raise InputError.of("a number of generations or a budget of time", came, "give --generations N or --budget 10m")
    if generations is not None and generations < 1:
        raise InputError.of("at least 1 generation", generations, "give --generations 5, say")
    if budget_seconds is not None and not 0 < budget_seconds < math.inf:
        raise InputError.of("a budget above 0", f"{budget_seconds} s", "give --budget 10m, say")
