from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from heredity.development.augmentation import AUGMENTATIONS, augmenter, flip, resized_crop, shift
from heredity.errors import InputError
from heredity.rng import generator


@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(4, 7), st.integers(4, 7), st.integers(1, 3))
def test_shifts_are_windows_of_the_padded_image(seed: int, pixels: int, height: int, width: int, channels: int) -> None:
    """Brute force: one offset explains all pixels of all channels; numbered pixels show that they are kept."""
    batch = torch.arange(5 * channels * height * width, dtype=torch.float32).reshape(5, channels, height, width)
    before = batch.clone()
    shifted = shift(pixels)(batch, generator(seed))
    assert torch.equal(batch, before)
    assert shifted.shape == batch.shape
    padded = F.pad(batch, (pixels,) * 4, mode="replicate")
    for image, moved in zip(padded, shifted, strict=True):
        windows = [
            image[:, r : r + height, c : c + width] for r in range(2 * pixels + 1) for c in range(2 * pixels + 1)
        ]
        assert any(torch.equal(window, moved) for window in windows)


def test_all_shifts_come_equally_often() -> None:
    image = torch.arange(49, dtype=torch.float32).reshape(1, 1, 7, 7).expand(9000, 1, 7, 7)
    centres = shift(1)(image, generator(0))[:, 0, 3, 3]
    values, counts = centres.unique(return_counts=True)
    assert values.tolist() == [16, 17, 18, 23, 24, 25, 30, 31, 32]
    assert (counts - 1000).abs().max() < 4.5 * (9000 * 1 / 9 * 8 / 9) ** 0.5


def test_flips_mirror_every_other_image() -> None:
    batch = torch.rand(2000, 3, 2, 5)
    flipped = flip(batch, generator(0))
    mirrored = [torch.equal(a, b.flip(2)) for a, b in zip(flipped, batch, strict=True)]
    same = [torch.equal(a, b) for a, b in zip(flipped, batch, strict=True)]
    assert all(m != s for m, s in zip(mirrored, same, strict=True))
    assert abs(sum(mirrored) - 1000) < 4.5 * 500**0.5


def test_resized_crops_are_windows_of_the_image() -> None:
    """Of an image that says where each pixel lies, a window is a slower slope within the image's bounds."""
    rows, columns = torch.meshgrid(torch.arange(40.0), torch.arange(60.0), indexing="ij")
    batch = torch.stack([rows / 40, columns / 60]).expand(4000, 2, 40, 60)
    cropped = resized_crop(batch, generator(0))
    assert cropped.shape == batch.shape
    inner = cropped[:, :, 10:30, 15:45]  # which no border reaches
    down, across = inner[:, 0].diff(dim=1) * 40, inner[:, 1].diff(dim=2) * 60
    for slope in (down, across):
        assert (slope - slope.mean((1, 2), keepdim=True)).abs().max() < 1e-3
    height, width = down.mean((1, 2)), across.mean((1, 2))
    area, ratio = height * width, width / height
    assert area.min() > 0.0799
    assert height.max() < 1.0001
    assert width.max() < 1.0001
    assert ratio.min() > 0.7499
    assert ratio.max() < 1.3334
    assert area.mean() == pytest.approx(0.54, abs=0.03)
    assert cropped.min() >= 0
    assert cropped[:, 0].max() <= 39 / 40
    corners = cropped[:, 0, 0, 0], cropped[:, 1, 0, 0]
    assert all((corner == 0).any() and corner.max() > 0.4 for corner in corners), "anywhere in the image"


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentation_follows_its_generator_alone(name: str) -> None:
    batch, state = torch.rand(64, 1, 9, 9), torch.get_rng_state()
    one, same, other = (AUGMENTATIONS[name](batch, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_names_are_applied_in_order() -> None:
    assert augmenter(()) is None
    both = augmenter(["shift2", "flip"])
    assert both is not None
    batch, coins, again = torch.rand(8, 1, 6, 6), generator(3), generator(3)
    assert torch.equal(both(batch, coins), flip(shift(2)(batch, again), again))
    with pytest.raises(InputError, match=r"^expected known augmentations; came twist; choose among shift1, .*flip$"):
        augmenter(["flip", "twist"])
