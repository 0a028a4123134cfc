"""Weights on disk: one safetensors file per set of weights and masks, named by the SHA-256 of its bytes.

What the siblings of a litter share is there once: a file of their bank, and for each sibling a file of what is its own
and, by parameter and dimension, of its positions in the bank.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError

from heredity.anatomy.labels import Integers
from heredity.anatomy.plan import IndexPlan
from heredity.errors import StoreError
from heredity.store.files import TEMPORARY, io_errors, make_folder, sync_folder, write_atomically
from heredity.types import Tensors
from heredity.variation.operator import Masks, Moments, packed

MASK, PLANES = "mask/", ("first/", "second/", "steps/")
"""What the names of masks, and of what an optimiser remembers, begin with in a file, before the parameter's name."""

AT, BANK = "at/", "bank"
"""Positions in a bank: `at/NAME/DIMENSION`, or `at/NAME/` of a single number, which has no dimensions. The bank's
digest, by whose presence a sibling's file is known."""


@dataclass(frozen=True)
class Part:
    """What a sibling has of a bank: `own` tensors and masks, and by `plan` the bank's tensors of these `names`."""

    own: Tensors
    masks: Masks
    names: Sequence[str]
    plan: IndexPlan


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
        return self._put(_encode(tensors, dict(masks or {})))

    def put_litter(self, bank: Tensors, moments: Moments, parts: Sequence[Part]) -> list[str]:
        """Writes what siblings share once, and what else each has; gives digests.

        Raises:
            StoreError: see `put`.
        """
        shared = self._put(_encode(bank, {}, moments))
        return [self._put(_encode_part(shared, part, bank)) for part in parts]

    def _put(self, data: bytes) -> str:
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

    def get(self, digest: str) -> tuple[Tensors, Masks, Moments]:
        """`(weights, masks, moments)` on the CPU.

        Raises:
            StoreError: the file is missing, cannot be read, or is not what was written.
        """
        try:
            flat = _load(self._read(digest))
            if BANK not in flat:
                return _sorted_out(flat)
            bank = _load(self._read(bytes(flat.pop(BANK).tolist()).hex()))
            tensors, masks, moments = _sorted_out(_joined(flat, bank))
        except (SafetensorError, KeyError, ValueError) as error:
            raise StoreError(f"expected weights in {self.path(digest)}; came {error!r}; start a new run") from error
        lives = {name: tensors[name] * mask for name, mask in masks.items()}  # siblings may have what this one lacks
        return tensors | lives, masks, moments

    def _read(self, digest: str) -> bytes:
        path = self.path(digest)
        with io_errors(path):
            data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != digest:
            raise StoreError(
                f"expected {path} as it was written; came {len(data)} bytes with another checksum; "
                f"restore it from a copy of the run, or start a new run"
            )
        return data

    def clean(self) -> None:
        """Removes what killed writers left behind. For who has the folder's lock.

        Raises:
            StoreError: the folder cannot be changed.
        """
        with io_errors(self.folder):
            for path in self.folder.glob(f".*{TEMPORARY}"):
                path.unlink(missing_ok=True)


def _encode(tensors: Mapping[str, torch.Tensor], masks: Masks, moments: Moments = ()) -> bytes:
    """A file's bytes: names are sorted, so that equal content has equal bytes."""
    flat: Tensors = {MASK + name: torch.from_numpy(packed(mask)) for name, mask in masks.items()}
    planes = [("", tensors), *zip(PLANES, moments, strict=bool(moments))]
    met: set[int] = set()  # safetensors refuses memory that is strided, or shared with another tensor
    for prefix, plane in planes:
        for name, tensor in plane.items():
            whole = tensor.detach().cpu().contiguous()
            memory = whole.untyped_storage().data_ptr()
            flat[prefix + name] = whole.clone() if memory in met else whole
            met.add(memory)
    return safetensors.torch.save({name: flat[name] for name in sorted(flat)})


def _load(data: bytes) -> Tensors:
    # cloned: torch aligns memory for vector instructions, a file's content is not, and sums may differ in the last bit
    return {name: tensor.clone() for name, tensor in safetensors.torch.load(data).items()}


def _encode_part(bank: str, part: Part, tensors: Tensors) -> bytes:
    """A sibling's file; `tensors` are the bank's. Of every parameter positions along its first dimension are there."""
    flat: Tensors = {**part.own, BANK: torch.tensor(list(bytes.fromhex(bank)), dtype=torch.uint8)}
    for name in part.names:
        if tensors[name].dim() == 0:
            flat[f"{AT}{name}/"] = torch.zeros(0, dtype=torch.int32)
            continue
        for dim, index in {0: np.arange(len(tensors[name])), **part.plan.gathers.get(name, {})}.items():
            flat[f"{AT}{name}/{dim}"] = torch.from_numpy(index.astype(np.int32))
    return _encode(flat, part.masks)


def _joined(flat: Tensors, bank: Tensors) -> Tensors:
    """A sibling's tensors as if it had a file of its own."""
    found = {name: tensor for name, tensor in flat.items() if not name.startswith(AT)}
    gathers: dict[str, dict[int, Integers]] = {}
    for key in flat.keys() - found.keys():
        name, _, dim = key.removeprefix(AT).rpartition("/")
        own = gathers.setdefault(name, {})
        if dim:
            own[int(dim)] = flat[key].numpy().astype(np.int64)
    plan = IndexPlan(gathers)
    for prefix in ("", *PLANES):
        plane = {name: bank[prefix + name] for name in gathers if prefix + name in bank}
        found |= {prefix + name: tensor for name, tensor in plan.apply(plane).items()}
    return found


def _sorted_out(flat: Tensors) -> tuple[Tensors, Masks, Moments]:
    """A file's tensors by what they are."""
    prefixes = (MASK, *PLANES)
    tensors = {name: tensor for name, tensor in sorted(flat.items()) if not name.startswith(prefixes)}
    masks: Masks = {}
    for key in sorted(name for name in flat if name.startswith(MASK)):
        name = key.removeprefix(MASK)
        bits = np.unpackbits(flat[key].numpy(), count=tensors[name].numel())
        masks[name] = torch.from_numpy(bits.astype(np.bool_)).reshape(tensors[name].shape)
    planes = tuple(
        {name.removeprefix(prefix): tensor for name, tensor in sorted(flat.items()) if name.startswith(prefix)}
        for prefix in PLANES
    )
    return tensors, masks, planes if any(planes) else ()
