"""How benchmarks print what they measured: tables in Markdown, which can be pasted into a README."""

from __future__ import annotations

from collections.abc import Sequence


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The rows under their header, in columns."""
    lines = [list(header), ["-" * len(name) for name in header], *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    print()
    for line in lines:
        cells = [cell.ljust(width, "-" if set(cell) == {"-"} and line is lines[1] else " ") for cell, width in zip(line, widths, strict=True)]
        print(f"| {' | '.join(cells)} |")
    print(flush=True)
