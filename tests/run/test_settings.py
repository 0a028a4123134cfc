from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from heredity.anatomy.constructor import Constructor
from heredity.anatomy.inputs import InputForm
from heredity.errors import InputError, StoreError
from heredity.run.settings import FORMAT, RunSettings, check_horizon, read_settings
from heredity.run.targets import Targets
from heredity.store.folder import RunFolder, write_json

SETTINGS = RunSettings(
    constructor=Constructor("lenet5", {"input_shape": [1, 8, 8]}, "structure"),
    inputs=InputForm((1, 8, 8)),
    data="digits",
    task="digest",
    n_classes=10,
    strategy="synthesis",
    strategy_settings={"population": 8},
    seed=0,
    generations=3,
    budget_seconds=None,
    cost="params",
    targets=Targets(max_params=100),
    workers=2,
    graph_bytes=700,
)


def test_settings_come_back(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    write_json(folder.settings, SETTINGS)
    assert read_settings(folder) == SETTINGS


def test_a_newer_version_is_refused_before_it_is_read(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.settings.write_text(json.dumps({"format": FORMAT + 1, "what": "this version does not know"}))
    with pytest.raises(StoreError, match=rf"of format {FORMAT} at most; came format {FORMAT + 1}; install the newer"):
        read_settings(folder)


@pytest.mark.parametrize("content", ["", "{", "{}", '{"format": 1}', "[]", '{"format": "x"}'])
def test_a_damaged_file(tmp_path: Path, content: str) -> None:
    folder = RunFolder(tmp_path)
    folder.settings.write_text(content)
    with pytest.raises(StoreError, match=r"expected a record in .*run.json; came .*; restore it from a copy"):
        read_settings(folder)


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(
        StoreError, match=r"expected a run in .*; came a folder without run.json; check the path, or start"
    ):
        read_settings(RunFolder(tmp_path))
    with pytest.raises(StoreError, match="came no such folder"):
        read_settings(RunFolder(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("generations", "seconds", "message"),
    [
        (None, None, "came neither"),
        (1, 1.0, "came both"),
        (0, None, "at least 1 generation; came 0"),
        (None, 0.0, "a budget above 0; came 0.0 s"),
        (None, -1.0, "a budget above 0"),
        (None, math.nan, "a budget above 0"),
        (None, math.inf, "a budget above 0"),
    ],
)
def test_a_run_has_one_end(generations: int | None, seconds: float | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_horizon(generations, seconds)
