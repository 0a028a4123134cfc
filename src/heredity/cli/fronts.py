"""Tables for people of a study of fronts: with equal numbers of networks, with equal seconds, and culture's genes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import get_args

from heredity.cli.anatomy import console_for_tables, table_of
from heredity.cli.quantities import show_count, show_share
from heredity.reproduce.fronts import WORST, Bound, Compared, Front, fronts
from heredity.reproduce.learners import learnt
from heredity.reproduce.plan import Result

Show = Callable[[float], str]
Columns = list[tuple[str, Callable[[Front], str]]]
"""Titles, and what stands below them of each front."""


def show_fronts(outcome: Sequence[Result], within: int | None) -> None:
    """What the front of every arm is worth, twice; then what culture's genes evolved to, where there are any.

    The least error `within` so many weights is told, too.
    """
    bounds: tuple[Bound, ...] = get_args(Bound)
    for bound in bounds:
        found = fronts(outcome, bound, within)
        _show(found, bound, [*WORTH, *([] if within is None else _within(within))])
        _show(found, bound, SMALLEST)
    print(
        "medians over seeds (least .. largest); differences: means over seeds (95 % interval by the bootstrap); "
        f"hypervolume: ln weights times error in %, to the ancestor's weights and {WORST:.0%} errors, higher is "
        "better; smallest: with no more validation error than the ancestor; errors are on test"
    )
    genes = learnt(outcome)
    if not genes:
        return
    table = table_of("arm", "preset", "seeds", "gene", "first", "last", "correlation with error")
    for one in genes:
        middle, least, largest = one.correlation or (None, None, None)
        said = "" if middle is None else f"{middle:.2f} ({least:.2f} .. {largest:.2f})"
        table.add_row(one.arm, one.preset, str(one.seeds), one.gene, f"{one.first:.3g}", f"{one.last:.3g}", said)
    console_for_tables().print(table)
    print(
        "theta of the first generation, and after the last; agreement: share of validation answers that are the "
        "teacher's, medians of the first and the last generation; correlation of ranks within generations, "
        "below 0: who has more of it errs less"
    )


def _within(weights: int) -> Columns:
    return [
        (f"error within {weights:,} weights", lambda front: _ranged(front.within, show_share)),
        ("less the first arm's", lambda front: _difference(front.within, show_share)),
    ]


def _show(found: Sequence[Front], bound: Bound, columns: Columns) -> None:
    table = table_of("arm", "preset", "seeds", bound, *(title for title, _ in columns))
    for front in found:
        whose = front.arm, front.preset, str(front.seeds), f"{front.limit:,.0f}"
        table.add_row(*whose, *(cell(front) for _, cell in columns))
    console_for_tables().print(table)


def _area(value: float) -> str:
    return f"{value:.1f}"


def _ranged(of: Compared | None, show: Show) -> str:
    if of is None:
        return "nobody"
    return show(of.median) if of.least == of.largest else f"{show(of.median)} ({show(of.least)} .. {show(of.largest)})"


def _difference(of: Compared | None, show: Show) -> str:
    if of is None or of.less_first is None:
        return ""
    return f"{show(of.less_first.mean)} ({show(of.less_first.low)} .. {show(of.less_first.high)})"


WORTH: Columns = [
    ("hypervolume", lambda front: _ranged(front.hypervolume, _area)),
    ("less the first arm's", lambda front: _difference(front.hypervolume, _area)),
]
SMALLEST: Columns = [
    ("smallest, weights", lambda front: _ranged(front.weights, show_count)),
    ("of the ancestor's", lambda front: _ranged(front.share, show_share)),
    ("error", lambda front: _ranged(front.error, show_share)),
    ("less the first arm's", lambda front: _difference(front.error, show_share)),
    ("ancestor's", lambda front: show_share(front.ancestor_error.median)),
]
