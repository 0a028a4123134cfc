"""The page in a real browser, at the widths of a desk and of a phone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from heredity.report.page import render
from heredity.report.records import Facts
from heredity.run.run import Run
from heredity.run.targets import Targets

from .conftest import regularised, somebody, told
from .test_page import HOSTILE

pytestmark = pytest.mark.slow

Open = Callable[..., Any]

AT = """([id, chart]) => {
  const div = document.getElementById(chart), { xaxis: x, yaxis: y } = div._fullLayout;
  const box = div.getBoundingClientRect(), measures = byId.get(id).measures;
  return [box.left + x._offset + x.d2p(measures.params), box.top + y._offset + y.d2p(100 * measures.val_error)];
}"""
"""Where in the window a member's point is."""


def written(folder: Path, facts: Facts) -> Path:
    path = folder / "report.html"
    path.write_text(render(facts))
    return path


def stays_within(page: Page) -> bool:
    width = page.viewport_size["width"] if page.viewport_size else 0
    return page.evaluate("document.documentElement.scrollWidth") <= width


def wait_for(page: Page, name: str) -> None:
    """Until somebody is picked, and the address says so."""
    page.wait_for_function("id => pick.id === id && location.hash === '#' + id", arg=name, timeout=5000)


def panel(page: Page) -> dict[str, str]:
    """What the panel says of whoever is picked."""
    return page.eval_on_selector_all(
        "#member .facts > div",
        "all => Object.fromEntries(all.map(d => [d.children[0].textContent, d.children[1].firstChild.textContent]))",
    )


def exponential(flops: float) -> str:
    """As a browser writes it."""
    return f"{flops:.2e}".replace("e+0", "e+")


def as_told(row: dict[str, Any]) -> dict[str, str]:
    """A row of `front.json` as people read it."""
    return {
        "weights": f"{row['params']:,}",
        "MACs": f"{row['macs']:,}",
        "bytes": f"{row['bytes']:,}",
        "latency": f"{row['latency_ms']:.3f} ms",
        "validation error": f"{100 * row['val_error']:.2f} %",
        "test error": f"{100 * row['test_error']:.2f} %",
        "inference": f"{2 * row['macs']:,} FLOPs",
        "born": f"generation {row['generation']}",
        "took": f"{exponential(row['train_flops'])} FLOPs, {row['seconds']:.0f} s",
        "with its line": f"{exponential(row['line_flops'])} FLOPs, {row['line_seconds']:.0f} s",
    }


def test_at_a_desk(opened: Open, finished: Run) -> None:
    front = json.loads(finished.folder.front_json.read_text())
    largest, smallest = front["members"][0], front["members"][-1]
    assert largest["id"] != smallest["id"]
    with opened(finished.folder.report) as page:
        assert stays_within(page)
        assert "weights" in page.inner_text("#headline")
        assert "Target met (weights at most 150) by " in page.inner_text("#targets")
        assert f"{exponential(front['train_flops'])} FLOPs, " in page.inner_text("#ran")
        page.get_by_text("What each generation took").click()
        assert page.locator("#generations-spent tbody tr").count() == 3

        page.locator("#front-chart").scroll_into_view_if_needed()
        for row in (largest, smallest):  # by the mouse, on its point
            page.mouse.move(*page.evaluate(AT, [row["id"], "front-chart"]))
            page.wait_for_selector(f"#front-chart .hovertext:has-text('{row['id']}')")
            page.mouse.down()
            page.mouse.up()
            wait_for(page, row["id"])
            assert panel(page) == as_told(row)

        link = page.locator("#members").get_by_role("link", name=largest["id"])  # and by the keyboard
        link.focus()
        page.keyboard.press("Enter")
        wait_for(page, largest["id"])
        assert panel(page) == as_told(largest)
        assert page.locator("#members tr[aria-current]").get_attribute("data-id") == largest["id"]
        assert largest["id"] in page.inner_text("#announcement")

        page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
        for number, snippet in enumerate(page.locator("#member .snippet").all()):
            snippet.get_by_role("button").click()
            copied = page.evaluate("window.copied")
            assert copied == page.evaluate("([id, k]) => byId.get(id).loading[k].code", [largest["id"], number])
            assert f"{finished.folder.path}" in copied
            assert largest["id"] in copied
        assert page.locator("#member .snippet").count() == 3

        for cost in ("macs", "bytes", "latency_ms"):
            page.locator(f"input[name=cost][value={cost}]").check(force=True)
        page.locator("#everybody summary").click()
        page.wait_for_selector("#everybody tbody tr")  # the table is made when the browser tells that it was opened
        assert page.locator("#everybody tbody tr").count() == 7
        assert page.locator(".js-plotly-plot").count() == 6
        assert stays_within(page)


def test_what_has_grown_is_shown(opened: Open, grown: Run) -> None:
    people = {i.birth.operator.__struct_config__.tag: i for i in grown.individuals}
    wider, deeper = people["widening"], people["deepening"]
    with opened(grown.folder.report, address=f"#{wider.number:04d}") as page:
        assert f"{wider.birth.genome.sizes['0']}, grown from 8" in page.inner_text("#member .bars")
        page.evaluate("pickById", f"{deeper.number:04d}")
        wait_for(page, f"{deeper.number:04d}")
        (block,) = deeper.birth.genome.blocks
        assert f"{block.name}.branches.0.expand\n{block.width}, new" in page.inner_text("#member .bars")
        assert f"after {block.site}" in page.inner_text("#member")


def test_on_a_phone_and_by_address(opened: Open, finished: Run) -> None:
    front = json.loads(finished.folder.front_json.read_text())
    first, last = front["members"][0], front["members"][-1]
    with opened(finished.folder.report, phone=True, address=f"#{last['id']}") as page:
        assert stays_within(page)
        assert panel(page) == as_told(last)
        assert page.evaluate("document.getElementById('member').getBoundingClientRect().top < innerHeight / 2")
        page.locator("#front-chart").scroll_into_view_if_needed()
        page.touchscreen.tap(*page.evaluate(AT, [first["id"], "front-chart"]))
        wait_for(page, first["id"])
        assert panel(page) == as_told(first)
        page.go_back()
        wait_for(page, last["id"])
        assert stays_within(page)


def test_what_users_name_stays_text(opened: Open, tmp_path: Path) -> None:
    facts = told(
        [
            somebody(0, val_error=0.02, params=1000.0, synapses=1000.0, families={HOSTILE: 9}),
            somebody(1, [0], generation=1, val_error=0.0, params=600.0, synapses=200.0, families={HOSTILE: 3}),
            somebody(2, [0], generation=1, reason=HOSTILE),
        ],
        folder=tmp_path / HOSTILE.replace("/", "|"),
        data=HOSTILE,
        strategy=HOSTILE,
        targets=Targets(max_error=0.001, max_macs=10),
    )
    for phone in (False, True):
        with opened(written(tmp_path, facts), phone=phone, address="#0002") as page:
            assert stays_within(page)
            assert page.evaluate("typeof hacked") == "undefined"
            assert page.locator("h1").text_content() == facts.title
            assert HOSTILE in (page.text_content("#failures") or "")
            assert HOSTILE in (page.text_content("#member .bars") or "")
            assert (page.text_content("#member .failed-text") or "") == f"Failed: {HOSTILE}"
            assert "[object" not in page.inner_text("body")
            assert "not finished" in page.inner_text("#notes")
            assert "1 of 3 newborns failed" in page.inner_text("#notes")
            assert "live weights" in page.inner_text("#notes")
            assert "Target not met" in page.inner_text("#targets")
            page.evaluate("pickById('0001')")
            wait_for(page, "0001")
            assert panel(page)["live weights"] == "200"


def test_norms_of_groups(opened: Open, tmp_path: Path) -> None:
    born = [somebody(0, val_error=0.01), regularised(1), regularised(2)]
    for phone in (False, True):
        with opened(written(tmp_path, told(born)), phone=phone) as page:
            assert page.locator("#groups-controls .choice label").all_inner_texts() == ["0001", "0002"]
            bars = page.evaluate("document.getElementById('groups-moment').data[0].y")
            assert (bars[0], sum(bars)) == (60, 100)
            shades = page.evaluate("document.getElementById('groups-course').data[0].customdata")
            assert [sum(column) for column in zip(*shades, strict=True)] == [100, 100, 100]
            assert page.inner_text("#groups-caption").startswith("60.00 % of the network was asked to go.")
            assert page.inner_text("#groups-when") == "At its end"
            page.locator("#groups-controls input[type=range]").fill("0.5")
            assert page.inner_text("#groups-when") == "When 50 % was done"
            page.wait_for_function("document.getElementById('groups-moment').data[0].y[0] === 0")
            page.locator("#groups-controls .choice label").last.click()
            page.wait_for_function("document.getElementById('groups-moment').ariaLabel.includes('0002')")
            assert stays_within(page)


def test_norms_of_groups_by_mixture(opened: Open, tmp_path: Path) -> None:
    born = [somebody(0, val_error=0.01), regularised(1), regularised(2, "features.0")]
    with opened(written(tmp_path, told(born)), phone=True) as page:
        names = page.locator("#groups-controls .choice label")
        assert names.all_inner_texts() == ["0001", "0002", "the rest", "features.0"]
        names.nth(1).click()
        page.wait_for_function("document.getElementById('groups-course').data.length === 1")
        assert page.get_attribute("#groups-moment", "aria-label") == "norms of the groups of 0002: At its end"
        names.nth(3).click()
        page.wait_for_function("document.getElementById('groups-course').data.length === 2")
        assert "of 0002, features.0" in (page.get_attribute("#groups-moment", "aria-label") or "")
        assert stays_within(page)


def test_runs_without_a_prior_do_not_speak_of_groups(opened: Open, tmp_path: Path) -> None:
    with opened(written(tmp_path, told([somebody(0, val_error=0.01)]))) as page:
        assert page.locator("#groups").count() == 0
        assert page.locator("nav a[href='#groups']").count() == 0


@pytest.mark.parametrize("born", [0, 1], ids=["nobody was born", "nobody lives"])
def test_without_anybody(opened: Open, tmp_path: Path, born: int) -> None:
    with opened(written(tmp_path, told([somebody(0)][:born]))) as page:
        assert stays_within(page)
        assert page.inner_text("#headline") == "Nobody lives: no newborn developed."
        settings = page.inner_text("#run-settings")
        assert "Strategy settings" in settings
        assert "culture · weight" in settings
        assert "[object" not in page.inner_text("body")
        assert page.locator("#member").count() == born
