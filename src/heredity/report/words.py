"""The sentences of a run's page: what came of it, and what a reader must know."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from heredity.report.records import Measures, Portrait

POINT = 0.01
"""How much more error than the ancestor's a user may well accept: one point of per cent."""

LATER = "test errors, most latencies and the front’s files come at its end"

_COSTS = {
    "params": ("smallest", "{:,.0f} weights"),
    "macs": ("cheapest", "{:,.0f} multiply-accumulates"),
    "bytes": ("smallest", "{:,.0f} bytes"),
    "latency_ms": ("fastest", "{:.3f} ms an example"),
}
"""By cost: what the least of it is called, and how it is written."""


def within_a_point(ancestor: Measures, front: Mapping[str, Measures], cost: str) -> str | None:
    """The id of the member of the front that costs least among those within a point of the ancestor's error."""
    limit = ancestor.get("val_error", -1.0) + POINT + 1e-9  # errors are fractions of counts: 0.03 is within 0.02 + 0.01
    near = [name for name, measures in front.items() if measures["val_error"] <= limit]
    return min(near, key=lambda name: front[name][cost], default=None)


def headline(ancestor: Measures, front: Mapping[str, Measures], cost: str) -> str:
    """The sentence that a user wants: how small a network came of the run that is as good as the ancestor."""
    if not front:
        return "Nobody lives: no newborn developed."
    superlative, form = _COSTS[cost]
    chosen = within_a_point(ancestor, front, cost)
    if chosen is None or cost not in ancestor or front[chosen][cost] >= ancestor[cost]:
        best = min(front.values(), key=lambda measures: (measures["val_error"], measures[cost]))
        return (
            f"No smaller network is within 1 point of the ancestor; "
            f"the lowest validation error is {_per_cent(best['val_error'])}, with {form.format(best[cost])}."
        )
    found = front[chosen]
    return (
        f"The {superlative} network within 1 point of the ancestor has {form.format(found[cost])}, "
        f"{_fraction(found[cost] / ancestor[cost])} the ancestor’s, "
        f"at {_per_cent(found['val_error'])} validation error (ancestor: {_per_cent(ancestor['val_error'])})."
    )


def notes(individuals: Sequence[Portrait], folder: Path, *, finished: bool, front: Sequence[str]) -> tuple[str, ...]:
    """What a reader must know before believing the rest of the page."""
    failed = sum(individual.reason is not None for individual in individuals)
    refused = [individual.id for individual in individuals if individual.refused is not None]
    masked = any(i.measures.get("synapses", 0) < i.measures.get("params", 0) for i in individuals)
    said = (
        (not finished, f"This run is not finished: {LATER}. “heredity resume {shlex.quote(str(folder))}” goes on."),
        (failed > 0, f"{failed} of {len(individuals)} newborns failed; their reasons are under Generations."),
        (bool(refused), f"On the front without files, as their export was refused: {', '.join(refused)}."),
        (masked, "Synapses were thinned: weights are all that a file holds, live weights those that are not absent."),
        (tuple(front) == ("0000",), "Nobody but the ancestor is on the front."),
    )
    return tuple(sentence for holds, sentence in said if holds)


def _per_cent(share: float) -> str:
    return f"{share:.2%}".replace("%", " %")


def _fraction(share: float) -> str:
    """`1/112 of`, or `23 % of` where that is more exact."""
    return f"1/{1 / share:.0f} of" if share < 0.1 else f"{share:.0%} of".replace("%", " %")
