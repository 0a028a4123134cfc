"""`heredity report`, on a run in which nobody was born yet: what the page says of others, tests/report looks at."""

from __future__ import annotations

from pathlib import Path

from heredity.store.folder import RunFolder, write_json
from heredity.store.store import Store
from heredity.testing.runs import some_settings

from .conftest import Heredity


def begun(folder: Path) -> None:
    """A run that was killed before its first birth was recorded."""
    Store.create(folder).close()
    write_json(RunFolder(folder).settings, some_settings())


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
