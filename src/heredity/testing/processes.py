"""What is alive of a program that was started in a session of its own."""

from __future__ import annotations

from pathlib import Path


def family(session: int) -> dict[int, int]:
    """The living processes of a session, each with its parent: the loop, its fork server, its workers."""
    found: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent, _, its = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            except OSError:
                continue
            if int(its) == session and state not in "ZX":
                found[int(entry.name)] = int(parent)
    return found
