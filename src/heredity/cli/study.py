"""`heredity reproduce`: a study's runs one after the other, and what came of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from heredity.cli.anatomy import console_for_tables, table_of
from heredity.cli.fronts import show_fronts
from heredity.cli.quantities import show_count, show_share, show_times
from heredity.errors import BusyError
from heredity.reproduce.page import write_page
from heredity.reproduce.plan import Plan
from heredity.reproduce.tables import Line, not_run, summary, write_tables
from heredity.run.loop import Listener

COLUMNS = (
    *("arm", "preset", "seeds", "generations", "synapses", "clusters"),
    *("storage", "one example", "accuracy", "lost", "ensemble"),
)

Narrated = Callable[[int | None], AbstractContextManager[Listener]]
"""Who tells of a run of so many generations."""


def carry_out(plan: Plan, narrated: Narrated) -> None:
    """Runs what is not measured yet, writing tables and page after each run; then tells what came of the study.

    A run that another process has is left to it, so that several may work on one study.

    Raises:
        HeredityError: see `Plan.live`.
    """
    plan.open()
    parts = plan.parts
    for number, part in enumerate(parts, 1):
        if plan.is_measured(part):
            continue
        print(f"{part.name}, run {number} of {len(parts)}: {part.arm.says}", flush=True)
        try:
            with narrated(plan.generations(part)) as listener:
                plan.live(part, listener)
        except BusyError as error:
            print(f"left to the process that has it: {error}", flush=True)
            continue
        outcome = plan.outcome()
        write_tables(plan, outcome)
        write_page(plan, outcome)
    conclude(plan)


def conclude(plan: Plan) -> None:
    """The study in a table, what was chosen, what was not run, and where everything is."""
    outcome = plan.outcome()
    tables, page = write_tables(plan, outcome), write_page(plan, outcome)
    if plan.study.shows == "fronts":
        show_fronts(outcome, plan.study.within)
    else:
        table = table_of(*COLUMNS)
        for line in summary(outcome):
            table.add_row(*_cells(line))
        console_for_tables().print(table)
    for curve in plan.study.curves:
        known = [name.replace("_", " ") for name in curve.points if name != "generation"]
        print(f"{curve.name}: {', '.join(known)} ({curve.origin}){f'; {curve.note}' if curve.note else ''}")
    for choice in plan.study.choices:
        print(f"chosen: {choice.what}: {choice.chosen} ({choice.why})")
    for arm in not_run(plan, outcome):
        print(f"not run: {arm.name}, {arm.says}")
    print(f"every individual is in {tables[0]}, every generation in {tables[1]}; to look at: {page}")


def _cells(line: Line) -> tuple[str, ...]:
    return (
        line.arm,
        line.preset,
        str(line.seeds),
        f"{line.generations:g}",
        show_times(line.architectural_efficiency),
        show_times(line.cluster_efficiency),
        show_count(line.storage_bytes),
        _show_latency(line),
        show_share(line.accuracy),
        show_share(line.ancestor_accuracy - line.accuracy),
        "" if line.ensemble_accuracy is None else show_share(line.ensemble_accuracy),
    )


def _show_latency(line: Line) -> str:
    if line.latency_ms is None or line.ancestor_latency_ms is None:
        return ""
    return f"{line.latency_ms:.3f} of {line.ancestor_latency_ms:.3f} ms"
