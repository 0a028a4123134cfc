"""What the fronts of a study's arms are worth: test error against weights, with equal numbers of networks or seconds.

A front is of validation error, and so is whatever is chosen; test errors, which were read once, say what it is worth.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Literal

import moocore
import numpy as np
from msgspec import Struct

from heredity.reproduce.measure import Row
from heredity.reproduce.plan import Result
from heredity.reproduce.study import Preset
from heredity.reproduce.tables import by_arm
from heredity.rng import derive, numpy_generator
from heredity.selection.pareto import nondominated

Bound = Literal["networks", "seconds"]

WORST = 0.5
"""The error of hypervolumes' reference; its weights are the ancestor's."""

RESAMPLED = 10_000
"""How often seeds are drawn anew for an interval."""


class Difference(Struct, frozen=True):
    """The mean of differences to the first arm, seed by seed, and the interval that holds it in 95 %, by the bootstrap.

    Of few seeds such an interval is rather too narrow.
    """

    mean: float
    low: float
    high: float


class Compared(Struct, frozen=True):
    """A measure over seeds; `less_first`: with the first arm's taken away, None of that arm itself, or of one seed."""

    median: float
    least: float
    largest: float
    less_first: Difference | None = None


class Front(Struct, frozen=True):
    """What came of an arm within `limit` networks or seconds of development, the least that any run beside it had.

    `hypervolume` is the area between the front and the reference (the ancestor's weights, 50 % errors), of natural
    logarithms of weights times errors in per cent: higher is better. `weights` are those of the smallest network with
    no more validation error than the ancestor, a `share` of the ancestor's; `error` and `ancestor_error` are on test,
    and so is `within`: of who errs least on validation within so many weights as the study says, None where some seed
    has nobody.
    """

    arm: str
    preset: Preset
    seeds: int
    bound: Bound
    limit: float
    hypervolume: Compared
    weights: Compared
    share: Compared
    error: Compared
    ancestor_error: Compared
    within: Compared | None = None


def fronts(outcome: Sequence[Result], bound: Bound, within: int | None = None) -> list[Front]:
    """A front for every arm and preset; arms are compared with others that ran with the same preset, data and ancestor.

    Then one for all arms of a kind together, where the data that they ran on differ; `within` is a study's.
    """
    found: list[Front] = []
    groups: dict[tuple[str, ...], list[list[Result]]] = {}
    kinds: dict[tuple[str, str], list[list[Result]]] = {}
    for results in by_arm(outcome):
        part = results[0].part
        groups.setdefault((part.preset, results[0].data, results[0].model), []).append(results)
        kinds.setdefault((part.preset, part.arm.kind), []).append(results)
    for arms in groups.values():
        limit = _least(arms, bound)
        found += [_front(results[0].part.arm.name, results, arms[0], bound, limit, within) for results in arms]
    for (_, kind), arms in kinds.items():
        if kind and len({results[0].data for results in arms}) > 1:
            everybody = [result for results in arms for result in results]
            found.append(_front(kind, everybody, everybody, bound, _least(arms, bound), within))
    return found


def hypervolume(rows: Sequence[Row]) -> float:
    """What the front of these is worth; the ancestor comes first. See `Front`."""
    points = np.array([[math.log(row.params), 100 * row.test_error] for row in front(rows)])
    reference = np.array([math.log(rows[0].params), 100 * WORST])
    within = points[(points < reference).all(1)]
    return float(moocore.hypervolume(within, ref=reference)) if len(within) else 0.0


def front(rows: Sequence[Row]) -> list[Row]:
    """Whom nobody beats in validation error and weights, from the smallest to the largest."""
    kept = nondominated(np.array([[row.val_error, row.params] for row in rows]))
    return sorted((row for row, one in zip(rows, kept, strict=True) if one), key=lambda row: row.params)


def smallest(rows: Sequence[Row]) -> Row:
    """The smallest with no more validation error than the ancestor, who comes first."""
    return min((row for row in rows if row.val_error <= rows[0].val_error), key=lambda row: (row.params, row.val_error))


def median_front(seeds: Sequence[Sequence[Row]]) -> tuple[tuple[int, float], ...]:
    """Steps of a front over seeds: weights, and the median test error of who errs least on validation within these.

    It begins where more than half of the seeds have anybody.
    """
    own = [front(rows) for rows in seeds]
    steps: list[tuple[int, float]] = []
    for weights in sorted({row.params for rows in own for row in rows}):
        within = [[row.test_error for row in rows if row.params <= weights] for rows in own]
        error = statistics.median(errors[-1] if errors else math.inf for errors in within)
        if error < math.inf and (not steps or steps[-1][1] != error):
            steps.append((weights, error))
    return tuple(steps)


def bootstrapped(differences: Sequence[float]) -> Difference | None:
    """The mean of paired differences with its 95 % interval, by percentiles of means of seeds drawn anew.

    None of fewer than two.
    """
    if len(differences) < 2:
        return None
    rng = numpy_generator(derive(0, len(differences)), "bootstrap")
    values = np.array(differences)
    means = values[rng.integers(len(values), size=(RESAMPLED, len(values)))].mean(1)
    low, high = np.quantile(means, (0.025, 0.975)).tolist()
    return Difference(float(values.mean()), low, high)


MEASURES: dict[str, Callable[[Sequence[Row]], float]] = {
    "hypervolume": hypervolume,
    "weights": lambda rows: smallest(rows).params,
    "share": lambda rows: smallest(rows).params / rows[0].params,
    "error": lambda rows: smallest(rows).test_error,
    "ancestor_error": lambda rows: rows[0].test_error,
}
"""What is compared of the rows of a run, the ancestor being the first."""


def _front(
    name: str, results: Sequence[Result], first: Sequence[Result], bound: Bound, limit: float, within: int | None
) -> Front:
    own, others = ([(r.part.seed, _within(r.measured.rows, bound, limit)) for r in of] for of in (results, first))

    def compared(measure: Callable[[Sequence[Row]], float]) -> Compared:
        values = [(seed, measure(rows)) for seed, rows in own]
        base = {} if results is first else {seed: measure(rows) for seed, rows in others}
        plain = [value for _, value in values]
        differences = [value - base[seed] for seed, value in values if seed in base]
        return Compared(statistics.median(plain), min(plain), max(plain), bootstrapped(differences))

    everywhere = within is not None and all(row.params <= within for _, rows in own for row in front(rows)[:1])
    return Front(
        name,
        results[0].part.preset,
        len(own),
        bound,
        limit,
        **{measure: compared(function) for measure, function in MEASURES.items()},
        within=compared(lambda rows: _best_within(rows, within)) if within and everywhere else None,
    )


def _best_within(rows: Sequence[Row], weights: int) -> float:
    """The test error of who errs least on validation within so many weights; 1 where there is nobody."""
    found = [row for row in front(rows) if row.params <= weights]
    return found[-1].test_error if found else 1.0


def _least(arms: Sequence[Sequence[Result]], bound: Bound) -> float:
    return min(_spent(result.measured.rows, bound) for results in arms for result in results)


def _spent(rows: Sequence[Row], bound: Bound) -> float:
    return len(rows) if bound == "networks" else sum(row.seconds for row in rows)


def _within(rows: Sequence[Row], bound: Bound, limit: float) -> list[Row]:
    """Who was trained first, as far as the limit goes; the ancestor always."""
    return [rows[0], *(row for k, row in enumerate(rows[1:], 2) if _spent(rows[:k], bound) <= limit)]
