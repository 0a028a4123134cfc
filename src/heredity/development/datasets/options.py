"""Options behind a data reference: `mnist:10%`, `flowers:size=64x64`, `irises.parquet:label=species,input=width`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from heredity.errors import DataError, InputError

FORMS = {
    "label": "COLUMN",
    "input": "COLUMN+COLUMN",
    "size": "64x64",
    "cache": "DIR",
    "augment": "NAME+NAME|none",
    "config": "NAME",
    "speaker": "NAME",
    "features": "mfcc|fbank",
    "deltas": "0|1|2",
    "vector": "utterance|speaker|none",
    "utterances": "2000",
    "digits": "3-7",
}
"""Options by name, and what they look like; a share is written without a name: `10%`, and so are `FLAGS`."""

FLAGS = {"connected": "fsdd"}
"""Options without a value, each of one data set: elsewhere such a word is the name of a callable."""

SPEECH_OPTIONS = ("connected", "speaker", "features", "deltas", "vector", "augment", "utterances", "digits")
"""Those of `fsdd`."""


@dataclass(frozen=True)
class Options:
    """What stands behind a reference; what is not said is None or empty.

    `share` in (0, 1] of the training and validation examples; `label` and `input`: columns of tables; `size`: (height,
    width) to which images are resized; `cache`: a folder for a file of the decoded images, which then need not fit into
    memory; `augment`: what is done to training images, or recordings; `config`: a configuration of a hub's data set.
    The others are of speech, see `heredity.development.datasets.fsdd`.
    """

    share: float | None = None
    label: tuple[str, ...] = ()
    input: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    cache: str | None = None
    augment: tuple[str, ...] | None = None
    config: str | None = None
    connected: bool | None = None
    speaker: str | None = None
    features: Literal["mfcc", "fbank"] | None = None
    deltas: int | None = None
    vector: Literal["utterance", "speaker", "none"] | None = None
    utterances: int | None = None
    digits: tuple[int, int] | None = None

    def allow(self, *names: str, form: str) -> None:
        """Refuses options that a form of data does not have; all have the share.

        Raises:
            InputError: one of them is given.
        """
        for name in FORMS:
            if getattr(self, name) != getattr(Options, name) and name not in names:
                raise InputError.of(f"options of {form}", f"{name}=", known_options(names))


def parse(reference: str) -> tuple[str, Options]:
    """What a reference says before its last colon, and the options behind it; `(reference, none)` if these are none.

    Raises:
        DataError: the share is none.
        InputError: another option is unknown, or cannot be understood.
    """
    place, colon, tail = reference.rpartition(":")
    parts = tail.split(",")
    if not colon or not all("=" in part or part.endswith("%") or FLAGS.get(part) == place for part in parts):
        return reference, Options()
    return place, Options(**dict(_option(part, reference) for part in parts))


def _option(part: str, reference: str) -> tuple[str, Any]:
    name, equals, value = part.partition("=")
    if not equals:
        return (part, True) if part in FLAGS else ("share", _share(part, reference))
    if name == "size" and (sides := re.fullmatch(r"([1-9]\d*)(?:x([1-9]\d*))?", value)):
        height, width = sides.groups()
        return "size", (int(height), int(width or height))
    if name in ("config", "cache", "speaker") and value:
        return name, value
    if name in ("label", "input", "augment") and value:
        return name, () if (name, value) == ("augment", "none") else tuple(value.split("+"))
    if name in ("features", "deltas", "vector") and value in FORMS[name].split("|"):
        return name, int(value) if name == "deltas" else value
    if name == "utterances" and re.fullmatch(r"[1-9]\d{0,5}", value):
        return name, int(value)
    if name == "digits" and (counts := re.fullmatch(r"([1-9]\d?)-([1-9]\d?)", value)):
        least, most = int(counts[1]), int(counts[2])
        if least <= most:
            return name, (least, most)
    known = SPEECH_OPTIONS if reference.startswith("fsdd:") else FORMS
    raise InputError.of("an option of data", f"{part!r} in {reference}", known_options(known))


def _share(part: str, reference: str) -> float:
    try:
        share = float(part.removesuffix("%")) / 100
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise DataError.of("a share such as mnist:10%", reference, "give a number in (0, 100]")
    return share


def known_options(names: Iterable[str]) -> str:
    """What there is to say of these names, for messages."""
    listed = (f"{name}={FORMS[name]}" if name in FORMS else name for name in names)
    return "known: " + ", ".join([*listed, "a share such as 10%"])
