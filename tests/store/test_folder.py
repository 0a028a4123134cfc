"""One run per folder, and files in it that are whole."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from heredity.errors import StoreError
from heredity.store.folder import RunFolder, read_json, write_json
from heredity.testing.refusals import expect_one_line


def test_a_second_run_is_refused_with_the_first_ones_process(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with folder.lock():
        with pytest.raises(StoreError) as caught:
            folder.lock()
        expect_one_line(caught, tmp_path, os.getpid())
    lock = folder.lock()
    lock.release()
    lock.release()
    folder.lock().release()


# the child is started so that it would keep whatever handle it inherits
HOLD = """
import os, subprocess, sys
from pathlib import Path
from heredity.store.folder import RunFolder
RunFolder(Path(sys.argv[1])).lock()
child = subprocess.Popen(["sleep", "60"], close_fds=False)
print(child.pid, flush=True)
child.wait()
"""


def test_a_killed_run_frees_its_folder_though_its_children_live(tmp_path: Path) -> None:
    hold = HOLD.replace("RunFolder(Path", "lock = RunFolder(Path", 1)
    with subprocess.Popen([sys.executable, "-c", hold, tmp_path], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        try:
            with pytest.raises(StoreError) as caught:
                RunFolder(tmp_path).lock()
            expect_one_line(caught, tmp_path, f"process {holder.pid};")
            holder.kill()
            holder.wait()
            os.kill(child, 0)  # it lives
            RunFolder(tmp_path).lock().release()
        finally:
            holder.kill()
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def test_the_lock_of_a_missing_folder(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "absent")
    with pytest.raises(StoreError) as caught:
        folder.lock()
    expect_one_line(caught, tmp_path / "absent")
    folder.make()
    folder.lock().release()


def test_everything_lies_in_the_folder(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    paths = [folder.settings, folder.database, folder.blobs, folder.cache, folder.front_json, folder.front]
    assert [str(p.relative_to(tmp_path)) for p in paths] == [
        "run.json",
        "run.db",
        "blobs",
        "cache",
        "front.json",
        "front",
    ]


class Settings(msgspec.Struct, frozen=True):
    seed: int
    rates: dict[str, float]


def test_json_comes_back_and_reads_well(tmp_path: Path) -> None:
    settings = Settings(3, {"b": 0.1, "a": 1e-9})
    write_json(tmp_path / "run.json", settings)
    assert read_json(tmp_path / "run.json", Settings) == settings
    assert (tmp_path / "run.json").read_text().startswith('{\n  "seed": 3,\n  "rates": {\n    "b": 0.1,')


@pytest.mark.parametrize("content", [b"", b'{"seed": 3', b'{"seed": "three", "rates": {}}', b"\xff\xfe"])
def test_json_that_is_something_else(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(StoreError) as caught:
        read_json(tmp_path / "run.json", Settings)
    expect_one_line(caught, tmp_path / "run.json", "restore it")


def test_json_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        read_json(tmp_path / "run.json", Settings)
    expect_one_line(caught, tmp_path / "run.json")
