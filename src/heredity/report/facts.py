"""From a run to the records that its page is made of.

`gather` reads them from a run's folder; all else here is a pure function of what was read.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import torch

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.body import anatomy_of, ancestor
from heredity.anatomy.constructor import INSTANCE, called
from heredity.development.birth import Individual
from heredity.errors import InputError
from heredity.export.family import outcome
from heredity.measures import UNITS
from heredity.measures.flops import inference_flops
from heredity.measures.latency import PROTOCOL
from heredity.priors.reading import BINS, LARGEST_NORM, Reading, Setting
from heredity.report.genes import genes_of
from heredity.report.loading import loading
from heredity.report.records import (
    AnatomyPart,
    Ceiling,
    Facts,
    Failure,
    FamilyPart,
    FixedPart,
    Generation,
    MixturePart,
    Portrait,
    PriorPart,
    Spread,
    TensorPart,
)
from heredity.report.words import headline, notes, within_a_point
from heredity.run.account import line_of, spent
from heredity.run.front import front_of, objectives_of
from heredity.run.run import Run
from heredity.run.settings import RunSettings
from heredity.run.targets import CEILINGS
from heredity.store.folder import read_json


def gather(run: Run) -> Facts:
    """Reads all that the page of a run says.

    Raises:
        StoreError: the run cannot be read.
    """
    settings, front_json = run.settings, run.folder.front_json
    finished = read_json(front_json, dict[str, Any]) if front_json.exists() else None
    individuals = run.individuals
    try:
        anatomy = ancestor(settings.constructor, settings.inputs).anatomy
    except InputError as error:
        anatomy = str(error)
    return facts(
        settings,
        individuals,
        anatomy,
        finished,
        folder=Path(os.fsencode(run.folder.path).decode(errors="replace")),
        began=run.store.began(),
        elapsed=run.store.elapsed(),
    )


def facts(
    settings: RunSettings,
    individuals: Sequence[Individual],
    anatomy: Anatomy | str,
    finished: Mapping[str, Any] | None,
    *,
    folder: Path,
    began: str,
    elapsed: float,
) -> Facts:
    """The facts of a run in `folder`. `anatomy` is the ancestor's, or why there is none; `finished` is `front.json`."""
    objectives = objectives_of(settings.cost, settings.targets)
    front = tuple(name_of(individual.number) for individual in front_of(individuals, objectives))
    part = anatomy_part(anatomy, individuals)
    rows = {row["id"]: row for row in (finished["ancestor"], *finished["members"])} if finished else {}
    everybody = {individual.number: individual for individual in individuals}
    portraits = tuple(_portrait(i, everybody, rows, part, settings, folder, with_tensors=front) for i in individuals)
    measures = {portrait.id: portrait.measures for portrait in portraits}
    members = {name: measures[name] for name in front}
    first = measures.get(name_of(0), {})
    kept = outcome(settings.targets, [{**dict.fromkeys(UNITS), "id": name, **members[name]} for name in front])
    return Facts(
        title=f"{called(settings.constructor.reference, 'a network')} on {called(settings.data, 'data')}",
        version=version("heredity"),
        began=began,
        elapsed=elapsed,
        spent=spent(individuals),
        finished=finished is not None,
        cost=settings.cost,
        objectives=objectives,
        headline=headline(first, members, settings.cost),
        notes=notes(portraits, folder, finished=finished is not None, front=front),
        ceilings=tuple(Ceiling(CEILINGS[name], ceiling) for name, ceiling in settings.targets.given.items()),
        met=kept["met"] if settings.targets.given else None,
        nearest=kept["nearest"],
        front=front,
        picked=within_a_point(first, members, settings.cost) or (front[-1] if front else None),
        individuals=portraits,
        generations=generations(individuals, settings.cost),
        failures=failures(individuals),
        genes=genes_of(individuals),
        anatomy=part,
        settings=msgspec.to_builtins(settings),
        latency_protocol=str(PROTOCOL),
    )


def name_of(number: int) -> str:
    """An individual's id: its birth number in four digits."""
    return f"{number:04d}"


def anatomy_part(anatomy: Anatomy | str, individuals: Sequence[Individual]) -> AnatomyPart:
    """What the page says of the ancestor's anatomy; without one, families as the first individual's genome has them."""
    if isinstance(anatomy, str):
        sizes = individuals[0].birth.genome.sizes if individuals else {}
        return AnatomyPart(tuple(FamilyPart(*family) for family in sizes.items()), unknown=anatomy)
    layers = {(f.name, role): dict[str, None]() for f in anatomy.families for role in ("made", "read")}
    for family in anatomy.families:
        for s in family.slices:
            if s.tensor in anatomy.positions:  # weights that are multiplied: a layer's, and not its norm's
                layers[family.name, s.role][s.tensor.rpartition(".")[0]] = None
    return AnatomyPart(
        families=tuple(
            FamilyPart(f.name, f.size, tuple(layers[f.name, "made"]), tuple(layers[f.name, "read"]))
            for f in anatomy.families
        ),
        fixed=tuple(FixedPart(f.name, f.clusters, f.reason) for f in anatomy.fixed),
        tensors=tuple(TensorPart(name, shape) for name, shape in anatomy.shapes.items() if name in anatomy.parameters),
        mutable_share=anatomy.mutable_share,
    )


def generations(individuals: Sequence[Individual], cost: str) -> tuple[Generation, ...]:
    """What came of each generation, in order."""
    by_number: dict[int, list[Individual]] = {}
    for individual in individuals:
        by_number.setdefault(individual.birth.generation, []).append(individual)
    found: list[Generation] = []
    for number, born in sorted(by_number.items()):
        living = [i.measures for i in born if i.developed]
        found.append(
            Generation(
                number,
                developed=len(living),
                failed=len(born) - len(living),
                error=_spread([m["val_error"] for m in living]),
                cost=_spread([m[cost] for m in living if cost in m]),
                spent=spent(born),
                elapsed=max(i.elapsed for i in born),
            )
        )
    return tuple(found)


def failures(individuals: Sequence[Individual]) -> tuple[Failure, ...]:
    """Reasons why newborns failed, the most frequent first."""
    by_reason: dict[str, list[str]] = {}
    for individual in individuals:
        if not individual.developed:
            by_reason.setdefault(individual.reason or "no reason recorded", []).append(name_of(individual.number))
    ranked = sorted(by_reason.items(), key=lambda item: -len(item[1]))
    return tuple(Failure(reason, tuple(ids)) for reason, ids in ranked)


def _portrait(
    individual: Individual,
    everybody: Mapping[int, Individual],
    rows: Mapping[str, Mapping[str, Any]],
    part: AnatomyPart,
    settings: RunSettings,
    folder: Path,
    *,
    with_tensors: Sequence[str],
) -> Portrait:
    """An individual; `rows` are the entries of `front.json` by id, whose measures are the files' own."""
    birth, name = individual.birth, name_of(individual.number)
    row = rows.get(name, {})
    measures = {**individual.measures, **{key: row[key] for key in UNITS if row.get(key) is not None}}
    exported = folder / Path(row["onnx"]).parent if row.get("onnx") else None
    own = anatomy_of(birth.genome) if name in with_tensors and part.tensors else None
    shapes = {} if own is None else {tensor: s for tensor, s in own.shapes.items() if tensor in own.parameters}
    known = {family.name for family in part.families}, {tensor.name for tensor in part.tensors}
    line = line_of(individual, everybody)
    handed_over = settings.constructor.reference == INSTANCE
    return Portrait(
        id=name,
        generation=birth.generation,
        parents=tuple(map(name_of, birth.parents)),
        operator=str(birth.operator.__struct_config__.tag),
        elapsed=round(individual.elapsed, 2),
        spent=spent([individual]),
        line=spent(line),
        line_size=len(line),
        clusters=tuple(birth.genome.sizes.get(family.name, 0) for family in part.families),
        measures=measures,
        inference_flops=inference_flops(int(measures["macs"])) if "macs" in measures else None,
        tensors=tuple(shapes.get(tensor.name) for tensor in part.tensors) if shapes else (),
        blocks=birth.genome.blocks,
        arisen={family: size for family, size in birth.genome.sizes.items() if family not in known[0]},
        added=tuple(TensorPart(*tensor) for tensor in shapes.items() if tensor[0] not in known[1]),
        loading=loading(folder, name, settings.inputs, exported=exported, handed_over=handed_over)
        if individual.developed
        else (),
        prior=prior_part(individual),
        teachers=tuple(map(name_of, birth.teachers)),
        reason=individual.reason,
        refused=row.get("refused"),
    )


def prior_part(individual: Individual) -> PriorPart | None:
    """What the page draws of an individual's prior; None for one that was trained without."""
    readings, prior = individual.readings, individual.birth.recipe.prior
    if not readings or prior is None:
        return None
    by_mixture: dict[str, list[Reading]] = {}
    for reading in readings:
        by_mixture.setdefault(reading.mixture, []).append(reading)
    return PriorPart(
        share=prior.share,
        edges=tuple(LARGEST_NORM * (k + 1) / BINS for k in range(BINS)),
        progress=tuple(round(reading.progress, 4) for reading in next(iter(by_mixture.values()))),
        mixtures=tuple(mixture_part(family, own) for family, own in by_mixture.items()),
    )


def mixture_part(family: str, readings: Sequence[Reading]) -> MixturePart:
    """What the page draws of one mixture."""
    settings = [reading.setting for reading in readings if reading.setting is not None]
    if len(settings) < len(readings):
        settings = []
    return MixturePart(
        family,
        counts=tuple(reading.counts for reading in readings),
        thresholds=tuple(setting.threshold for setting in settings),
        curves=tuple(expected_counts(s, r.counts) for s, r in zip(settings, readings, strict=False)),
    )


def expected_counts(setting: Setting, counts: Sequence[int]) -> tuple[tuple[float, ...], ...]:
    """How the groups on either side of a boundary would lie in the bins of a reading, were they as the mixture has it.

    The first component with as many groups as are below, the others with those above, by their shares: alpha places the
    boundary, and is not theirs.
    """
    width = LARGEST_NORM / BINS
    centres = (torch.arange(BINS, dtype=torch.float64) + 0.5) * width
    below = sum(count for count, centre in zip(counts, centres.tolist(), strict=True) if centre < setting.threshold)
    shares = torch.tensor([component.share for component in setting.mixture.components], dtype=torch.float64)
    sides = torch.cat([torch.tensor([below]), (sum(counts) - below) * shares[1:] / shares[1:].sum()])
    densities = setting.mixture.penalty().terms(centres).exp() / shares.unsqueeze(1)
    return tuple(
        tuple(float(f"{value:.3g}") for value in row) for row in (densities * sides.unsqueeze(1) * width).tolist()
    )


def _spread(values: Sequence[float]) -> Spread | None:
    return Spread(min(values), statistics.median(values), max(values)) if values else None
