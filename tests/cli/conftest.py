"""The command line, run in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from heredity.cli import main
from heredity.testing.runs import quick_exports, users_file


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Heredity = Callable[..., Ended]


@pytest.fixture(scope="session", autouse=True)
def _quick_exports() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    with quick_exports():
        yield


@pytest.fixture(scope="session")
def users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's file."""
    return users_file(tmp_path_factory.mktemp("users"))


@pytest.fixture
def heredity(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Heredity:
    """`heredity("evolve", "--seed", 1)`: whatever escapes but an exit fails the test, as a traceback would a user."""

    def call(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["heredity", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main.run()
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return Ended(code or 0, *capsys.readouterr())

    return call
