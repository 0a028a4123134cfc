"""Who teaches a newborn: pure functions of errors and costs, positions out. Lower is better for both.

Culture passes from whoever lives (Shinozaki, dual inheritance: METHODS E): the ancestor, the best of them all, the one
on the front that is just larger than the newborn, which is the least to learn from at a time, or several as one.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from heredity.selection.pareto import nondominated

Policy = Literal["ancestor", "best", "larger", "ensemble"]
"""`ancestor`: the first of all. `best`: the least error. `larger`: the nearest larger one of the front of error and
cost; the best, if none is larger. `ensemble`: the members of the front with the least errors, `ENSEMBLE` at most."""

ENSEMBLE = 3
"""Teachers of an ensemble: the smaller members of a front know less, and each costs a pass where they answer online."""


def teachers_of(
    policy: Policy, errors: NDArray[np.float64], costs: NDArray[np.float64], cost: float
) -> tuple[int, ...]:
    """Positions of who teaches a newborn of this `cost`, among `errors (n,)` and `costs (n,)` of who lives, in order of
    birth; the best comes first.

    n is 1 at least, and nothing is NaN. Of equals the first counts.
    """
    if policy == "ancestor":
        return (0,)
    front = np.flatnonzero(nondominated(np.stack([errors, costs], axis=1)))
    by_error = front[np.argsort(errors[front], kind="stable")]
    if policy == "best":
        return (int(by_error[0]),)
    if policy == "ensemble":
        return tuple(int(position) for position in by_error[:ENSEMBLE])
    larger = front[costs[front] > cost]
    return (int(larger[np.argmin(costs[larger])]) if len(larger) else int(by_error[0]),)
