"""Markdown: tables, shares, and text that is shown as it is, whatever is in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def plain(text: object) -> str:
    """Text that Markdown shows as it is, on one line: nothing in it begins emphasis, code, a link, HTML or a cell."""
    return re.sub(r"([\\`*_\[\]<>|~&])", r"\\\1", " ".join(str(text).split()))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is text, and the others numbers, on the right; cells are Markdown already."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def share(value: float) -> str:
    """`1.23 %`."""
    return f"{100 * value:.2f} %"
