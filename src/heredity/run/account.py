"""Accounting: what networks took to make, in FLOPs of training and seconds of development."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from heredity.development.birth import Individual


@dataclass(frozen=True)
class Spent:
    """`flops` of training, None if those of somebody who lives are not known; `seconds` of development, of all workers.

    Whoever failed counts as far as it got, in FLOPs only where that is known.
    """

    flops: float | None
    seconds: float


def spent(individuals: Iterable[Individual]) -> Spent:
    """What these took together."""
    counted = list(individuals)
    known = all(i.train_flops is not None for i in counted if i.developed)
    flops = sum((i.train_flops or 0.0 for i in counted), 0.0) if known else None
    return Spent(flops, sum((i.seconds for i in counted), 0.0))


def line_of(individual: Individual, everybody: Mapping[int, Individual]) -> list[Individual]:
    """The line of descent: an individual and all that it descends from, each once, the ancestor last."""
    line, waiting = dict[int, Individual](), [individual]
    while waiting:
        at = waiting.pop()
        line[at.number] = at
        waiting += [everybody[parent] for parent in at.birth.parents if parent not in line]
    return [line[number] for number in sorted(line, reverse=True)]
