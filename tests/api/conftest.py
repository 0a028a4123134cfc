"""One finished run, for all tests that only look at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from heredity.api.evolve import evolve
from heredity.run.run import Run
from heredity.testing.runs import QUICK


@pytest.fixture(scope="session")
def finished(users: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on 3x3 images of bytes, developed in this process."""
    return evolve(
        f"{users}:on_images",
        f"{users}:images",
        generations=2,
        strategy_options=QUICK,
        workers=0,
        out=tmp_path_factory.mktemp("runs") / "finished",
    )
