"""Exporting any individual of a run, on the front or not, in the formats that are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from heredity.anatomy.constructor import provide
from heredity.api.evolve import Data, reopen
from heredity.export.facts import facts_page
from heredity.export.member import FACTS, File, files_of, write_files
from heredity.run.account import line_of
from heredity.run.run import Run
from heredity.store.folder import RunFolder


def export_member(
    path: str | Path,
    member: str,
    formats: Sequence[str] = ("onnx",),
    *,
    out: str | Path | None = None,
    model: nn.Module | None = None,
    data: Data = None,
    data_dir: str | Path | None = None,
) -> tuple[Path, list[File]]:
    """Writes an individual of the run at `path` in some of `heredity.export.member.FILES`' formats.

    The folder, `export/MEMBER` in the run's unless `out` names one, then holds the files that are returned with it, and
    none of an earlier export. int8 needs the run's data: to calibrate on the training split, and to be compared on the
    validation split. `model` and `data` are needed again if they were handed over in Python.

    Raises:
        InputError: no such member.
        DataError: int8 needs data that is not there, or not what the run began with.
        ExportError: a format cannot hold the network, or its file computes something else; nothing is written.
        StoreError: the run cannot be read, or the folder not be written.
    """
    folder, task = RunFolder(Path(path)), None
    if "int8" in formats:
        run, task = reopen(folder, model=model, data=data, data_dir=data_dir)
    else:
        if model is not None:
            provide(model)
        run = Run.open(folder)
    chosen = run.member(member)
    everybody = {individual.number: individual for individual in run.individuals}
    files = files_of(chosen.organism(), formats, task, run.settings.seed)
    files.append(File(FACTS, facts_page(run.settings, line_of(chosen.individual, everybody), files)))
    place = Path(out) if out is not None else folder.path / "export" / chosen.id
    write_files(place, files)
    return place, files
