"""A study small enough for tests, and what came of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from heredity.development.birth import Individual
from heredity.reproduce.gene_tagging import STUDY
from heredity.reproduce.plan import Plan
from heredity.reproduce.study import Study
from heredity.run.loop import Listener

FEW = {"parents": 2, "population": 2, "steps": [20, 5], "culture": {}}


class Impatient(Listener):
    """Presses Ctrl-C when the third newborn is recorded."""

    def recorded(self, individual: Individual) -> None:
        if individual.number == 2:
            raise KeyboardInterrupt


def small_study() -> Study:
    """Gene tags against matching by position, two parents, in one environment; another arm is left out."""
    arms = tuple(replace(arm, settings={**arm.settings, **FEW}) for arm in STUDY.arms[:3])
    return replace(STUDY, arms=arms, timed=True)


def small_plan(out: Path, *, seeds: int = 1) -> Plan:
    """Its smoke."""
    study = small_study()
    return Plan(study, "smoke", out, study.arms[:2], seeds=seeds)


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """A study that was interrupted in its second run, and went on to its end."""
    plan = small_plan(tmp_path_factory.mktemp("studies") / "done")
    plan.open()
    plan.live(plan.parts[0], Listener())
    with pytest.raises(KeyboardInterrupt):
        plan.live(plan.parts[1], Impatient())
    assert [plan.is_measured(part) for part in plan.parts] == [True, False]
    again = small_plan(plan.out)
    again.open()
    again.live(again.parts[1], Listener())
    return again
