"""Images that are decoded once, into a file: a folder that is too large for memory.

The file's name follows from the images' names, sizes and times, so a folder that has changed is decoded anew. Beside it
is the digest of its content, which is written first: where the file is, it is whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from heredity.development.datasets.images import Pixels, Reading, decode_into, silently
from heredity.development.mapped import Mapped
from heredity.errors import DataError


def cached(
    files: Sequence[Path],
    called: Callable[[int], str],
    size: tuple[int, int] | None,
    folder: Path,
    reading: Reading = silently,
) -> Mapped:
    """Images as `decode` gives them, but all of them RGB, and in a file in `folder`, which is made unless it is there.

    Raises:
        DataError: as `decode`; or there is no room for the file.
        InputError: Pillow is not installed.
    """
    path = folder / f"{_key(files, called, size)}.npy"
    noted, temporary = path.with_suffix(".sha256"), path.with_suffix(f".{os.getpid()}.tmp")

    def room(shape: tuple[int, ...]) -> Pixels:
        needed, free = math.prod(shape), shutil.disk_usage(folder).free
        if needed > free:
            came = f"{free / 1e9:.1f} GB"
            raise DataError.of(f"{needed / 1e9:.1f} GB of room in {folder}", came, "give another cache=, or a size=")
        return np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)

    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            decode_into(files, called, size, room, reading)
            with temporary.open("rb") as file:
                noted.write_text(hashlib.file_digest(file, "sha256").hexdigest())
            temporary.replace(path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
    return Mapped(path.resolve(), noted.read_text(), torch.arange(len(files)))


def _key(files: Sequence[Path], called: Callable[[int], str], size: tuple[int, int] | None) -> str:
    state = hashlib.sha256(repr(size).encode())
    for i, path in enumerate(files):
        found = path.stat()
        state.update(f"{called(i)}\0{found.st_size}\0{found.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return state.hexdigest()[:16]
