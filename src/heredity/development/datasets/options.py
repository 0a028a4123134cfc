"""Options behind a data reference: `mnist:10%`, `flowers:size=64x64`, `irises.parquet:label=species,input=width`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from heredity.errors import DataError, InputError

FORMS = {
    "label": "COLUMN",
    "input": "COLUMN+COLUMN",
    "size": "64x64",
    "cache": "DIR",
    "augment": "NAME+NAME",
    "config": "NAME",
}
"""Options by name, and what they look like; a share is written without a name: `10%`."""


@dataclass(frozen=True)
class Options:
    """What stands behind a reference.

    `share` in (0, 1] of the training and validation examples; `label` and `input`: columns of tables; `size`: (height,
    width) to which images are resized; `cache`: a folder for a file of the decoded images, which then need not fit into
    memory; `augment`: what is done to training images; `config`: a configuration of a hub's data set.
    """

    share: float | None = None
    label: tuple[str, ...] = ()
    input: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    cache: str | None = None
    augment: tuple[str, ...] = ()
    config: str | None = None

    def allow(self, *names: str, form: str) -> None:
        """Refuses options that a form of data does not have; all have the share.

        Raises:
            InputError: one of them is given.
        """
        for name in FORMS:
            if getattr(self, name) and name not in names:
                raise InputError.of(f"options of {form}", f"{name}=", _known(names))


def parse(reference: str) -> tuple[str, Options]:
    """What a reference says before its last colon, and the options behind it; `(reference, none)` if these are none.

    Raises:
        DataError: the share is none.
        InputError: another option is unknown, or cannot be understood.
    """
    place, colon, tail = reference.rpartition(":")
    parts = tail.split(",")
    if not colon or not all("=" in part or part.endswith("%") for part in parts):
        return reference, Options()
    return place, Options(**dict(_option(part, reference) for part in parts))


def _option(part: str, reference: str) -> tuple[str, Any]:
    name, equals, value = part.partition("=")
    if not equals:
        return "share", _share(part, reference)
    if name == "size" and (sides := re.fullmatch(r"([1-9]\d*)(?:x([1-9]\d*))?", value)):
        height, width = sides.groups()
        return "size", (int(height), int(width or height))
    if name in ("config", "cache") and value:
        return name, value
    if name in ("label", "input", "augment") and value:
        return name, tuple(value.split("+"))
    raise InputError.of("an option of data", f"{part!r} in {reference}", _known(FORMS))


def _share(part: str, reference: str) -> float:
    try:
        share = float(part.removesuffix("%")) / 100
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise DataError.of("a share such as mnist:10%", reference, "give a number in (0, 100]")
    return share


def _known(names: Iterable[str]) -> str:
    return "known: " + ", ".join([*(f"{name}={FORMS[name]}" for name in names), "a share such as 10%"])
