"""Selection for diversity: who is right where those already chosen are wrong.

Source: Painter, "Deep Neuroevolution with Shared Parameters" (METHODS F), there called co-evolution.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def coevolved(right: NDArray[np.bool_], count: int) -> list[int]:
    """The rows chosen, in their order, from `right (individuals, examples)`: whether each answers each rightly.

    First the one that is right most often; then, one by one, the one that is right on most, where an example weighs
    (1 + number of those chosen that are right on it)^-2. Of equals the first counts.
    """
    chosen: list[int] = []
    while len(chosen) < min(count, len(right)):
        weights = (1.0 + right[chosen].sum(axis=0)) ** -2
        scores = right @ weights
        scores[chosen] = -np.inf
        chosen.append(int(scores.argmax()))
    return chosen
