from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from heredity.reproduce.fronts import median_front
from heredity.reproduce.learners import Learnt
from heredity.reproduce.page import facts, points, render, write_page
from heredity.reproduce.plan import Plan


def of_fronts(done: Plan) -> Plan:
    """The same as a study that is looked at for its fronts."""
    return dataclasses.replace(done, study=replace(done.study, shows="fronts"))


def test_points_are_ranges_over_seeds(done: Plan) -> None:
    one = done.outcome()[0].measured.generations
    seeds = [[replace(generation, best_test_error=error) for generation in one] for error in (0.1, 0.4, 0.2)]
    seeds[1].pop()  # which died out
    found = points(seeds)
    assert [point.seeds for point in found] == [3, 3, 2]
    assert found[1].measures["accuracy"] == pytest.approx((0.6, 0.8, 0.9))
    assert found[2].measures["accuracy"] == pytest.approx((0.8, 0.85, 0.9))
    assert "cluster_variety" not in found[0].measures
    variety = one[1].cluster_variety
    assert found[1].measures["cluster_variety"] == (variety, variety, variety)


def test_what_was_run_and_what_was_not(done: Plan) -> None:
    told = facts(done, done.outcome())
    assert [series.runs for series in told.series] == [("tags-r50-paper-0",), ("position-r50-paper-0",)]
    assert [series.kind for series in told.series] == ["R = 50 %", "R = 50 %"]
    assert [missing.arm for missing in told.missing] == ["tags-r55"]


def test_nothing_is_fetched_and_nothing_is_markup(done: Plan) -> None:
    page = render(replace(facts(done, done.outcome()), data="</script><b>"))
    assert "</script><b>" not in page
    assert "default-src 'none'" in page


@pytest.mark.slow
def test_a_study_of_growth_has_no_efficiencies(opened: Callable[..., Any], done: Plan, tmp_path: Path) -> None:
    told = facts(done, done.outcome())
    assert told.shows == "efficiencies"
    place = tmp_path / "page.html"
    place.write_text(render(replace(told, shows="growth")))
    with opened(place) as page:
        titles = [figure.lower() for figure in page.locator("#charts h3").all_inner_texts()]
        assert "weights by generation" in titles
        assert "accuracy on test, % by flops of training" in titles
        assert not any("efficiency" in said for said in (*titles, page.inner_text("#lines thead")))
        assert "weights" in page.inner_text("#lines thead")


def test_a_study_of_fronts_has_everybody(done: Plan) -> None:
    told = facts(of_fronts(done), done.outcome())
    for series, result in zip(told.series, done.outcome(), strict=True):
        rows = result.measured.rows
        assert [dot.params for dot in series.individuals] == [row.params for row in rows]
        assert [dot.error for dot in series.individuals] == [row.test_error for row in rows]
        assert series.front == median_front([rows])
    assert [(front.arm, front.bound) for front in told.fronts] == [
        *(("tags-r50", "networks"), ("position-r50", "networks")),
        *(("tags-r50", "seconds"), ("position-r50", "seconds")),
    ]
    assert {front.limit for front in told.fronts[:2]} == {5}
    plain = facts(done, done.outcome())
    assert not plain.fronts
    assert not any(series.individuals or series.front for series in plain.series)


@pytest.mark.slow
def test_the_page_of_a_study_of_fronts_opens(opened: Callable[..., Any], done: Plan, tmp_path: Path) -> None:
    plan, place = of_fronts(done), tmp_path / "page.html"
    gene = Learnt("tags-r50", "paper", 1, "recipe.culture.weight", 0.9, 0.7, (-0.5, -0.6, 0.1))
    place.write_text(render(replace(facts(plan, done.outcome()), learnt=(gene,))))
    with opened(place) as page:
        titles = page.locator("#clouds h3").all_inner_texts()
        assert titles == [
            "Fronts of all arms, medians over seeds",
            "tags-r50 (paper): everybody, by generation",
            "position-r50 (paper): everybody, by generation",
        ]
        drawn = page.evaluate("document.querySelectorAll('#clouds .chart')[1].data.map(trace => trace.x.length)")
        assert drawn == [5, len(median_front([done.outcome()[0].measured.rows]))]
        tables = page.locator("#fronts table").all_inner_texts()
        assert len(tables) == 3
        assert "-0.50, -0.60, 0.10" in tables[2]
        assert "efficiency" not in page.inner_text("#outcome")
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280


@pytest.mark.slow
def test_the_page_opens(opened: Callable[..., Any], done: Plan) -> None:
    with opened(write_page(done, done.outcome())) as page:
        assert "Gene tags" in page.inner_text("#title")
        assert "A smoke" in page.inner_text("#notes")
        assert page.locator("#charts .plot").count() == 14
        assert page.locator("#lines tbody tr").count() == 2
        assert "not run" in page.inner_text("#missing")
        assert "√(1 - R)" in page.inner_text("#choice-table")
        names = page.evaluate("document.querySelector('#charts .chart').data.map(trace => trace.name).filter(Boolean)")
        assert names[:2] == ["tags-r50 (paper)", "position-r50 (paper)"]
        assert "gene tags, R = 50 %, published" in names
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
