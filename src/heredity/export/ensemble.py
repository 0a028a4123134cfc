"""An ensemble's folder: one ONNX file with all members in it, their weights, and a record of what it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from heredity.anatomy.body import anatomy_of
from heredity.anatomy.genome import Genome
from heredity.development.combination import Method
from heredity.development.criteria import MIXING
from heredity.development.ensemble import Correction, Ensemble
from heredity.errors import StoreError
from heredity.export.member import FILES, RECORD, WEIGHTS, File
from heredity.store.files import io_errors
from heredity.store.folder import as_json, read_json
from heredity.types import Tensors
from heredity.variation.operator import Organism

FORMAT = 1
"""Of `ensemble.json`; a file with a larger number was written by a newer version."""

CORRECTION = "correction"
"""What names of the MLP's tensors begin with in the file of weights; a member's begin with its id."""


class Part(msgspec.Struct, frozen=True):
    """A member: how much it counts in the mean, what was measured of it alone, and its shape."""

    id: str
    weight: float
    measures: dict[str, float]
    genome: Genome


class Single(msgspec.Struct, frozen=True):
    """The best single member: of those that there were to choose from and, if any do, that keep the ceilings."""

    id: str
    val_error: float
    test_error: float


class EnsembleRecord(msgspec.Struct, frozen=True):
    """What `ensemble.json` holds.

    `measures` are the ensemble's (see `heredity.measures.UNITS`). Its validation error, and that of the `best` single
    member, is measured on so many `examples`: on all of the validation split but, of an "mlp", on those that it has not
    learnt from. `ceilings` are those that were asked for, by measure; `candidates` were to choose from. `task` and
    `criterion` are those of the run, `seed` is what was drawn with. `inference_flops` are those of an answer,
    `train_flops` those that members' training took, `line_flops` the same with all that they come from
    (`heredity.run.account`), each once; None if they are not known, and in files of older versions.
    """

    method: Method
    members: tuple[Part, ...]
    measures: dict[str, float]
    best: Single
    examples: int
    candidates: tuple[str, ...]
    ceilings: dict[str, float]
    criterion: dict[str, Any]
    task: str
    seed: int
    inference_flops: int | None = None
    train_flops: float | None = None
    line_flops: float | None = None
    format: int = FORMAT


def ensemble_files(ensemble: Ensemble, record: EnsembleRecord, content: bytes) -> list[File]:
    """The files of an ensemble: its ONNX file, which has this content, its weights, and its record."""
    ids = [part.id for part in record.members]
    owned = [*zip(ids, (member.tensors for member in ensemble.members), strict=True), (CORRECTION, ensemble.correction)]
    weights = {
        f"{owner}/{name}": tensor.clone(memory_format=torch.contiguous_format)  # relatives may share memory
        for owner, tensors in owned
        for name, tensor in tensors.items()
    }
    return [File(FILES["onnx"], content), File(WEIGHTS, save(weights)), File(RECORD, as_json(record))]


def read_ensemble(folder: Path) -> Ensemble:
    """The ensemble in a folder, as it was written.

    Raises:
        StoreError: a file is missing, damaged, of another ensemble, or of a newer version.
        ModelError: the network's source is not what it was.
    """
    record, path = _record(folder / RECORD), folder / WEIGHTS
    expected, remedy = f"weights in {path} of the members that {folder / RECORD} names", "make the ensemble again"
    with io_errors(path):
        content = path.read_bytes()
    try:
        # cloned: torch aligns memory for vector instructions, a file's content is not, and sums may differ
        held = {name: tensor.clone() for name, tensor in load(content).items()}
        owned = {owner: _of(owner, held) for owner in (*(part.id for part in record.members), CORRECTION)}
        correction = owned.pop(CORRECTION)
        if correction:
            Correction(correction)
    except (SafetensorError, LookupError, RuntimeError) as error:
        raise StoreError.of(expected, f"{type(error).__name__}: {error}", remedy) from error
    members = tuple(Organism(part.genome, owned[part.id]) for part in record.members)
    shapes = [{name: tuple(tensor.shape) for name, tensor in member.tensors.items()} for member in members]
    whole = shapes == [anatomy_of(member.genome).shapes for member in members]
    if not whole or bool(correction) != (record.method == "mlp"):
        raise StoreError.of(expected, "others", remedy)
    weights = tuple(part.weight for part in record.members)
    return Ensemble(members, weights, MIXING[record.criterion["kind"]], correction)


class _Written(msgspec.Struct):
    """The part of `ensemble.json` that every version writes."""

    format: int


def _record(path: Path) -> EnsembleRecord:
    if (written := read_json(path, _Written).format) > FORMAT:
        came, remedy = f"format {written}", "install the newer heredity that wrote it"
        raise StoreError.of(f"{path} of format {FORMAT} at most", came, remedy)
    record = read_json(path, EnsembleRecord)
    if record.criterion.get("kind") not in MIXING:
        expected = f"a criterion in {path} whose answers have a mean"
        raise StoreError.of(expected, record.criterion.get("kind"), "make the ensemble again")
    return record


def _of(owner: str, held: Tensors) -> Tensors:
    """What a file holds of one owner, by the owner's own names."""
    start = f"{owner}/"
    return {name.removeprefix(start): tensor for name, tensor in held.items() if name.startswith(start)}
