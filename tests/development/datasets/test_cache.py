"""A folder of images that is decoded into a file."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from heredity.development.datasets import cache, images, load_task
from heredity.development.mapped import Mapped
from heredity.errors import DataError
from heredity.testing.refusals import expect_one_line


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of twelve images in `train`, of four in `test`."""
    coins = np.random.default_rng(0)
    for split, n in (("train", 12), ("test", 4)):
        for name in ("cat", "dog"):
            (tmp_path / "photos" / split / name).mkdir(parents=True)
            for i in range(n):
                pixels = coins.integers(256, size=(9, 7, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "photos" / split / name / f"{i}.jpeg")
    return tmp_path / "photos"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "deep"


def test_it_is_the_same_task(photos: Path, place: Path) -> None:
    plain, held = (load_task(f"{photos}:size=4x6{more}", seed=1) for more in ("", f",cache={place},augment=flip"))
    assert held.inputs == plain.inputs
    assert (held.classes, held.augmentation, plain.augmentation) == (("cat", "dog"), ("flip",), ())
    for kind in ("train", "validation", "test"):
        one, other = getattr(held, kind), getattr(plain, kind)
        assert isinstance(one.inputs, Mapped)
        assert torch.equal(one.inputs[:], other.inputs)
        assert torch.equal(one.labels, other.labels)
    told: list[tuple[int, int]] = []
    load_task(f"{photos}:size=4x6", seed=0, reading=lambda *so_far: told.append(so_far))
    load_task(f"{photos}:size=4x6,cache={place / 'anew'}", seed=0, reading=lambda *so_far: told.append(so_far))
    assert told == 2 * [(len(plain.train) + len(plain.validation) + len(plain.test),) * 2], "both ways of decoding tell"
    part = load_task(f"{photos}:size=4x6,cache={place},50%", seed=1)
    assert isinstance(part.train.inputs, Mapped)
    assert len(part.train) == len(plain.train) // 2


def test_images_are_decoded_once_and_anew_when_they_have_changed(
    photos: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = f"{photos}:cache={place}"
    first = load_task(reference, seed=0)
    with monkeypatch.context() as patch:
        patch.setattr(cache, "decode_into", lambda *_: pytest.fail("it is there already"))
        assert load_task(reference, seed=0).digest == first.digest
    changed = photos / "train" / "cat" / "3.jpeg"
    content = changed.read_bytes()
    changed.write_bytes((photos / "train" / "dog" / "3.jpeg").read_bytes())
    assert load_task(reference, seed=0).digest != first.digest
    changed.write_bytes(content)
    os.utime(changed, (1, 1))
    assert load_task(reference, seed=0).digest == first.digest, "times say when to look, content says what it is"
    assert {path.suffix for path in place.iterdir()} == {".npy", ".sha256"}


def test_grey_images_become_colours(photos: Path, place: Path) -> None:
    for path in photos.rglob("*.jpeg"):
        Image.open(path).convert("L").save(path)
    assert load_task(str(photos), seed=0).inputs.shape == (1, 9, 7)
    assert load_task(f"{photos}:cache={place}", seed=0).inputs.shape == (3, 9, 7)


def test_a_damaged_image_is_named_and_leaves_nothing(photos: Path, place: Path) -> None:
    damaged = photos / "test" / "dog" / "2.jpeg"
    damaged.write_bytes(damaged.read_bytes()[:200])
    with pytest.raises(DataError) as caught:
        load_task(f"{photos}:cache={place}", seed=0)
    expect_one_line(caught, f"test/dog/2.jpeg in {photos} to be an image", "replace or remove it")
    assert list(place.iterdir()) == []


def test_what_has_no_room(photos: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = SimpleNamespace(free=32 * 3 * 16 * 16 - 1)
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: free)
    with pytest.raises(DataError) as caught:
        load_task(f"{photos}:size=16,cache={place}", seed=0)
    expect_one_line(caught, f"0.0 GB of room in {place}", "give another cache=")
    monkeypatch.setattr(images.os, "sysconf", lambda name: {"SC_PAGE_SIZE": 100, "SC_PHYS_PAGES": 120}[name])
    with pytest.raises(DataError) as caught:
        load_task(f"{photos}:size=16", seed=0)
    expect_one_line(caught, "images that fit into memory twice", "FOLDER:cache=DIR")
    free.free += 1
    load_task(f"{photos}:size=16,cache={place}", seed=0)


def test_the_folder_cannot_be_made(photos: Path, place: Path) -> None:
    place.parent.write_text("a file")
    with pytest.raises(DataError) as caught:
        load_task(f"{photos}:cache={place}", seed=0)
    expect_one_line(caught, f"to be able to read {photos}", "NotADirectoryError")
