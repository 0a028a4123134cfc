"""The command line, run in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from heredity.cli import main


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Heredity = Callable[..., Ended]


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
