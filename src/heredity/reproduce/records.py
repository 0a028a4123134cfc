"""What a study's page is made of: plain records."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from heredity.reproduce.fronts import Front
from heredity.reproduce.learners import Learnt
from heredity.reproduce.study import Choice, Curve, Preset, Shows
from heredity.reproduce.tables import Line


class Point(Struct, frozen=True):
    """A generation of an arm, over seeds: by measure least, median and largest of the fittest's (or of varieties)."""

    generation: int
    seeds: int
    measures: dict[str, tuple[float, float, float]]


class Dot(Struct, frozen=True, array_like=True):
    """An individual: its generation, weights and test error."""

    generation: int
    params: int
    error: float


class Series(Struct, frozen=True):
    """An arm with a preset: its points by generation, its seeds' runs, and the settings that differ from a default.

    In a study of fronts also all individuals of all seeds, and the steps of the median front: weights, test error.
    """

    arm: str
    preset: Preset
    kind: str
    says: str
    runs: tuple[str, ...]
    points: tuple[Point, ...]
    settings: dict[str, Any]
    individuals: tuple[Dot, ...] = ()
    front: tuple[tuple[int, float], ...] = ()


class Missing(Struct, frozen=True):
    """An arm that was not run."""

    arm: str
    says: str


class StudyFacts(Struct, frozen=True):
    """A study as its page shows it."""

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
    shows: Shows = "efficiencies"
    fronts: tuple[Front, ...] = ()
    learnt: tuple[Learnt, ...] = ()
    within: int | None = None
