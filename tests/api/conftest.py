"""One finished run, for all tests that only look at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from heredity.api.evolve import evolve
from heredity.run.run import Run
from heredity.testing.runs import QUICK, quick_exports, users_file


@pytest.fixture(scope="session", autouse=True)
def _quick_exports() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    with quick_exports():
        yield


@pytest.fixture(scope="session")
def users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's file."""
    return users_file(tmp_path_factory.mktemp("users"))


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
