"""What a study's page is made of: plain records."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from heredity.reproduce.study import Choice, Curve, Preset
from heredity.reproduce.tables import Line


class Point(Struct, frozen=True):
    """A generation of an arm, over seeds: by measure least, median and largest of the fittest's (or of varieties)."""

    generation: int
    seeds: int
    measures: dict[str, tuple[float, float, float]]


class Series(Struct, frozen=True):
    """An arm with a preset: its points by generation, its seeds' runs, and the settings that differ from a default."""

    arm: str
    preset: Preset
    kind: str
    says: str
    runs: tuple[str, ...]
    points: tuple[Point, ...]
    settings: dict[str, Any]


class Missing(Struct, frozen=True):
    """An arm that was not run."""

    arm: str
    says: str


class StudyFacts(Struct, frozen=True):
    """A study as its page shows it; where networks grow (`grows`), nobody asks for how much smaller they are."""

    title: str
    version: str
    study: str
    source: str
    scale: str
    data: str | None
    claims: tuple[str, ...]
    lines: tuple[Line, ...]
    series: tuple[Series, ...]
    curves: tuple[Curve, ...]
    choices: tuple[Choice, ...]
    missing: tuple[Missing, ...]
    grows: bool = False
