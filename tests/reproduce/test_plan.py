from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from heredity.api.load import open_run
from heredity.errors import InputError, StoreError
from heredity.reproduce.plan import Plan
from heredity.run.loop import Listener

from .conftest import small_plan, small_study


def test_a_study_that_is_interrupted_goes_on(done: Plan) -> None:
    assert [part.name for part in done.parts] == ["tags-r50-paper-0", "position-r50-paper-0"]
    assert all(done.is_measured(part) for part in done.parts)
    assert [result.part for result in done.outcome()] == done.parts
    for result in done.outcome():
        assert (result.data, result.model) == ("digits", "lenet5"), "a smoke's, not the arm's"
        assert [row.individual for row in result.measured.rows] == ["0000", "0001", "0002", "0003", "0004"]
        assert [one.generation for one in result.measured.generations] == [0, 1, 2]


def test_another_study_in_the_folder_is_refused(done: Plan) -> None:
    other = Plan(done.study, "paper", done.out, done.arms)
    with pytest.raises(StoreError, match=r"expected gene-tagging at scale paper .*; came gene-tagging at scale smoke"):
        other.open()


def test_a_run_with_other_settings_is_refused(done: Plan) -> None:
    study = small_study()
    arms = tuple(replace(arm, settings={**arm.settings, "chi": 1.0}) for arm in study.arms)
    other = Plan(replace(study, arms=arms), "smoke", done.out, arms[:2])
    other.open()
    with pytest.raises(StoreError, match=r"came one of other strategy_settings, chi=0\.6; choose another --out"):
        other.is_measured(other.parts[0])
    with pytest.raises(StoreError, match="chi=0"):
        other.live(other.parts[0], Listener())


def test_no_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 1 seed; came 0"):
        small_plan(tmp_path, seeds=0)


def test_an_ancestor_is_trained_once(done: Plan) -> None:
    first, second = (open_run(done.out / part.name).individuals[0] for part in done.parts)
    assert second == replace(first, elapsed=0.0, measures=second.measures)
    assert first.elapsed > 0
