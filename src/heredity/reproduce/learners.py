"""Culture's genes in a study: what they evolved to, and whether those of good learners are reinforced."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from scipy.stats import rankdata

from heredity.reproduce.measure import Row
from heredity.reproduce.plan import Result
from heredity.reproduce.study import Preset
from heredity.reproduce.tables import by_arm

GENES = {"recipe.culture.weight": "culture_weight", "recipe.culture.temperature": "culture_temperature"}
"""By the gene's name, the row's."""


class Learnt(Struct, frozen=True):
    """A gene in an arm, medians over seeds: where the first generation was drawn, and where the next one would be.

    `correlation` (median, least, largest) is that of individuals' places in their generation by the gene and by
    validation error. Below 0: who has more of it errs less. None where either is the same for all.
    """

    arm: str
    preset: Preset
    seeds: int
    gene: str
    first: float
    last: float
    correlation: tuple[float, float, float] | None


def learnt(outcome: Sequence[Result]) -> list[Learnt]:
    """A record for every arm, preset and gene of culture that there is."""
    found: list[Learnt] = []
    for results in by_arm(outcome):
        for gene, column in GENES.items():
            of = [result.measured for result in results if gene in (result.measured.thetas or ({},))[0]]
            if of:
                first, last = ([float(one.thetas[place][gene].centre or 0) for one in of] for place in (0, -1))
                known = [c for one in of if (c := correlation(one.rows, column)) is not None]
                found.append(
                    Learnt(
                        results[0].part.arm.name,
                        results[0].part.preset,
                        len(of),
                        gene,
                        statistics.median(first),
                        statistics.median(last),
                        (statistics.median(known), min(known), max(known)) if known else None,
                    )
                )
    return found


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
