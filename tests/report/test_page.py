from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from plotly.offline import get_plotlyjs

from heredity.api import evolve as facade
from heredity.errors import StoreError
from heredity.report.page import render, write_report
from heredity.run.run import Run
from heredity.store.folder import RunFolder
from heredity.testing.runs import QUICK

from .conftest import somebody, told

HOSTILE = "</script><script>hacked=1</script><!--<b>&amp;\u2028'\"`${hacked=1}"


def own(page: str) -> str:
    """The page without Plotly, which is there once."""
    assert page.count(get_plotlyjs()) == 1
    return page.replace(get_plotlyjs(), "")


def facts_in(page: str) -> dict[str, Any]:
    (block,) = re.findall(r'<script type="application/json" id="facts">(.*?)</script>', page, re.DOTALL)
    return json.loads(block)


def test_facts_survive_the_page() -> None:
    facts = told([somebody(0, val_error=0.02), somebody(1, [0], reason=HOSTILE)], data=HOSTILE, folder=Path(HOSTILE))
    page = own(render(facts))
    assert facts_in(page) == json.loads(msgspec.json.encode(facts))
    assert page.count("hacked=1</script>") == 0
    assert f"<title>{html.escape(facts.title)}" in page
    assert "$facts" not in page
    assert "$version" not in page


def test_nothing_is_fetched() -> None:
    page = own(render(told([somebody(0, val_error=0.02)])))
    assert not re.search(r"(src|href)=\"(?!#|data:)|url\(|@import|https?:", page)
    assert "default-src 'none'" in page
    assert len(page) < 1e5


def test_the_page_of_a_run_is_there_at_its_end(finished: Run) -> None:
    page = finished.folder.report.read_text()
    assert facts_in(page)["finished"]
    assert write_report(finished) == finished.folder.path / "report.html"
    again = facts_in(finished.folder.report.read_text())
    assert again == {**facts_in(page), "elapsed": again["elapsed"]}


def test_a_page_that_cannot_be_written_costs_no_result(
    users: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(run: Run) -> Path:
        raise ZeroDivisionError("a page of\ntrouble")

    monkeypatch.setattr(facade, "write_report", fail)
    said = r"no report \(ZeroDivisionError: a page of trouble\); `heredity report .*` tries again"
    with pytest.warns(UserWarning, match=said):
        run = facade.evolve(
            f"{users}:sound",
            f"{users}:data",
            generations=1,
            strategy_options=QUICK,
            workers=0,
            out=tmp_path / "run",
        )
    assert len(run.front) > 0
    assert run.folder.front_json.exists()
    assert not run.folder.report.exists()


def test_a_folder_that_cannot_be_written(finished: Run, tmp_path: Path) -> None:
    elsewhere = Run(RunFolder(tmp_path / "gone"), finished.settings, finished.store)
    with pytest.raises(StoreError, match=r"expected to find .*report\.html"):
        write_report(elsewhere)
