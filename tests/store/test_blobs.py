"""Blobs are named by their bytes, come back bit for bit, and are whole or absent."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from heredity.anatomy.plan import IndexPlan
from heredity.errors import StoreError
from heredity.store import files
from heredity.store.blobs import BlobStore, Part, _encode, _load, _sorted_out
from heredity.testing.refusals import expect_one_line
from heredity.testing.store import sample_organism


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


def put_sample(blobs: BlobStore, number: int = 1) -> str:
    organism = sample_organism(number)
    return blobs.put(organism.tensors, organism.masks)


def test_a_blob_is_named_by_its_bytes(blobs: BlobStore) -> None:
    digest = put_sample(blobs)
    assert digest in blobs
    assert digest == hashlib.sha256(blobs.path(digest).read_bytes()).hexdigest()
    assert [p.name for p in blobs.folder.iterdir()] == [f"{digest}.safetensors"]


def test_equal_content_is_one_blob(blobs: BlobStore) -> None:
    organism = sample_organism(1)
    digest = put_sample(blobs)
    written = blobs.path(digest).stat()
    reversed_order = {name: organism.tensors[name].clone() for name in reversed(organism.tensors)}
    assert blobs.put(reversed_order, organism.masks) == digest
    assert blobs.path(digest).stat().st_ino == written.st_ino  # not written again
    assert put_sample(blobs, 2) != digest
    assert blobs.put(organism.tensors) != digest  # masks belong to the content


@given(shape=st.lists(st.integers(1, 5), max_size=4), seed=st.integers(0, 2**32))
def test_masks_of_any_shape_come_back(shape: list[int], seed: int) -> None:
    coins = torch.Generator().manual_seed(seed)
    weight, mask = torch.randn(shape, generator=coins), torch.rand(shape, generator=coins) < 0.5
    tensors, masks, moments = _sorted_out(_load(_encode({"a": weight, "b": weight}, {"b": mask})))
    assert {name: m.dtype for name, m in masks.items()} == {"b": torch.bool}
    assert torch.equal(masks["b"], mask)
    assert torch.equal(tensors["a"], weight)
    assert not moments


def test_masks_take_a_bit_each() -> None:
    mask = torch.ones(80, 100, dtype=torch.bool)
    weight = torch.zeros(80, 100)
    assert 1000 <= len(_encode({"w": weight}, {"w": mask})) - len(_encode({"w": weight}, {})) <= 1100


def test_what_comes_back_is_ones_own(blobs: BlobStore) -> None:
    digest = put_sample(blobs)
    tensors, *_ = blobs.get(digest)
    assert all(tensor.data_ptr() % 64 == 0 for tensor in tensors.values())  # aligned as torch aligns
    tensors["layer.weight"].zero_()
    assert blobs.get(digest)[0]["layer.weight"].abs().sum() > 0


def test_siblings_share_numbers_as_they_share_tensors(blobs: BlobStore) -> None:
    """A parameter without dimensions is the same in all siblings, and so is what the optimiser remembers of it."""
    coins = torch.Generator().manual_seed(0)
    bank, *moments = (
        {"w": torch.randn(4, 3, generator=coins), "t": torch.randn((), generator=coins)} for _ in range(4)
    )
    rows = np.array([0, 2])
    plans = IndexPlan({}), IndexPlan({"w": {0: rows}})
    digests = blobs.put_litter(bank, tuple(moments), [Part({}, {}, ("t", "w"), plan) for plan in plans])
    for digest, index in zip(digests, (np.arange(4), rows), strict=True):
        tensors, _, planes = blobs.get(digest)
        for plane, whole in zip((tensors, *planes), (bank, *moments), strict=True):
            assert plane.keys() == whole.keys()
            assert torch.equal(plane["t"], whole["t"])
            assert torch.equal(plane["w"], whole["w"][index])


def cut(data: bytes) -> bytes:
    return data[:-7]


def altered(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def emptied(data: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("damage", [cut, altered, emptied])
def test_a_damaged_blob_is_refused(blobs: BlobStore, damage: Callable[[bytes], bytes]) -> None:
    path = blobs.path(digest := put_sample(blobs))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StoreError) as caught:
        blobs.get(digest)
    expect_one_line(caught, path, "restore it")


def test_a_missing_blob_is_named(blobs: BlobStore) -> None:
    with pytest.raises(StoreError) as caught:
        blobs.get("0" * 64)
    expect_one_line(caught, blobs.path("0" * 64), "restore it")


def test_a_file_that_is_no_blob(blobs: BlobStore) -> None:
    blobs.folder.mkdir()
    blobs.path(digest := hashlib.sha256(b"words").hexdigest()).write_bytes(b"words")
    with pytest.raises(StoreError) as caught:
        blobs.get(digest)
    expect_one_line(caught, blobs.path(digest))


def test_a_truncated_blob_is_mended_by_putting_it_again(blobs: BlobStore) -> None:
    path = blobs.path(digest := put_sample(blobs))
    path.write_bytes(path.read_bytes()[:-1])
    assert put_sample(blobs) == digest
    assert "layer.weight" in blobs.get(digest)[0]


@pytest.mark.parametrize(
    ("owner", "call", "number"),
    [(os, "fsync", errno.ENOSPC), (Path, "replace", errno.ENOSPC), (os, "fsync", errno.EDQUOT)],
)
def test_a_full_disk_leaves_nothing_half_written(
    blobs: BlobStore, monkeypatch: pytest.MonkeyPatch, owner: object, call: str, number: int
) -> None:
    kept = put_sample(blobs, 1)

    def full(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(owner, call, full)
        with pytest.raises(StoreError) as caught:
            put_sample(blobs, 2)
    expect_one_line(caught, blobs.folder, "free some")
    assert [p.name for p in blobs.folder.iterdir()] == [f"{kept}.safetensors"]
    assert put_sample(blobs, 2) in blobs


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_read_only_folder(blobs: BlobStore, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    put_sample(blobs, 1)

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(StoreError) as caught:
        put_sample(blobs, 2)
    expect_one_line(caught, blobs.folder, "folder")
    assert len(list(blobs.folder.iterdir())) == 1


def test_cleaning_removes_only_what_was_left_behind(blobs: BlobStore) -> None:
    digest = put_sample(blobs)
    (blobs.folder / f".{digest}.safetensors.0123abcd{files.TEMPORARY}").write_bytes(b"half")
    blobs.clean()
    assert [p.name for p in blobs.folder.iterdir()] == [f"{digest}.safetensors"]
    BlobStore(blobs.folder / "absent").clean()


def test_many_writers_of_one_blob(blobs: BlobStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: put_sample(blobs), range(32)))) == 1
    assert len(list(blobs.folder.iterdir())) == 1
