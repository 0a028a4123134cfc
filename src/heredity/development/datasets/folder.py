"""A folder of images: a folder for each class, or such folders below `train`, `val` and `test`.

    flowers/daisy/1.jpg ...      or      flowers/train/daisy/1.jpg ...   flowers/test/daisy/9.jpg ...

Class folders are numbered in the order of their names, by value where all of them are numbers. Images are in memory, or
in a file if a folder for it is named (`cache`).
"""

from __future__ import annotations

from pathlib import Path

import torch

from heredity.development.datasets.cache import cached
from heredity.development.datasets.images import Reading, decode, file_names, silently
from heredity.development.datasets.options import Options
from heredity.development.task import Split, Task, make_task
from heredity.errors import DataError

SPLITS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
"""What splits are called, in folders and on hubs."""

SUFFIXES = frozenset([".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"])
"""Files that are taken for images; others are passed over."""


def folder_task(folder: Path, options: Options, *, seed: int, reading: Reading = silently) -> Task:
    """The task of a folder of images; `reading` is told how far decoding them is.

    Raises:
        DataError: there are no class folders, a class has no images, or an image cannot be used.
    """
    parts = _parts(folder)
    classes = class_names(parts["train"])
    files, labels, ends = list[Path](), list[int](), list[int]()
    for kind, place in parts.items():
        names = [path.name for path in _folders(place)]
        if unseen := [name for name in names if name not in classes]:
            came = f"{unseen[0]} in {place}"
            shown = ", ".join(classes[:10]) + ", ..." * (len(classes) > 10)
            raise DataError.of("classes that training has too", came, f"training has {shown}")
        for number, name in enumerate(classes):
            found = _images(place / name) if name in names else []
            if kind == "train" and not found:
                raise DataError.of(f"images in {place / name}", "none", "add some, or remove the folder")
            files += found
            labels += [number] * len(found)
        ends.append(len(files))
    called = file_names(files, folder)
    if options.cache is None:
        images = decode(files, called, options.size, reading)
    else:
        images = cached(files, called, options.size, Path(options.cache), reading)
    everything = Split(images, torch.tensor(labels))
    splits = {
        kind: everything.take(slice(start, end)) for kind, start, end in zip(parts, [0, *ends], ends, strict=False)
    }
    return make_task(
        str(folder),
        splits["train"],
        splits.get("validation"),
        splits.get("test"),
        seed=seed,
        augmentation=options.augment or (),
        classes=classes,
    )


def class_names(place: Path) -> list[str]:
    """The class folders of a folder, in the order of their numbers.

    Raises:
        DataError: there are none.
    """
    names = sorted(path.name for path in _folders(place))
    if not names:
        loose = len(_images(place))
        came = (
            f"{loose} images without any"
            if loose
            else "a folder without any"
            if any(place.iterdir())
            else "an empty one"
        )
        raise DataError.of(f"a folder for each class in {place}", came, "put images into CLASS/, one folder a class")
    return sorted(names, key=int) if all(name.isdecimal() for name in names) else names


def _parts(folder: Path) -> dict[str, Path]:
    """The folder of each split, training first."""
    there = {path.name.lower(): path for path in _folders(folder)}
    parts = {kind: there[name] for kind, names in SPLITS.items() for name in names if name in there}
    if "train" in parts:
        return parts
    if parts and len(parts) == len(there):
        raise DataError.of(
            f"a folder train in {folder}", f"only {', '.join(there)}", "name the training images' folder train"
        )
    return {"train": folder}


def _folders(place: Path) -> list[Path]:
    return sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))


def _images(place: Path) -> list[Path]:
    """All images below a folder."""
    return sorted(
        path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )
