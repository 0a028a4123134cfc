"""Killed at any moment and resumed, a run ends as if it had never been killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from heredity.api import evolve as facade
from heredity.api.evolve import evolve, resume
from heredity.errors import StoreError
from heredity.store.store import Store
from heredity.testing.processes import family
from heredity.testing.runs import QUICK, essence


class Killed(BaseException):
    """Death, which nobody catches."""


class Reaper:
    """Kills at the n-th step that reaches the disk, just before or just after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left, self.after, self.steps = -1, False, 0
        for owner, name in (
            *((Store, name) for name in ("record", "measured")),
            ("heredity.store.files", "write_atomically"),
            ("heredity.store.blobs", "write_atomically"),
            ("heredity.store.folder", "write_atomically"),
            ("heredity.export.member", "write_atomically"),
            (Path, "mkdir"),
            (shutil, "rmtree"),
        ):
            if isinstance(owner, str):
                owner = sys.modules[owner]
            monkeypatch.setattr(owner, name, self._wrapped(getattr(owner, name)))

    def _wrapped(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **keywords: Any) -> Any:
            self.steps += 1
            self.left -= 1
            if self.left == 0 and not self.after:
                raise Killed
            result = function(*args, **keywords)
            if self.left == 0:
                raise Killed
            return result

        return step

    def set(self, steps: int, after: bool) -> None:
        self.left, self.after = steps, after


Begin = Callable[[Path, int], object]


@pytest.fixture(scope="module")
def begin(users: Path) -> Begin:
    def start(out: Path, workers: int = 0) -> object:
        model, data = f"{users}:sound", f"{users}:data"
        return evolve(model, data, generations=2, strategy_options=QUICK, workers=workers, out=out)

    return start


@pytest.fixture(scope="module")
def unbroken(begin: Begin, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("runs") / "unbroken"
    begin(out, 0)
    return essence(out)


def go_on(begin: Begin, out: Path) -> None:
    """What a user does after a kill: resume, or, where nothing had begun, start anew."""
    try:
        resume(out)
    except StoreError as error:
        assert "came a folder without run.json" in str(error) or "came no such folder" in str(error)  # noqa: PT017
        begin(out, 0)


def test_killed_at_all_sorts_of_steps(
    begin: Begin, unbroken: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reaper, out, kills = Reaper(monkeypatch), tmp_path / "run", 0
    for steps in (1, 2, 3, 4, 5, 6, 7, 8, *(9 + 3 * n for n in range(100))):
        reaper.set(steps, after=kills % 2 == 1)
        try:
            go_on(begin, out)
        except Killed:
            kills += 1
        else:
            break
    assert kills >= 10
    assert essence(out) == unbroken


def test_a_clock_that_stood_still_while_nobody_ran(begin: Begin, tmp_path: Path) -> None:
    run = begin(tmp_path / "run", 0)
    assert isinstance(run, facade.Run)
    assert 0 < run.store.elapsed() < 60


# The same with processes and true kills.

BEGIN = """
import sys
from heredity import evolve
from heredity.testing.runs import QUICK
if __name__ == "__main__":
    model, data, out, workers = sys.argv[1:]
    evolve(model, data, generations=2, strategy_options=QUICK, workers=int(workers), out=out)
"""


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def gone(process: subprocess.Popen[str]) -> bool:
    """Whether it and all that it started end soon."""
    process.wait(10)
    until = time.monotonic() + 10
    while family(process.pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not family(process.pid)


@pytest.fixture
def running() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        for pid in family(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.communicate()


def wait_for(process: subprocess.Popen[str], moment: Callable[[], bool]) -> None:
    while not moment():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)


linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to find processes")


@linux
@pytest.mark.slow
def test_sigkill(users: Path, tmp_path: Path, running: list[subprocess.Popen[str]]) -> None:
    """First the loop alone is killed, while newborns develop; then its whole group, while the front is exported."""
    model, data, out = f"{users}:slow", f"{users}:data", tmp_path / "run"
    (tmp_path / "begin.py").write_text(BEGIN)
    dice = random.Random()
    running.append(process := start(str(tmp_path / "begin.py"), model, data, str(out), "2"))
    wait_for(process, lambda: len(list((out / "blobs").glob("*.safetensors"))) > dice.randrange(5))
    time.sleep(0.3 * dice.random())
    process.kill()
    assert gone(process)
    before = set(out.rglob("*"))

    running.append(process := start("-m", "heredity", "resume", str(out)))
    wait_for(process, (out / "front").exists)
    time.sleep(0.5 * dice.random())
    os.killpg(process.pid, signal.SIGKILL)
    assert gone(process)
    lost = {path for path in before - set(out.rglob("*")) if not path.name.endswith((".tmp", "-wal", "-shm"))}
    assert not {path for path in lost if path.relative_to(out).parts[0] not in ("front", "cache")}

    resume(out)
    evolve(model, data, generations=2, strategy_options=QUICK, workers=0, out=tmp_path / "unbroken")
    assert essence(out) == essence(tmp_path / "unbroken")


@linux
@pytest.mark.slow
def test_ctrl_c(users: Path, tmp_path: Path, running: list[subprocess.Popen[str]]) -> None:
    out = tmp_path / "run"
    options = ("--model", f"{users}:slow", "--data", f"{users}:data", "--out", str(out), "--workers", "2")
    running.append(process := start("-m", "heredity", "evolve", "--generations", "1", *options))
    wait_for(process, (out / "run.json").exists)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    first, *lines = said.splitlines()
    assert first.startswith("evolving ")
    assert lines[-1] == f"heredity: interrupted; `heredity resume {out}` goes on"
    assert [line for line in lines[:-1] if not line.startswith(("generation ", "  0"))] == []
    assert gone(process)
