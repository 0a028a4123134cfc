"""Making an ensemble of a run's members: chosen and fitted on validation data, tested once, and written as one network.

It is a function of a run's folder, as `export_member` is, and not a method of the front: choosing needs the run's data,
which a run that is opened does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from torch import nn

from heredity.api.evolve import Data, reopen
from heredity.development.combination import Method, combined, held_back, sample_of
from heredity.development.criteria.criterion import measured
from heredity.development.ensemble import Ensemble
from heredity.development.task import Split, Task
from heredity.errors import InputError
from heredity.executors.worker import prepared
from heredity.export.ensemble import EnsembleRecord, Part, Single, ensemble_files
from heredity.export.member import write_files
from heredity.export.onnx import file_latency_ms, to_onnx
from heredity.measures.flops import inference_flops
from heredity.run.account import lines_of, spent
from heredity.run.run import Member, Run
from heredity.run.targets import Targets
from heredity.store.folder import RunFolder
from heredity.variation.operator import Organism


@dataclass(frozen=True)
class _Candidate:
    """Somebody to choose: who it is, its weights, and its measures, with latency where that is bounded."""

    member: Member
    organism: Organism
    measures: Mapping[str, float]


def ensemble(
    path: str | Path,
    members: Sequence[str] = (),
    method: Method = "greedy",
    *,
    generation: int | Literal["last"] | None = None,
    targets: Targets | None = None,
    out: str | Path | None = None,
    model: nn.Module | None = None,
    data: Data = None,
    data_dir: str | Path | None = None,
) -> tuple[Path, EnsembleRecord]:
    """Makes one network of several members of the run at `path`: of those with these ids, of all who live of a
    `generation` (0 is the ancestor's, "last" the last of which somebody lives), or else of all of its front.

    "greedy" chooses among them; "mean", "weighted" and "mlp" take all, but for those whose weight is nought. What the
    whole costs, file and latency included, is at most what `targets` say. All choices are made on the validation split
    (see `heredity.development.combination`); the test split is read once, at the end. The folder, `ensemble/METHOD` in
    the run's unless `out` names one, then holds `model.onnx`, `model.safetensors` and `ensemble.json`, and nothing of
    an earlier export; `heredity.load` gives its network. `model` and `data` are needed again if they were handed over
    in Python.

    Raises:
        InputError: no such member, generation or method, fewer than two members, ceilings that cannot be kept, or
            answers that have no mean.
        DataError: the data is not there, or not what the run began with.
        ExportError: a member cannot be exported; nothing is written.
        StoreError: the run cannot be read, or the folder not be written.
    """
    targets = targets or Targets()
    if method not in get_args(Method):
        raise InputError.of("a method", repr(method), f"choose among {', '.join(get_args(Method))}")
    if targets.max_error is not None:
        raise InputError.of("ceilings of costs", f"max_error={targets.max_error}", "leave it out: error is minimised")
    run, task = reopen(RunFolder(Path(path)), model=model, data=data, data_dir=data_dir)
    candidates = _candidates(run, _asked(run, members, generation), targets)
    with prepared(threads=1):  # as members were measured: another number of threads sums in another order
        made, record, content = _made(run, task, candidates, method, targets)
    place = Path(out) if out is not None else run.folder.path / "ensemble" / method
    write_files(place, ensemble_files(made, record, content))
    return place, record


def _asked(run: Run, names: Sequence[str], generation: int | Literal["last"] | None) -> list[Member]:
    """Who is to choose from."""
    if generation is None:
        return [run.member(name) for name in names] or list(run.front)
    if names:
        raise InputError.of("members' ids or a generation", "both", "leave one out")
    living = [individual for individual in run.individuals if individual.developed]
    last = max((individual.birth.generation for individual in living), default=0)
    own = [i for i in living if i.birth.generation == (last if generation == "last" else generation)]
    if not own:
        raise InputError.of("a generation of which somebody lives", generation, f"the last is {last}")
    return [Member(individual, run.store) for individual in own]


def _candidates(run: Run, members: Sequence[Member], targets: Targets) -> list[_Candidate]:
    ids = [member.id for member in members]
    if twice := next((name for name in ids if ids.count(name) > 1), None):
        raise InputError.of("members that differ", f"{twice} twice", "name each once")
    if len(members) < 2:
        raise InputError.of("at least 2 members", ", ".join(ids) or "none", "name more, or evolve on")

    def measures(member: Member, organism: Organism) -> Mapping[str, float]:
        known = member.measures
        if "latency_ms" not in targets.ceilings or "latency_ms" in known:
            return known
        return {**known, "latency_ms": file_latency_ms(to_onnx(organism), organism.inputs)}

    organisms = [member.organism() for member in members]
    return [_Candidate(m, o, measures(m, o)) for m, o in zip(members, organisms, strict=True)]


def _made(
    run: Run, task: Task, candidates: Sequence[_Candidate], method: Method, targets: Targets
) -> tuple[Ensemble, EnsembleRecord, bytes]:
    """An ensemble that keeps all ceilings, its record, and its ONNX file."""
    seed = run.settings.seed
    split, judges = sample_of([candidate.organism for candidate in candidates], task.validation, seed), task.validation
    if method == "mlp":
        judges = split.take(held_back(len(split), seed)[0])
        task.criterion.check(judges.labels, task.n_classes, "held-back validation", task.name)
    made, chosen, content, sizes = _within(task, candidates, split, method, targets.ceilings, seed)
    own = [candidate.member.individual for candidate in chosen]
    line = lines_of(own, {individual.number: individual for individual in run.individuals})
    record = EnsembleRecord(
        method=method,
        members=tuple(
            Part(candidate.member.id, weight, dict(candidate.measures), candidate.organism.genome)
            for candidate, weight in zip(chosen, made.weights, strict=True)
        ),
        measures={**sizes, **_errors(made.deployed(), task, judges)},
        best=_best([c for c in candidates if targets.excess(c.measures) <= 1] or candidates, task, judges),
        examples=len(judges),
        candidates=tuple(candidate.member.id for candidate in candidates),
        ceilings=targets.ceilings,
        criterion=run.settings.criterion,
        task=task.digest,
        seed=seed,
        inference_flops=inference_flops(int(sizes["macs"])),
        train_flops=spent(own).flops,
        line_flops=spent(line).flops,
    )
    return made, record, content


def _within(
    task: Task,
    candidates: Sequence[_Candidate],
    split: Split,
    method: Method,
    ceilings: dict[str, float],
    seed: int,
) -> tuple[Ensemble, list[_Candidate], bytes, dict[str, float]]:
    """An ensemble that keeps all ceilings, who is in it, its ONNX file, and what it costs.

    What the whole weighs, and takes, is known once its file is there: a little more than its members. Where that is
    more than a ceiling, greedy choice is to leave so much room beside the members, and chooses again.
    """
    organisms = [candidate.organism for candidate in candidates]
    costs = np.array([[candidate.measures[name] for name in ceilings] for candidate in candidates])
    asked, beside = np.array([*ceilings.values()]), np.zeros(len(ceilings))
    while True:
        if method == "greedy":
            _check_room(candidates, costs, asked - beside, ceilings)
        weights, correction = combined(method, organisms, split, task.criterion, seed, costs, asked - beside)
        counted = np.flatnonzero(weights).tolist()
        counts = tuple(float(weights[k]) for k in counted)
        made = Ensemble(tuple(organisms[k] for k in counted), counts, task.criterion, correction)
        content = to_onnx(made)
        sizes = {**made.sizes, "bytes": float(len(content)), "latency_ms": file_latency_ms(content, made.inputs)}
        whole = np.array([sizes[name] for name in ceilings])
        if bool((whole <= asked).all()):
            return made, [candidates[k] for k in counted], content, sizes
        if method != "greedy":
            came = _said({name: sizes[name] for name in ceilings})
            remedy = "name fewer members, or let method greedy choose"
            raise InputError.of(f"an ensemble of at most {_said(ceilings)}", came, remedy)
        beside = np.where(whole > asked, whole - costs[counted].sum(0), beside)


def _check_room(
    candidates: Sequence[_Candidate], costs: NDArray[np.float64], room: NDArray[np.float64], ceilings: dict[str, float]
) -> None:
    """Refuses ceilings that no member keeps by itself; `room` is what they leave to members.

    Raises:
        InputError: naming the nearest, with what it takes as an ensemble.
    """
    if bool((costs <= room).all(1).any()):
        return
    asked = np.array([*ceilings.values()])
    needed = costs + (asked - room)
    nearest = int((needed / asked).max(1).argmin())
    took = _said(dict(zip(ceilings, needed[nearest].tolist(), strict=True)))
    came = f"none, the nearest being {candidates[nearest].member.id} with {took}"
    raise InputError.of(f"a member to begin with that takes at most {_said(ceilings)}", came, "raise the ceilings")


def _best(candidates: Sequence[_Candidate], task: Task, judges: Split) -> Single:
    """The best candidate by the run's records, measured on the examples that the ensemble is judged by."""
    best = min(candidates, key=lambda c: (c.measures["val_error"], c.measures["params"]))
    known = best.measures
    if judges is task.validation and "test_error" in known:
        return Single(best.member.id, known["val_error"], known["test_error"])
    return Single(best.member.id, **_errors(best.organism.deployed(), task, judges))


def _errors(network: nn.Module, task: Task, judges: Split) -> dict[str, float]:
    return {
        "val_error": measured(task.criterion, network, judges.inputs, judges.labels),
        "test_error": measured(task.criterion, network, task.test.inputs, task.test.labels),
    }


def _said(values: Mapping[str, float]) -> str:
    return ", ".join(f"{round(value, 4):,.12g} {name}" for name, value in values.items())
