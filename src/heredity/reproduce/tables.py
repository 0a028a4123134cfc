"""What a study writes: `table.csv`, `generations.csv`, and the summary for people.

Every row names the run, by its folder, and the individuals in its store that it was measured on.
"""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from heredity.reproduce.measure import Generation, Measured, Row
from heredity.reproduce.plan import Plan, Result
from heredity.reproduce.study import Arm, Preset
from heredity.store.files import write_atomically

ACCEPTED = 0.02
"""Of accuracy that may be lost, to tell how far an arm comes."""


class Line(Struct, frozen=True):
    """What came of an arm: medians over seeds of the fittest of the last generation.

    `accepted` is the largest architectural efficiency (median over seeds) within two points of the ancestor's accuracy.
    """

    arm: str
    preset: Preset
    seeds: int
    generations: float
    architectural_efficiency: float
    cluster_efficiency: float
    storage_bytes: float
    latency_ms: float | None
    ancestor_latency_ms: float | None
    ancestor_accuracy: float
    accuracy: float
    accepted: float
    cluster_variety: float | None
    synapse_variety: float | None
    ensemble_accuracy: float | None
    params: float | None = None


def write_tables(plan: Plan, outcome: Sequence[Result]) -> tuple[Path, Path]:
    """Writes both tables, and gives their paths.

    Raises:
        StoreError: they cannot be written.
    """
    paths = plan.out / "table.csv", plan.out / "generations.csv"
    write_atomically(paths[0], as_csv(Row, [row for result in outcome for row in result.measured.rows]))
    write_atomically(paths[1], as_csv(Generation, [one for result in outcome for one in result.measured.generations]))
    return paths


def as_csv(kind: type[Struct], records: Iterable[Struct]) -> bytes:
    """Records as a table: a column a field, blanks for what there is not, spaces between several names."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(kind.__struct_fields__)
    for record in records:
        values = [getattr(record, name) for name in kind.__struct_fields__]
        writer.writerow([" ".join(value) if isinstance(value, tuple) else value for value in values])
    return text.getvalue().encode()


def summary(outcome: Sequence[Result]) -> list[Line]:
    """A line for every arm and preset of which anything is measured."""
    return [line_of(found) for found in by_arm(outcome)]


def by_arm(outcome: Sequence[Result]) -> list[list[Result]]:
    """What is measured of every arm and preset, seed by seed."""
    found: dict[tuple[str, Preset], list[Result]] = {}
    for result in outcome:
        found.setdefault((result.part.arm.name, result.part.preset), []).append(result)
    return list(found.values())


def line_of(results: Sequence[Result]) -> Line:
    """What came of one arm with one preset."""
    part, found = results[0].part, [result.measured for result in results]
    last = [measured.generations[-1] for measured in found]
    first = [measured.generations[0] for measured in found]
    accepted = [
        max(
            row.architectural_efficiency
            for row in measured.rows
            if row.test_error <= measured.rows[0].test_error + ACCEPTED + 1e-9
        )
        for measured in found
    ]
    return Line(
        part.arm.name,
        part.preset,
        len(found),
        statistics.median(one.generation for one in last),
        statistics.median(one.best_architectural_efficiency for one in last),
        statistics.median(one.best_cluster_efficiency for one in last),
        statistics.median(one.best_storage_bytes for one in last),
        _median([one.best_latency_ms for one in last]),
        _median([one.best_latency_ms for one in first]),
        1 - statistics.median(one.best_test_error for one in first),
        1 - statistics.median(one.best_test_error for one in last),
        statistics.median(accepted),
        _mean_over_generations(found, "cluster_variety"),
        _mean_over_generations(found, "synapse_variety"),
        None if (error := _median([one.ensemble_test_error for one in last])) is None else 1 - error,
        _median([one.best_params for one in last]),
    )


def _median(values: Sequence[float | None]) -> float | None:
    """Of those that there are."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _mean_over_generations(found: Sequence[Measured], name: str) -> float | None:
    values = [value for one in found for g in one.generations if (value := getattr(g, name)) is not None]
    return statistics.mean(values) if values else None


def not_run(plan: Plan, outcome: Sequence[Result]) -> list[Arm]:
    """Arms of which nothing is measured."""
    ran = {result.part.arm.name for result in outcome}
    return [arm for arm in plan.study.arms if arm.name not in ran]
