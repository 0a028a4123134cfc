"""Weights on disk: one safetensors file per set of weights and masks, named by the SHA-256 of its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError

from heredity.errors import StoreError
from heredity.store.files import TEMPORARY, io_errors, make_folder, sync_folder, write_atomically
from heredity.types import Tensors
from heredity.variation.operator import Masks, packed

MASK = "mask/"
"""What the names of masks begin with in a file; a mask's shape is that of the weight of the same name."""


class BlobStore:
    """A folder of weights.

    Any number of processes may put and get at once: equal content has an equal name, and files never change.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, digest: str) -> Path:
        """Where the weights of this digest lie."""
        return self.folder / f"{digest}.safetensors"

    def __contains__(self, digest: str) -> bool:
        return self.path(digest).exists()

    def put(self, tensors: Mapping[str, torch.Tensor], masks: Mapping[str, torch.Tensor] | None = None) -> str:
        """Writes weights, and boolean masks of their shapes; gives their digest. They are on the disk when it returns.

        Raises:
            StoreError: they cannot be written; nothing half-written is left.
        """
        data = _encode(tensors, masks or {})
        digest = hashlib.sha256(data).hexdigest()
        path = self.path(digest)
        make_folder(self.folder)
        with io_errors(path):
            # a file of another size has been cut off since, and is mended
            if path.exists() and path.stat().st_size == len(data):
                sync_folder(self.folder)  # another process may have renamed it just now
            else:
                write_atomically(path, data)
        return digest

    def get(self, digest: str) -> tuple[Tensors, Masks]:
        """`(weights, masks)` on the CPU.

        Raises:
            StoreError: the file is missing, cannot be read, or is not what was written.
        """
        path = self.path(digest)
        with io_errors(path):
            data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != digest:
            raise StoreError(
                f"expected {path} as it was written; came {len(data)} bytes with another checksum; "
                f"restore it from a copy of the run, or start a new run"
            )
        try:
            return _decode(data)
        except (SafetensorError, KeyError, ValueError) as error:
            raise StoreError(f"expected weights in {path}; came {error!r}; start a new run") from error

    def clean(self) -> None:
        """Removes what killed writers left behind. For who has the folder's lock.

        Raises:
            StoreError: the folder cannot be changed.
        """
        with io_errors(self.folder):
            for path in self.folder.glob(f".*{TEMPORARY}"):
                path.unlink(missing_ok=True)


def _encode(tensors: Mapping[str, torch.Tensor], masks: Mapping[str, torch.Tensor]) -> bytes:
    """A file's bytes: names are sorted, so that equal content has equal bytes."""
    flat: Tensors = {MASK + name: torch.from_numpy(packed(mask)) for name, mask in masks.items()}
    met: set[int] = set()  # safetensors refuses memory that is strided, or shared with another tensor
    for name, tensor in tensors.items():
        whole = tensor.detach().cpu().contiguous()
        memory = whole.untyped_storage().data_ptr()
        flat[name] = whole.clone() if memory in met else whole
        met.add(memory)
    return safetensors.torch.save({name: flat[name] for name in sorted(flat)})


def _decode(data: bytes) -> tuple[Tensors, Masks]:
    # cloned: torch aligns memory for vector instructions, a file's content is not, and sums may differ in the last bit
    flat = {name: tensor.clone() for name, tensor in safetensors.torch.load(data).items()}
    tensors = {name: tensor for name, tensor in flat.items() if not name.startswith(MASK)}
    masks: Masks = {}
    for key in flat.keys() - tensors.keys():
        name = key.removeprefix(MASK)
        bits = np.unpackbits(flat[key].numpy(), count=tensors[name].numel())
        masks[name] = torch.from_numpy(bits.astype(np.bool_)).reshape(tensors[name].shape)
    return dict(sorted(tensors.items())), dict(sorted(masks.items()))
