from __future__ import annotations

from pathlib import Path

import pytest

from heredity.api.ensemble import ensemble
from heredity.api.recogniser import recogniser
from heredity.errors import InputError
from heredity.run.run import Run
from heredity.testing.refusals import expect_one_line


def test_an_ensemble_is_refused(finished: Run, tmp_path: Path) -> None:
    folder, _ = ensemble(finished.folder.path, ["0000", "0001"], "mean", out=tmp_path / "together")
    with pytest.raises(InputError) as caught:
        recogniser(folder)
    expect_one_line(caught, "a member's folder, or a run's", f"an ensemble's, {folder}", "choose one of its members")
