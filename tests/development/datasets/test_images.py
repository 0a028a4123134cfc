from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from heredity.development.datasets.images import CHUNK, decode
from heredity.errors import DataError
from heredity.testing.refusals import expect_one_line

COINS = np.random.default_rng(0)


def called(i: int) -> str:
    return f"image {i}"


def colours(height: int = 4, width: int = 6) -> np.ndarray:
    return COINS.integers(256, size=(height, width, 3), dtype=np.uint8)


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_files_contents_and_pictures_are_the_same_pixels(tmp_path: Path) -> None:
    pixels = colours()
    image = Image.fromarray(pixels)
    (tmp_path / "a.png").write_bytes(png(image))
    decoded = decode([tmp_path / "a.png", str(tmp_path / "a.png"), png(image), image], called)
    assert decoded.dtype == torch.uint8
    assert torch.equal(decoded, torch.from_numpy(pixels).permute(2, 0, 1).expand(4, 3, 4, 6))


def test_more_than_a_thread_takes_at_a_time() -> None:
    pixels = COINS.integers(256, size=(2 * CHUNK + 3, 2, 3), dtype=np.uint8)
    decoded = decode([png(Image.fromarray(p)) for p in pixels], called)
    assert torch.equal(decoded[:, 0], torch.from_numpy(pixels))


class TestModes:
    grey = COINS.integers(256, size=(3, 3), dtype=np.uint8)

    def test_grey_stays_grey_if_all_is(self) -> None:
        sixteen = Image.fromarray(self.grey.astype(np.uint16) * 256 + 7)
        lines = Image.fromarray((self.grey > 99).astype(np.uint8) * 255).convert("1")
        decoded = decode([png(Image.fromarray(self.grey)), png(sixteen), png(lines)], called)
        assert decoded.shape == (3, 1, 3, 3)
        assert torch.equal(decoded[0, 0], torch.from_numpy(self.grey))
        assert torch.equal(decoded[1], decoded[0])
        assert torch.equal(decoded[2, 0], torch.from_numpy((self.grey > 99) * np.uint8(255)))

    def test_one_of_colour_makes_all_of_colour(self) -> None:
        pixels = colours(3, 3)
        for images in ([self.grey, pixels], [pixels, self.grey]):
            decoded = decode([png(Image.fromarray(p)) for p in images], called)
            assert decoded.shape == (2, 3, 3, 3)
            i = 0 if images[0] is self.grey else 1
            assert torch.equal(decoded[i], torch.from_numpy(self.grey).expand(3, 3, 3))

    def test_palettes_are_looked_up(self) -> None:
        image = Image.fromarray(colours(3, 3)).quantize(8)
        decoded = decode([png(image)], called)
        assert torch.equal(decoded[0], torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1))

    @pytest.mark.parametrize("grey", [True, False])
    def test_what_is_transparent_is_laid_on_white(self, grey: bool) -> None:
        solid = np.full((2, 2, 2 if grey else 4), 60, np.uint8)
        solid[..., -1] = [[0, 255], [255, 0]]
        decoded = decode([png(Image.fromarray(solid, "LA" if grey else "RGBA"))], called)
        assert decoded.shape == (1, 1 if grey else 3, 2, 2)
        assert (decoded == torch.tensor([[255, 60], [60, 255]])).all()

    def test_transparent_palettes(self) -> None:
        image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
        image.putpalette([10, 20, 30, 40, 50, 60])
        buffer = io.BytesIO()
        image.save(buffer, "PNG", transparency=bytes([0, 255]))
        assert decode([buffer.getvalue()], called)[0, :, 0].T.tolist() == [[255] * 3, [40, 50, 60]]

    def test_numbers_of_32_bits_are_refused(self) -> None:
        with pytest.raises(DataError) as caught:
            decode([Image.fromarray(np.zeros((2, 2), np.float32))], called)
        expect_one_line(caught, "image 0", "8 or 16 bits", "mode F")


def test_mixed_sizes_name_two_and_the_remedy() -> None:
    images = [png(Image.fromarray(colours(*size))) for size in ((4, 6), (4, 6), (6, 4))]
    with pytest.raises(DataError) as caught:
        decode(images, called)
    expect_one_line(caught, "images of one size", "6x4 in image 0, 4x6 in image 2", "size=64x64")
    assert decode(images, called, (5, 7)).shape == (3, 3, 5, 7)


@pytest.mark.parametrize("damage", ["empty", "cut", "noise", "missing", "none"])
def test_damaged_images_are_named(tmp_path: Path, damage: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(colours(40, 40)).save(buffer, "JPEG")
    sound = buffer.getvalue()
    bad = {
        "empty": b"",
        "cut": sound[: len(sound) // 2],
        "noise": bytes(999),
        "missing": tmp_path / "no.png",
        "none": None,
    }[damage]
    for images in ([sound, bad], [bad, sound]):
        with pytest.raises(DataError) as caught:
            decode(images, called)
        expect_one_line(caught, f"image {images.index(bad)} to be an image", "replace or remove")
