"""A run may begin with the ancestor that another run has trained, if it would train just the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from heredity.api.evolve import evolve, reopen, resume
from heredity.errors import InputError, StoreError
from heredity.run.run import Run
from heredity.run.verify import verify
from heredity.testing.refusals import expect_one_line
from heredity.testing.runs import QUICK, essence, small_run, timeless


def test_all_is_as_if_it_had_trained_its_own(users: Path, finished: Run, tmp_path: Path) -> None:
    run = small_run(users, tmp_path / "run", ancestor=finished.folder.path)
    assert essence(tmp_path / "run") == essence(finished.folder.path)
    (first, *_), (theirs, *_) = run.individuals, finished.individuals
    assert (first.seconds, first.elapsed) == (theirs.seconds, 0.0)
    assert list(verify(*reopen(run.folder), [0, 1])) == [(0, []), (1, [])]


def test_descendants_may_come_otherwise(users: Path, finished: Run, tmp_path: Path) -> None:
    run = small_run(users, tmp_path / "run", ancestor=finished.folder.path, strategy_options=QUICK | {"population": 2})
    assert timeless(run.individuals[0]) == timeless(finished.individuals[0])
    assert len(run.individuals) == 5
    again = resume(tmp_path / "run")
    assert [member.id for member in again.front] == [member.id for member in run.front]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"strategy_options": QUICK | {"steps": (61, 30)}}, ("another recipe",)),
        ({"seed": 1}, ("other data",)),
        ({"generations": None, "budget_seconds": 60.0}, ("a budget of time",)),
    ],
)
def test_another_ancestor_is_refused(
    users: Path, finished: Run, tmp_path: Path, changes: dict[str, Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as caught:
        small_run(users, tmp_path / "run", ancestor=finished.folder.path, **changes)
    expect_one_line(caught, *words)
    assert not (tmp_path / "run").exists()


def test_another_model_is_refused(users: Path, finished: Run, tmp_path: Path) -> None:
    options: dict[str, Any] = {"generations": 1, "strategy_options": QUICK, "workers": 0}
    with pytest.raises(InputError) as caught:
        evolve("lenet-300-100", f"{users}:images", ancestor=finished.folder.path, out=tmp_path / "run", **options)
    expect_one_line(caught, "another operator and genome")


def test_nobody_to_begin_with(users: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        small_run(users, tmp_path / "run", ancestor=tmp_path)
    expect_one_line(caught, str(tmp_path))
