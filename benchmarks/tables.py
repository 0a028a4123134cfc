"""How benchmarks print what they measured: tables in Markdown, which can be pasted into a README."""

from __future__ import annotations

from collections.abc import Sequence


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The rows under their header, in columns."""
    widths = [max(len(line[column]) for line in (header, *rows)) for column in range(len(header))]
    ruler = ["-" * width for width in widths]
    print()
    for line in (header, ruler, *rows):
        print(f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |")
    print(flush=True)
