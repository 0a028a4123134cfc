"""A whole run of group pruning: shares are met, removal costs nothing, and everything can be done once more."""

from __future__ import annotations

from pathlib import Path

import pytest

from heredity.api.evolve import evolve, reopen
from heredity.run.run import Run
from heredity.run.verify import verify
from heredity.testing.runs import timeless

SHARES = (0.5, 0.85)


def lived(out: Path, workers: int = 0) -> Run:
    options = {"shares": SHARES, "steps": (200, 300, 50), "culture": None}
    return evolve(
        *("lenet5", "digits"),
        strategy="group_pruning",
        strategy_options=options,
        generations=3,
        workers=workers,
        out=out,
        export=False,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return lived(tmp_path_factory.mktemp("runs") / "ladder")


@pytest.mark.slow
def test_the_share_that_is_asked_for_goes_and_nothing_is_lost(run: Run) -> None:
    ancestor, *rungs = run.individuals
    for place, share in enumerate(SHARES):
        before, after, tuned = (rungs[place + phase * len(SHARES)] for phase in range(3))
        assert before.measures["params"] == ancestor.measures["params"]
        assert share <= 1 - after.measures["params"] / ancestor.measures["params"] < share + 0.03
        assert abs(after.measures["val_error"] - before.measures["val_error"]) <= 0.007, "two of 300 images"
        assert tuned.measures["params"] == after.measures["params"]
        assert (len(before.readings) > 20, after.readings, tuned.readings) == (True, (), ())


@pytest.mark.slow
def test_everybody_can_be_rebuilt(run: Run) -> None:
    again, task = reopen(run.folder)
    with again.store:
        assert [difference for _, found in verify(again, task) for difference in found] == []


@pytest.mark.slow
def test_workers_do_not_show(run: Run, tmp_path: Path) -> None:
    with (other := lived(tmp_path / "run", workers=2)).store:
        assert list(map(timeless, other.individuals)) == list(map(timeless, run.individuals))
