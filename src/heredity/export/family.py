"""What a run leaves behind: `front.json`, and a folder for each member of the front."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from heredity.development.birth import Individual
from heredity.development.criteria.criterion import measured
from heredity.development.task import Task
from heredity.errors import ExportError
from heredity.executors.worker import prepared
from heredity.export.facts import facts_page
from heredity.export.member import FACTS, FILES, GENOME, WEIGHTS, File, files_of, write_files
from heredity.export.onnx import file_latency_ms, to_onnx
from heredity.measures.flops import inference_flops
from heredity.run.account import line_of, spent
from heredity.run.run import Member, Run
from heredity.run.targets import Targets
from heredity.store.files import io_errors
from heredity.store.folder import write_json


def finish(run: Run, task: Task, progress: Callable[[int, int], None] = lambda done, members: None) -> dict[str, Any]:
    """Measures and exports the front's members, and writes `front.json`: the last step of a run.

    Test error and latency are measured here, once, and recorded. A member whose export is refused stays on the front
    without files, with the reason. Returns what `front.json` holds.
    """
    if run.folder.front.exists():
        with io_errors(run.folder.front):
            shutil.rmtree(run.folder.front)  # of a session that was killed here
    front, first = run.front, run.member("0")
    everybody = {individual.number: individual for individual in run.individuals}
    rows = dict[str, dict[str, Any]]()
    progress(0, len(front))
    if first.id not in (member.id for member in front):
        ancestor = _measured(first, task, to_onnx(first.organism()), everybody)
        rows[first.id] = _row(ancestor, everybody)
    for done, member in enumerate(sorted(front, key=lambda member: member.id != first.id), 1):  # pages compare with it
        rows[member.id] = _finished(run, member, task, everybody)
        progress(done, len(front))
    members, total = [rows[member.id] for member in front], spent(everybody.values())
    content = {
        "ancestor": rows[first.id],
        "members": members,
        "targets": outcome(run.settings.targets, members),
        "individuals": len(everybody),
        "train_flops": total.flops,
        "seconds": total.seconds,
    }
    write_json(run.folder.front_json, content)
    return content


def outcome(targets: Targets, members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Whether one member keeps all ceilings, and which does or comes nearest."""
    ranked = sorted(members, key=lambda m: (max(targets.excess(m), 1.0), m["val_error"]))
    met = bool(ranked) and targets.excess(ranked[0]) <= 1
    return {**targets.given, "met": met, "nearest": ranked[0]["id"] if ranked and targets.given else None}


def _finished(run: Run, member: Member, task: Task, everybody: dict[int, Individual]) -> dict[str, Any]:
    """A member's row, once it is measured and its folder written."""
    place = run.folder.front / member.id
    try:
        files = files_of(member.organism(), ("onnx",), task, run.settings.seed)
    except ExportError as error:
        row = _row(_measured(member, task, None, everybody), everybody)
        return {**row, "onnx": None, "weights": None, "genome": None, "refused": str(error)}
    content = files[0].content
    known = _measured(member, task, content, everybody)
    page = facts_page(run.settings, line_of(known, everybody), files)
    write_files(place, [*files, File(FACTS, page)])
    relative = place.relative_to(run.folder.path)
    return {
        **_row(known, everybody),
        "bytes": len(content),
        "onnx": str(relative / FILES["onnx"]),
        "weights": str(relative / WEIGHTS),
        "genome": str(relative / GENOME),
    }


def _measured(member: Member, task: Task, content: bytes | None, everybody: dict[int, Individual]) -> Individual:
    """An individual with what is measured last, the test error and the ONNX file's latency; noted in `everybody`."""
    known, number = dict(member.measures), member.individual.number
    if "test_error" not in known:
        with prepared(threads=1):  # as validation error was: another number of threads sums in another order
            known["test_error"] = measured(task.criterion, member.module(), task.test.inputs, task.test.labels)
        member.store.measured(number, "test_error", known["test_error"])
    if "latency_ms" not in known and content is not None:
        known["latency_ms"] = file_latency_ms(content, member.individual.birth.genome.inputs)
        member.store.measured(number, "latency_ms", known["latency_ms"])
    everybody[number] = msgspec.structs.replace(member.individual, measures=known)
    return everybody[number]


def _row(individual: Individual, everybody: Mapping[int, Individual]) -> dict[str, Any]:
    """An individual as `front.json` has it."""
    birth, known, line = individual.birth, individual.measures, spent(line_of(individual, everybody))
    whole = {name: int(known[name]) for name in ("params", "synapses", "macs", "bytes")}
    return {
        "id": f"{individual.number:04d}",
        "generation": birth.generation,
        "parents": [f"{parent:04d}" for parent in birth.parents],
        "operator": birth.operator.__struct_config__.tag,
        **whole,
        "latency_ms": known.get("latency_ms"),
        "val_error": known["val_error"],
        "test_error": known["test_error"],
        "inference_flops": inference_flops(whole["macs"]),
        "train_flops": individual.train_flops,
        "seconds": individual.seconds,
        "line_flops": line.flops,
        "line_seconds": line.seconds,
    }
