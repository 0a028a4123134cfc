"""Runs that begin with an ancestor that another run has trained: what follows costs less, and can be compared."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from heredity.development.birth import Birth, Individual
from heredity.errors import InputError
from heredity.run.run import Run
from heredity.store.folder import RunFolder
from heredity.store.store import Store
from heredity.variation.operator import Organism

LATE = ("test_error", "latency_ms")
"""What a run measures of its own accord when an individual has been recorded."""


def ancestor_of(path: Path, birth: Birth, task: str) -> tuple[Individual, Organism]:
    """The ancestor of the run in `path`, for a run that asks for it by `birth`; `task` is the digest of its data.

    Raises:
        StoreError: there is no run, or it cannot be read.
        InputError: its ancestor is another one, or has not been trained yet.
    """
    theirs = Run.open(RunFolder(path))
    with theirs.store:
        if theirs.settings.task != task:
            raise InputError.of("an ancestor that knows the same data, split alike", "other data", "drop --ancestor")
        first = next((i for i in theirs.individuals if i.number == 0 and i.developed), None)
        if first is None:
            raise InputError.of(f"an ancestor in {path} that has been trained", "none yet", f"resume {path} first")
        if first.birth != birth:
            unlike = [name for name in Birth.__struct_fields__ if getattr(first.birth, name) != getattr(birth, name)]
            raise InputError.of(
                f"an ancestor in {path} that this run would train just so",
                f"another {' and '.join(unlike)}",
                "choose the same model, seed and settings of its training, or drop --ancestor",
            )
        return first, theirs.store.organism(first)


def adopt(store: Store, first: Individual, organism: Organism) -> None:
    """Records another run's ancestor as that of `store`. It keeps the seconds that its development took.

    Raises:
        StoreError: it cannot be written.
    """
    weights = store.blobs.put(organism.tensors, organism.masks)
    measures = {name: value for name, value in first.measures.items() if name not in LATE}
    store.record(replace(first, weights=weights, measures=measures, elapsed=0.0))
