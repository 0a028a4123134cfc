"""What a run leaves behind: `front.json`, and per member the ONNX file, the weights and the genome."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save

from heredity.development.criteria.criterion import measured
from heredity.development.task import Task
from heredity.errors import ExportError
from heredity.executors.worker import prepared
from heredity.export.onnx import file_latency_ms, to_onnx
from heredity.run.run import Member, Run
from heredity.run.targets import Targets
from heredity.store.files import io_errors, make_folder, write_atomically
from heredity.store.folder import write_json


def export_member(member: Member, folder: Path) -> bytes:
    """Writes `model.onnx`, `model.safetensors` and `genome.json` to a folder; returns the ONNX file's content.

    Raises:
        ExportError: the network cannot be exported, or its file computes something else.
        StoreError: the folder cannot be written.
    """
    organism = member.organism()
    content = to_onnx(organism)
    make_folder(folder)
    write_atomically(folder / "model.onnx", content)
    write_atomically(folder / "model.safetensors", save({name: t.contiguous() for name, t in organism.tensors.items()}))
    write_json(folder / "genome.json", organism.genome)
    return content


def finish(run: Run, task: Task, progress: Callable[[int, int], None] = lambda done, members: None) -> dict[str, Any]:
    """Measures and exports the front's members, and writes `front.json`: the last step of a run.

    Test error and latency are measured here, once, and recorded. A member whose export is refused stays on the front
    without files, with the reason. Returns what `front.json` holds.
    """
    if run.folder.front.exists():
        with io_errors(run.folder.front):
            shutil.rmtree(run.folder.front)  # of a session that was killed here
    front, members = run.front, list[dict[str, Any]]()
    first = run.member("0")
    for done, member in enumerate(front):
        progress(done, len(front))
        members.append(_finished(run, member, task))
    ancestor = next((row for row in members if row["id"] == first.id), None)
    content = {
        "ancestor": ancestor or _measured(first, task, to_onnx(first.organism())),
        "members": members,
        "targets": outcome(run.settings.targets, members),
    }
    write_json(run.folder.front_json, content)
    progress(len(front), len(front))
    return content


def outcome(targets: Targets, members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Whether one member keeps all ceilings, and which does or comes nearest."""
    ranked = sorted(members, key=lambda m: (max(targets.excess(m), 1.0), m["val_error"]))
    met = bool(ranked) and targets.excess(ranked[0]) <= 1
    return {**targets.given, "met": met, "nearest": ranked[0]["id"] if ranked and targets.given else None}


def _finished(run: Run, member: Member, task: Task) -> dict[str, Any]:
    place = run.folder.front / member.id
    try:
        content = export_member(member, place)
    except ExportError as error:
        return {**_measured(member, task, None), "onnx": None, "weights": None, "genome": None, "refused": str(error)}
    relative = place.relative_to(run.folder.path)
    return {
        **_measured(member, task, content),
        "bytes": len(content),
        "onnx": str(relative / "model.onnx"),
        "weights": str(relative / "model.safetensors"),
        "genome": str(relative / "genome.json"),
    }


def _measured(member: Member, task: Task, content: bytes | None) -> dict[str, Any]:
    """A member's row, with what is measured last: the test error, and the ONNX file's latency."""
    known, number = dict(member.measures), member.individual.number
    if "test_error" not in known:
        with prepared(threads=1):  # as validation error was: another number of threads sums in another order
            known["test_error"] = measured(task.criterion, member.module(), task.test.inputs, task.test.labels)
        member.store.measured(number, "test_error", known["test_error"])
    if "latency_ms" not in known and content is not None:
        known["latency_ms"] = file_latency_ms(content, member.organism())
        member.store.measured(number, "latency_ms", known["latency_ms"])
    birth = member.individual.birth
    whole = {name: int(known[name]) for name in ("params", "synapses", "macs", "bytes")}
    return {
        "id": member.id,
        "generation": birth.generation,
        "parents": [f"{parent:04d}" for parent in birth.parents],
        "operator": birth.operator.__struct_config__.tag,
        **whole,
        "latency_ms": known.get("latency_ms"),
        "val_error": known["val_error"],
        "test_error": known["test_error"],
    }
