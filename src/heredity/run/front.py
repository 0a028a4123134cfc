"""The front: individuals that nobody beats in validation error and cost."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from heredity.development.birth import Individual
from heredity.run.targets import Targets
from heredity.selection.pareto import nondominated


def objectives_of(cost: str, targets: Targets) -> tuple[str, ...]:
    """Measures that span the front: validation error, the cost, and whatever else a target bounds.

    A member that keeps a ceiling is thus never pushed out by one that does not.
    """
    return tuple(dict.fromkeys(("val_error", cost, *targets.ceilings)))


def front_of(individuals: Sequence[Individual], objectives: Sequence[str]) -> list[Individual]:
    """The non-dominated among the developed, by descending cost; of equals the one born first."""
    living = [i for i in sorted(individuals, key=lambda i: i.number) if i.developed]
    if not living:
        return []
    table = np.array([[i.measures.get(name, math.nan) for name in objectives] for i in living])
    front = [i for i, stays in zip(living, nondominated(table), strict=True) if stays]
    return sorted(front, key=lambda i: (-i.measures[objectives[1]], i.number))
