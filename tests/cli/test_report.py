"""`heredity report`, on a run in which nobody was born yet: what the page says of others, tests/report looks at."""

from __future__ import annotations

from pathlib import Path

from heredity.anatomy.constructor import describe
from heredity.anatomy.inputs import InputForm
from heredity.run.settings import RunSettings
from heredity.run.targets import Targets
from heredity.store.folder import RunFolder, write_json
from heredity.store.store import Store

from .conftest import Heredity


def begun(folder: Path) -> None:
    """A run that was killed before its first birth was recorded."""
    Store.create(folder).close()
    settings = RunSettings(
        constructor=describe("lenet5", {"input_shape": (1, 8, 8), "n_classes": 10}),
        inputs=InputForm((1, 8, 8)),
        data="digits",
        task="digest",
        n_classes=10,
        strategy="synthesis",
        strategy_settings={},
        seed=0,
        generations=3,
        budget_seconds=None,
        cost="params",
        targets=Targets(),
        workers=0,
        graph_bytes=1000,
    )
    write_json(RunFolder(folder).settings, settings)


def test_the_path_is_told(heredity: Heredity, tmp_path: Path) -> None:
    begun(tmp_path)
    page = tmp_path / "report.html"
    assert heredity("report", tmp_path) == (0, f"{page}\n", "")
    text = page.read_text()
    assert text.startswith("<!doctype html>")
    assert "<title>lenet5 on digits" in text


def test_a_folder_without_a_run(heredity: Heredity, tmp_path: Path) -> None:
    code, out, err = heredity("report", tmp_path)
    assert (code, out) == (2, "")
    assert err.startswith(f"heredity: expected a run in {tmp_path}; came a folder without run.json; ")
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())
