"""Files that are whole or absent: written beside their place, flushed to the disk, then renamed into it."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Generator
from pathlib import Path

from heredity.errors import StoreError

TEMPORARY = ".tmp"
"""How the names of files end that are being written."""

_REMEDIES = {
    errno.ENOSPC: ("room for {}", "free some disk space, then resume"),
    errno.EDQUOT: ("room for {}", "free some of your disk quota, then resume"),
    errno.EFBIG: ("room for {}", "raise the limit on the size of files, then resume"),
    errno.EROFS: ("to be able to write {}", "choose a folder that can be written to"),
    errno.EACCES: ("to have access to {}", "change its permissions, or choose another folder"),
    errno.EPERM: ("to have access to {}", "change its permissions, or choose another folder"),
    errno.ENOENT: ("to find {}", "check the path, or restore it from a copy of the run"),
    errno.ENOTDIR: ("a folder to hold {}", "choose another folder"),
    errno.EEXIST: ("a folder to hold {}", "choose another folder"),
}


@contextlib.contextmanager
def io_errors(path: Path) -> Generator[None]:
    """Turns what the operating system refuses to do with `path` into a StoreError of one line."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        wanted, remedy = _REMEDIES.get(error.errno or 0, ("to read or write {}", "check the disk, then resume"))
        came = (error.strerror or type(error).__name__).lower()
        raise StoreError(f"expected {wanted.format(path)}; came {came}; {remedy}") from error


def write_atomically(path: Path, data: bytes) -> None:
    """Gives `path` this content. Whoever reads it, and whenever this is killed, finds the old content or the new.

    Raises:
        StoreError: it cannot be written (full, read-only, missing folder); nothing half-written is left.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMPORARY}")
    with io_errors(path):
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes renames in `folder` outlast a loss of power."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Creates a folder, and those above it, unless they are there.

    Raises:
        StoreError: it cannot be created.
    """
    with io_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
