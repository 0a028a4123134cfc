"""One member's folder: the files of an export, made and compared before any of them is written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save

from heredity.development.task import Task
from heredity.errors import DataError, InputError
from heredity.executors.worker import prepared
from heredity.export import int8, onnx, program
from heredity.export.compare import Fidelity
from heredity.export.markdown import share
from heredity.store.files import io_errors, make_folder, write_atomically
from heredity.store.folder import as_json
from heredity.variation.operator import Organism

FILES = {"onnx": "model.onnx", "int8": "model.int8.onnx", "torch": "model.pt2"}
"""By format: the name of its file."""

WEIGHTS, GENOME, FACTS = "model.safetensors", "genome.json", "facts.md"
"""What is there in every format: what `heredity.load` reads, and the page of facts."""

RECORD = "ensemble.json"
"""What an ensemble's folder has in place of a genome."""


@dataclass(frozen=True)
class File:
    """A file of an export: its name, its content, and in words how it compares with the module it came from."""

    name: str
    content: bytes
    comparison: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of the content, as `sha256sum` prints it."""
        return hashlib.sha256(self.content).hexdigest()


def formats_of(name: str) -> tuple[str, ...]:
    """The formats that `--format` names: one, or all.

    Raises:
        InputError: it names none.
    """
    if name == "all":
        return tuple(FILES)
    if name not in FILES:
        raise InputError.of("a format", repr(name), f"choose among {', '.join(FILES)}, all")
    return (name,)


def files_of(organism: Organism, formats: Iterable[str], task: Task | None, seed: int) -> list[File]:
    """The network in these formats, each run and compared with its module, and what `heredity.load` reads.

    `task` is for int8: training data to calibrate on, drawn with the run's `seed`, and validation data to compare on.

    Raises:
        ExportError: a format cannot hold the network, or its file computes something else.
        DataError: int8 without a task, or with too little training data.
    """
    made = _deployable(organism, tuple(formats), task, seed)
    weights = save({name: tensor.contiguous() for name, tensor in organism.tensors.items()})
    return [*made, File(WEIGHTS, weights), File(GENOME, as_json(organism.genome))]


def write_files(folder: Path, files: Sequence[File]) -> None:
    """Writes an export to a folder; what an earlier export left there under our names is replaced or goes.

    Raises:
        StoreError: the folder cannot be written.
    """
    make_folder(folder)
    written = {file.name for file in files}
    for name in {*FILES.values(), WEIGHTS, GENOME, FACTS, RECORD} - written:
        with io_errors(folder / name):
            (folder / name).unlink(missing_ok=True)  # of another member perhaps, or of other formats
    for file in files:
        write_atomically(folder / file.name, file.content)


def _deployable(organism: Organism, formats: Sequence[str], task: Task | None, seed: int) -> list[File]:
    made = list[File]()
    if "int8" in formats and task is None:
        raise DataError.of("training data to calibrate int8 on", "none", "give the run's data, or another format")
    if "onnx" in formats or "int8" in formats:
        content = onnx.convert(organism)
        comparison = _equal(onnx.check(content, organism))
        if "onnx" in formats:
            made.append(File(FILES["onnx"], content, comparison))
        if "int8" in formats and task is not None:
            made.append(_int8_file(content, organism, task, seed))
    if "torch" in formats:
        content = program.convert(organism)
        made.append(File(FILES["torch"], content, _equal(program.check(content, organism))))
    return made


def _int8_file(whole: bytes, organism: Organism, task: Task, seed: int) -> File:
    content = int8.convert(whole, int8.calibration(task.train, seed))
    with prepared(threads=1):  # as validation error was measured
        found = int8.check(content, organism, task)
    return File(FILES["int8"], content, f"{_approximate(found)}; {_weighs(len(content), len(whole))}")


def _equal(difference: float) -> str:
    return f"differs from its module by {difference:.1e} at most" if difference else "equals its module"


def _approximate(found: Fidelity) -> str:
    agrees = "" if found.agreement is None else f"agrees with its module on {share(found.agreement)} of the answers, "
    return (
        f"{agrees}validation error {share(found.error)} (module: {share(found.module_error)}) on {found.examples:,} "
        f"examples, noise {share(found.noise)} of the outputs' deviation"
    )


def _weighs(coarse: int, whole: int) -> str:
    """An honest word on the size: of a network of few weights, the scales weigh more than what integers save."""
    if coarse < whole:
        return f"{share(coarse / whole)} of the float file's size"
    return f"larger than the float file, which has {whole:,} bytes: it has too few weights to gain from integers"
