"""Accounting: what networks took to make, in FLOPs of training and seconds of development."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    """The line of descent: an individual, then all that it comes from, each once, the latest first.

    It comes from its parents, and from siblings whose steps trained the parameters that it shares with them.
    """
    return lines_of([individual], everybody)


def lines_of(individuals: Sequence[Individual], everybody: Mapping[int, Individual]) -> list[Individual]:
    """The lines of descent of several individuals as one, who come first."""
    litters = dict[int, list[Individual]]()
    for one in everybody.values():
        if one.birth.litter is not None:
            litters.setdefault(one.birth.litter, []).append(one)
    found, waiting = {one.number: one for one in individuals}, [*individuals]
    while waiting:
        birth = waiting.pop().birth
        siblings = [] if birth.litter is None else litters.get(birth.litter, [])
        for one in (*(everybody[parent] for parent in birth.parents), *siblings):
            if one.number not in found:
                found[one.number] = one
                waiting.append(one)
    own = {one.number for one in individuals}
    return [*individuals, *(found[number] for number in sorted(found.keys() - own, reverse=True))]
