"""Images from files to tensors: decoded by Pillow in parallel threads, kept as bytes.

Grey images stay grey if all are; otherwise all become RGB. What is transparent is laid on white, palettes are looked
up, 16-bit grey loses its lower byte. Nothing is resized unless it is asked for.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from heredity.development.extras import library
from heredity.errors import DataError

Pixels = npt.NDArray[np.uint8]

Room = Callable[[tuple[int, ...]], Pixels]
"""Gives an array of this shape, for images to be put into."""

Reading = Callable[[int, int], None]
"""Is told how many images have been decoded, of how many."""


def silently(done: int, images: int) -> None:
    """Tells nobody how far decoding is."""


CHUNK = 64
"""Images that a thread decodes at a time."""


def decode(
    sources: Sequence[Any],
    called: Callable[[int], str],
    size: tuple[int, int] | None = None,
    reading: Reading = silently,
) -> torch.Tensor:
    """Images as uint8 `(n, channels, h, w)`; a source is a file's path, its content, or an image of Pillow's.

    `called` names the source at a position, for messages. `size` is (height, width) to resize all to.

    Raises:
        DataError: one is missing or damaged, they are of more than one size, or too many for this machine's memory.
        InputError: Pillow is not installed.
    """
    images, grey = decode_into(sources, called, size, _memory, reading)
    return torch.from_numpy(images[:, :1].copy() if grey else images)


def decode_into(
    sources: Sequence[Any],
    called: Callable[[int], str],
    size: tuple[int, int] | None,
    room: Room,
    reading: Reading = silently,
) -> tuple[Pixels, bool]:
    """Images as RGB `(n, 3, h, w)` in the room that there is for them, and whether all are grey; else see `decode`."""
    read = _reader(size)

    def one(i: int) -> Pixels:
        try:
            return read(sources[i])
        except Exception as error:
            came = f"{type(error).__name__}: {error}" if not isinstance(error, DataError) else str(error)
            raise DataError.of(f"{called(i)} to be an image", came, "replace or remove it") from error

    first = one(0)
    height, width = first.shape[:2]
    images = room((len(sources), 3, height, width))

    def fill(start: int) -> bool:
        """Decodes a chunk; whether all of it is grey."""
        grey = True
        for i in range(start, min(start + CHUNK, len(sources))):
            image = one(i)
            if image.shape[:2] != (height, width):
                raise DataError.of(
                    "images of one size",
                    f"{width}x{height} in {called(0)}, {image.shape[1]}x{image.shape[0]} in {called(i)}",
                    "resize them, or say so: NAME:size=64x64 for files (height x width)",
                )
            images[i] = image if image.ndim == 2 else image.transpose(2, 0, 1)
            grey = grey and image.ndim == 2
        return grey

    all_grey = True
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, grey in enumerate(pool.map(fill, range(0, len(sources), CHUNK)), 1):
            all_grey = all_grey and grey
            reading(min(number * CHUNK, len(sources)), len(sources))
    return images, all_grey


def _memory(shape: tuple[int, ...]) -> Pixels:
    needed, there = math.prod(shape), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if 2 * needed > there:  # this process has them, and every worker
        came = f"{needed / 1e9:.1f} GB for {there / 1e9:.1f} GB of memory"
        remedy = "resize them (size=64x64), or keep those of a folder in a file: FOLDER:cache=DIR"
        raise DataError.of("images that fit into memory twice", came, remedy)
    return np.empty(shape, np.uint8)


def is_image(value: Any) -> bool:
    """Whether this is an image of Pillow's, without importing it."""
    return any(cls.__module__ == "PIL.Image" and cls.__name__ == "Image" for cls in type(value).__mro__)


def _reader(size: tuple[int, int] | None) -> Callable[[Any], Pixels]:
    """Reads one source: `(h, w)` if it is grey, else `(h, w, 3)`."""
    image_module = library("PIL.Image", "which decodes images")

    def read(source: Any) -> Pixels:
        if is_image(source):
            return _pixels(source, size, image_module)
        with image_module.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            return _pixels(image, size, image_module)

    return read


def _pixels(image: Any, size: tuple[int, int] | None, image_module: Any) -> Pixels:
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        grey = image.mode in ("LA", "La", "L", "1")
        image = image.convert("RGBA")
        image = image_module.alpha_composite(image_module.new("RGBA", image.size, "white"), image)
        image = image.convert("L" if grey else "RGB")
    elif image.mode.startswith("I;16"):
        image = image_module.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise DataError.of("8 or 16 bits a pixel", f"mode {image.mode}", "convert it")
    elif image.mode not in ("L", "RGB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    if size is not None and image.size != size[::-1]:
        image = image.resize(size[::-1], image_module.Resampling.BILINEAR)
    return np.asarray(image)


def file_names(paths: Sequence[Path], folder: Path) -> Callable[[int], str]:
    """What `decode` calls files below a folder."""
    return lambda i: f"{paths[i].relative_to(folder)} in {folder}"
