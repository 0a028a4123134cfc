"""A run's folder: where everything lies in it, and the lock that lets one run at a time work there."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import msgspec

from heredity.errors import BusyError, StoreError
from heredity.store.files import io_errors, make_folder, write_atomically

Record = TypeVar("Record")


@dataclass(frozen=True)
class RunFolder:
    """The layout of a run's folder at `path`."""

    path: Path

    @property
    def settings(self) -> Path:
        """How the run was started."""
        return self.path / "run.json"

    @property
    def database(self) -> Path:
        """The history."""
        return self.path / "run.db"

    @property
    def blobs(self) -> Path:
        """Weights, see `BlobStore`."""
        return self.path / "blobs"

    @property
    def cache(self) -> Path:
        """What can be computed again, such as teachers' outputs."""
        return self.path / "cache"

    @property
    def front_json(self) -> Path:
        """The result."""
        return self.path / "front.json"

    @property
    def front(self) -> Path:
        """The result's networks, one folder a member."""
        return self.path / "front"

    @property
    def report(self) -> Path:
        """The run as one page to look at."""
        return self.path / "report.html"

    def make(self) -> None:
        """Creates the folder unless it is there.

        Raises:
            StoreError: it cannot be created.
        """
        make_folder(self.path)

    def lock(self) -> Lock:
        """Reserves the folder for this process until the lock is released or the process ends, however it ends.

        Raises:
            BusyError: another process has it.
            StoreError: the folder is missing or read-only.
        """
        return Lock(self.path)


class Lock:
    """The right to run in a folder: an exclusive `flock` on `run.lock` in it, which holds the owner's process id.

    The kernel drops it with the process, SIGKILL included. The file stays: removing it would let two processes lock
    two files of the same name. Processes started by `exec` (workers, through the fork server) do not inherit it.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "run.lock"
        with io_errors(path):
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                holder = os.read(self._handle, 32).decode(errors="replace").strip() or "unknown"
                self.release()
                if not isinstance(error, BlockingIOError):
                    raise
                raise BusyError(
                    f"expected no other run in {folder}; came one in process {holder}; wait for it or stop it, "
                    f"or choose another folder"
                ) from error
            try:
                os.ftruncate(self._handle, 0)
                os.write(self._handle, f"{os.getpid()}\n".encode())
            except OSError:
                self.release()
                raise

    def release(self) -> None:
        """Gives the folder back; once is enough."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()


def write_json(path: Path, record: Any) -> None:
    """Writes a record for people and programs to read, whole or not at all.

    Raises:
        StoreError: it cannot be written.
    """
    write_atomically(path, as_json(record))


def as_json(record: Any) -> bytes:
    """A record as the content of a file."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def read_json(path: Path, kind: type[Record]) -> Record:
    """The record in a file.

    Raises:
        StoreError: the file is missing, cannot be read, or holds something else.
    """
    with io_errors(path):
        data = path.read_bytes()
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:  # a ValidationError is one too
        raise StoreError(f"expected a record in {path}; came {error}; restore it from a copy of the run") from error
