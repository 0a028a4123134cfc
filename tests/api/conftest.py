"""One finished run, for all tests that only look at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from heredity.run.run import Run
from heredity.testing.runs import small_run


@pytest.fixture(scope="session")
def finished(users: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return small_run(users, tmp_path_factory.mktemp("runs") / "finished")
