"""A study's page: our curves over the published points, what was chosen, and what was not run. One file, no network."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import get_args

from heredity.report.page import assembled, asset
from heredity.reproduce.fronts import Bound, fronts, median_front
from heredity.reproduce.learners import learnt
from heredity.reproduce.measure import Generation
from heredity.reproduce.plan import Plan, Result
from heredity.reproduce.records import Dot, Missing, Point, Series, StudyFacts
from heredity.reproduce.tables import by_arm, not_run, summary
from heredity.store.files import write_atomically


def write_page(plan: Plan, outcome: Sequence[Result]) -> Path:
    """Writes `page.html` into a study's folder, and gives its path.

    Raises:
        StoreError: it cannot be written.
    """
    path = plan.out / "page.html"
    write_atomically(path, render(facts(plan, outcome)).encode())
    return path


def render(told: StudyFacts) -> str:
    """The page as HTML."""
    scripts = [asset("kit.js"), asset("drawing.js"), _own("page.js"), _own("fronts.js")]
    return assembled(told, title=f"{told.title}, reproduced by heredity", body=_own("page.html"), scripts=scripts)


def facts(plan: Plan, outcome: Sequence[Result]) -> StudyFacts:
    """All that the page says."""
    study, of_fronts = plan.study, plan.study.shows == "fronts"
    return StudyFacts(
        title=study.title,
        version=version("heredity"),
        study=study.name,
        source=study.source,
        scale=plan.scale,
        data=plan.data,
        claims=study.claims,
        lines=tuple(summary(outcome)),
        series=tuple(series_of(results, of_fronts=of_fronts) for results in by_arm(outcome)),
        curves=study.curves,
        choices=study.choices,
        missing=tuple(Missing(arm.name, arm.says) for arm in not_run(plan, outcome)),
        shows=study.shows,
        fronts=tuple(f for bound in get_args(Bound) for f in fronts(outcome, bound, study.within)) if of_fronts else (),
        learnt=tuple(learnt(outcome)),
        within=study.within,
    )


def series_of(results: Sequence[Result], *, of_fronts: bool = False) -> Series:
    """One arm with one preset, over its seeds; in a study of fronts with everybody who lived."""
    arm = results[0].part.arm
    seeds = [result.measured.rows for result in results] if of_fronts else []
    return Series(
        arm.name,
        results[0].part.preset,
        arm.kind or arm.name,
        arm.says,
        tuple(result.part.name for result in results),
        points([result.measured.generations for result in results]),
        results[0].measured.settings,
        tuple(Dot(row.generation, row.params, row.test_error) for rows in seeds for row in rows),
        median_front(seeds),
    )


def points(seeds: Sequence[Sequence[Generation]]) -> tuple[Point, ...]:
    """An arm by generation, over those of its seeds that came so far."""
    found: list[Point] = []
    for number in sorted({one.generation for generations in seeds for one in generations}):
        here = [one for generations in seeds for one in generations if one.generation == number]
        values: dict[str, list[float | None]] = {
            "accuracy": [1 - one.best_test_error for one in here],
            "architectural_efficiency": [one.best_architectural_efficiency for one in here],
            "cluster_efficiency": [one.best_cluster_efficiency for one in here],
            "storage_bytes": [one.best_storage_bytes for one in here],
            "cluster_variety": [one.cluster_variety for one in here],
            "synapse_variety": [one.synapse_variety for one in here],
            "latency_ms": [one.best_latency_ms for one in here],
            "computed": [one.computed for one in here],
            "computed_flops": [one.computed_flops for one in here],
            "params": [one.best_params for one in here],
            "ensemble_accuracy": [None if (e := one.ensemble_test_error) is None else 1 - e for one in here],
        }
        spreads: dict[str, tuple[float, float, float]] = {}
        for name, of_seeds in values.items():
            if known := [value for value in of_seeds if value is not None]:
                spreads[name] = (min(known), statistics.median(known), max(known))
        found.append(Point(number, len(here), spreads))
    return tuple(found)


def _own(name: str) -> str:
    return resources.files("heredity.reproduce").joinpath(name).read_text("utf-8")
