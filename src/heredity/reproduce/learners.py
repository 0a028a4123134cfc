"""Culture in a study: what its genes evolved to, who learns well, and whether good learners are reinforced."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from scipy.stats import rankdata

from heredity.reproduce.measure import Measured, Row
from heredity.reproduce.plan import Part, Result
from heredity.reproduce.study import Preset
from heredity.reproduce.tables import by_arm

GENES = {"recipe.culture.weight": "culture_weight", "recipe.culture.temperature": "culture_temperature"}
"""By the gene's name, the row's."""


AGREEMENT = "agreement"
"""Beside genes: how much of what newborns answer is what their teachers do."""


class Learnt(Struct, frozen=True):
    """A gene in an arm, medians over seeds: where the first generation was drawn, and where the next one would be.

    Of `AGREEMENT` it is the median of the first generation, and of the last. `correlation` (median, least, largest) is
    that of individuals' places in their generation by it and by validation error. Below 0: who has more of it errs
    less. None where either is the same for all.
    """

    arm: str
    preset: Preset
    seeds: int
    gene: str
    first: float
    last: float
    correlation: tuple[float, float, float] | None


def learnt(outcome: Sequence[Result]) -> list[Learnt]:
    """A record for every arm and preset of every gene of culture that there is, and of agreement with teachers."""
    found: list[Learnt] = []
    for results in by_arm(outcome):
        for gene, column in GENES.items():
            of = [result.measured for result in results if gene in (result.measured.thetas or ({},))[0]]
            if of:
                ends = [tuple(float(one.thetas[place][gene].centre or 0) for place in (0, -1)) for one in of]
                found.append(_learnt(results[0].part, gene, column, ends, of))
        of = [result.measured for result in results if any(row.agreement is not None for row in result.measured.rows)]
        if of:
            found.append(_learnt(results[0].part, AGREEMENT, AGREEMENT, [_agreement(one.rows) for one in of], of))
    return found


def _learnt(part: Part, gene: str, column: str, ends: Sequence[tuple[float, ...]], of: Sequence[Measured]) -> Learnt:
    known = [c for one in of if (c := correlation(one.rows, column)) is not None]
    first, last = (statistics.median(values) for values in zip(*ends, strict=True))
    spread = (statistics.median(known), min(known), max(known)) if known else None
    return Learnt(part.arm.name, part.preset, len(of), gene, first, last, spread)


def _agreement(rows: Sequence[Row]) -> tuple[float, float]:
    """The medians of the first generation that was taught, and of the last."""
    of: dict[int, list[float]] = {}
    for row in rows:
        if row.agreement is not None:
            of.setdefault(row.generation, []).append(row.agreement)
    return statistics.median(of[min(of)]), statistics.median(of[max(of)])


def correlation(rows: Sequence[Row], column: str) -> float | None:
    """Of places within a generation, by a column and by validation error; all generations together, in [-1, 1]."""
    places: list[tuple[float, float]] = []
    for generation in {row.generation for row in rows}:
        own = [row for row in rows if row.generation == generation and getattr(row, column) is not None]
        if own:
            by_gene, by_error = (rankdata([getattr(row, name) for row in own]) for name in (column, "val_error"))
            places += zip(by_gene - by_gene.mean(), by_error - by_error.mean(), strict=True)
    if not places:
        return None
    genes, errors = np.array(places).T
    scale = float(np.sqrt((genes @ genes) * (errors @ errors)))
    return float(genes @ errors) / scale if scale else None
