"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from heredity.errors import StoreError
from heredity.store.files import io_errors, make_folder, write_atomically
from heredity.testing.refusals import expect_one_line


def test_content_is_replaced_and_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    calls: list[str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda f: (calls.append("flush"), fsync(f)))
    monkeypatch.setattr(Path, "replace", lambda a, b: (calls.append("rename"), replace(a, b)))
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert calls == ["flush", "rename", "flush"]  # the content, the name, the folder
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_keeps_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(_: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises((StoreError, KeyboardInterrupt)):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_and_a_file_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        write_atomically(tmp_path / "absent" / "file", b"")
    expect_one_line(caught, tmp_path / "absent" / "file")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError) as caught:
        make_folder(tmp_path / "file")
    expect_one_line(caught, tmp_path / "file")
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")


def test_every_error_of_the_system_is_one_line(tmp_path: Path) -> None:
    for number in (*errno.errorcode, 0):
        with pytest.raises(StoreError) as caught, io_errors(tmp_path):
            raise OSError(number, os.strerror(number))
        expect_one_line(caught, tmp_path)
    with pytest.raises(StoreError) as caught, io_errors(tmp_path):
        raise OSError("without a number")
    expect_one_line(caught, tmp_path)


def test_errors_are_not_wrapped_twice(tmp_path: Path) -> None:
    first = StoreError("expected a; came b; do c")
    with pytest.raises(StoreError) as caught, io_errors(tmp_path):
        raise first
    assert caught.value is first
