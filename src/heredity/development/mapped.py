"""Images in a file: inputs of splits that are too large for memory."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch


@dataclass(frozen=True, eq=False)
class Mapped:
    """Images `(n, channels, h, w)` in a file of bytes; what is asked for is read, and comes as a tensor.

    `rows (n,)` are their places in the file, a NumPy array of this `digest`. Other processes are sent the path, not the
    images; what the system keeps of the file in memory, all share.
    """

    path: Path
    digest: str
    rows: torch.Tensor

    dtype: ClassVar[torch.dtype] = torch.uint8

    @property
    def shape(self) -> torch.Size:
        """`(n, channels, h, w)`."""
        return torch.Size((len(self), *_opened(self.path).shape[1:]))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: slice | torch.Tensor, /) -> torch.Tensor:
        rows = self.rows[at.cpu() if isinstance(at, torch.Tensor) else at]
        return torch.from_numpy(_opened(self.path)[rows.numpy()])

    def split(self, size: int, /) -> Iterator[torch.Tensor]:
        """The images, so many at a time."""
        return (self[start : start + size] for start in range(0, len(self), size))

    def take(self, at: slice | torch.Tensor) -> Mapped:
        """The images at these positions, which stay in the file."""
        return Mapped(self.path, self.digest, self.rows[at])

    @property
    def identity(self) -> bytes:
        """What it is that two of equal content have in common."""
        return self.digest.encode() + self.rows.numpy().tobytes()


@functools.cache
def _opened(path: Path) -> npt.NDArray[np.uint8]:
    return np.load(path, mmap_mode="r")
