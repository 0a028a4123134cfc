"""A member's page of facts: what the network is, what it takes and gives, how good it is, where it comes from.

The page is a pure function of what the run recorded and of the files beside it: the same export gives the same page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import msgspec
from msgspec import UNSET

from heredity.anatomy.body import anatomy_of
from heredity.anatomy.constructor import INSTANCE, called
from heredity.anatomy.inputs import InputForm
from heredity.development.birth import Birth, Individual
from heredity.export.loading import heredity_lines, onnx_lines, program_lines
from heredity.export.markdown import plain, share, table
from heredity.export.member import FILES, File
from heredity.measures import UNITS
from heredity.measures.flops import inference_flops
from heredity.measures.latency import PROTOCOL
from heredity.run.account import spent
from heredity.run.settings import RunSettings
from heredity.zoo import OFFERED


def facts_page(settings: RunSettings, line: Sequence[Individual], files: Sequence[File]) -> bytes:
    """The page of `line[0]`, whose line of descent ends at `line[-1]`, the ancestor; `files` lie beside the page."""
    member, first = line[0], line[-1]
    origin, data = plain(called(settings.constructor.reference, "a module")), plain(called(settings.data, "data"))
    sections = (
        f"# {_id(member.number)}, {'the ancestor' if member is first else 'evolved from'} {origin}",
        f"One of the family that heredity evolved from {origin} on {data} by {plain(settings.strategy)}, seed "
        f"{settings.seed}. Generation {member.birth.generation}, made by {_operator(member.birth)}.",
        f"## Size and error\n\n{_measures(member, first, files)}\n\n{_protocol(settings)}",
        f"## Input and output\n\n{_ends(settings, member)}",
        f"## How to load it\n\n{_loading(settings, files)}",
        f"## Layers\n\n{_layers(member, first)}",
        f"## Descent\n\n{_descent(line)}",
        f"## Training\n\n{_training(member.birth)}",
        f"## What it took\n\n{_spent(line)}",
        f"## Files\n\n{_files(files)}",
        f"Made by heredity {version('heredity')} with torch {version('torch')} and onnxruntime "
        f"{version('onnxruntime')}.",
    )
    return ("\n\n".join(sections) + "\n").encode()


def _measures(member: Individual, first: Individual, files: Sequence[File]) -> str:
    measures = dict(member.measures)
    for file in files:
        if file.name == FILES["onnx"]:
            measures["bytes"] = len(file.content)  # what was recorded at birth was predicted

    def row(name: str) -> tuple[str, str, str, str]:
        own, ancestors = measures.get(name), first.measures.get(name)
        of_ancestors = share(own / ancestors) if own is not None and ancestors and not name.endswith("_error") else ""
        return UNITS[name], _shown(name, own), _shown(name, ancestors), of_ancestors

    return table(("", "this network", f"ancestor {_id(first.number)}", "share"), map(row, UNITS))


def _shown(name: str, value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "not measured"
    if name.endswith("_error"):
        return share(value)
    return f"{value:.3f}" if name == "latency_ms" else f"{value:,.0f}"


def _protocol(settings: RunSettings) -> str:
    unit = plain(settings.criterion.get("error", "share of wrong answers"))
    return (
        f"Errors: {unit}; 0 % is perfect. Selection saw the validation split, which makes that figure a little too "
        f"good; the test split is read once, after the run, for the ancestor and the members of the front. Splits that "
        f"the data does not bring are drawn with seed {settings.seed}; digest of the data: {plain(settings.task)}. "
        f"Latency: that of {FILES['onnx']} in onnxruntime, on the CPU that the run ended on: {PROTOCOL}."
    )


def _ends(settings: RunSettings, member: Individual) -> str:
    form, outputs = settings.inputs, anatomy_of(member.birth.genome).outputs
    return "\n".join((f"- Input: {_input(form)}", f"- Output: {_output(settings, outputs)}"))


def _input(form: InputForm) -> str:
    shape = _batch(form.shape)
    if form.vocabulary is not None:
        return f"int64 tokens {shape}, from 0 to {form.vocabulary - 1}. The batch size is free."
    if form.audio is not UNSET:
        return (
            f"float32 {shape}, features of a recording, {form.audio.features} at {form.audio.rate:,} Hz, as "
            f"`heredity transcribe` computes them: not sound itself. The batch size is free. Normalisation is inside."
        )
    if form.mean == (0.0,) and form.std == (1.0,):
        return f"float32 {shape}, as it is in the data. The batch size is free."
    mean, std = (", ".join(f"{value:g}" for value in values) for values in (form.mean, form.std))
    return (
        f"float32 {shape}, pixels in \\[0, 1\\]. The batch size is free. Normalisation is inside, do not repeat it: "
        f"mean {mean}, deviation {std}."
    )


def _output(settings: RunSettings, outputs: Sequence[int]) -> str:
    shape, kind = _batch(outputs), settings.criterion.get("kind", "classification")
    if kind == "classification":
        named = ", ".join(map(plain, settings.classes))
        classes = f" The classes are, from 0: {named}." if named else " Class numbers are those of the data, from 0."
        return f"float32 {shape}, logits: the largest along dimension 1 is the answer.{classes}"
    if kind == "multi-label":
        named = ", ".join(map(plain, settings.classes))
        return f"float32 {shape}, logits: a label is likelier on than off above 0.{f' Labels: {named}.' * bool(named)}"
    if kind == "ctc":
        named = ", ".join(map(plain, settings.classes))
        words = f" The words are, from output 1: {named}." if named else ""
        return f"float32 {shape}, logits for every frame; output 0 is the blank of CTC.{words}"
    return f"float32 {shape}, {'numbers in the units of the data' if kind == 'regression' else 'as the task has it'}."


def _batch(shape: Sequence[int]) -> str:
    return f"`({', '.join(['batch', *map(str, shape)])}{',' * (not shape)})`"


def _loading(settings: RunSettings, files: Sequence[File]) -> str:
    """Lines to copy, for the files that there are."""
    names, form = {file.name for file in files}, settings.inputs
    handed_over = settings.constructor.reference == INSTANCE
    blocks = [heredity_lines(f'heredity.load("."{", model=network" * handed_over})', form, handed_over=handed_over)]
    if FILES["torch"] in names:
        blocks.append(program_lines(FILES["torch"], form))
    blocks += [onnx_lines(name, form) for name in (FILES["onnx"], FILES["int8"]) if name in names]
    fenced = "\n\n".join(f"```python\n{block}\n```" for block in blocks)
    return f"In this folder:\n\n{fenced}"


def _layers(member: Individual, first: Individual) -> str:
    own, ancestors = member.birth.genome.sizes, first.birth.genome.sizes

    def row(family: str) -> tuple[str, str, str, str]:
        size, once = own.get(family, 0), ancestors.get(family, 0)  # who has grown, or has other genes, has other layers
        return plain(family), f"{size:,}", f"{once:,}", share(size / once) if once else ""

    rows = map(row, dict.fromkeys((*ancestors, *own)))
    fixed = anatomy_of(member.birth.genome).fixed
    listed = "\n".join(f"- {plain(f.name)}, {f.clusters}: {plain(f.reason)}" for f in fixed)
    return (
        "Clusters (filters, neurons, heads) of every family that can change, named by the layer that makes it:\n\n"
        + table(("family", "this network", "ancestor", "share"), rows)
        + f"\n\nChannels that are fixed:\n\n{listed}" * bool(fixed)
    )


def _descent(line: Sequence[Individual]) -> str:
    """Of those that it descends from, the first parent, that one's first parent, and so on."""
    everybody, firsts = {individual.number: individual for individual in line}, [line[0]]
    while parents := firsts[-1].birth.parents:
        firsts.append(everybody[parents[0]])

    def row(individual: Individual) -> tuple[str, ...]:
        birth, measures = individual.birth, individual.measures
        parents = ", ".join(map(_id, birth.parents)) or "-"
        shown = (_shown(name, measures.get(name)) for name in ("params", "val_error"))
        return _id(birth.number), str(birth.generation), parents, _operator_name(birth), *shown

    return table(("", "generation", "parents", "operator", "weights", "validation error"), map(row, firsts))


def _training(birth: Birth) -> str:
    recipe = {key: value for key, value in msgspec.to_builtins(birth.recipe).items() if value not in (None, [], ())}
    if not birth.teachers:
        recipe.pop("culture", None)  # there is nobody to learn from
    listed = "\n".join(f"- {key.replace('_', ' ')}: {_setting(value)}" for key, value in recipe.items())
    names = ", ".join(map(_id, birth.teachers))
    several = "Teachers, as one" if len(birth.teachers) > 1 else "Teacher"
    return f"{listed}\n\n{f'{several}: {names}' if names else 'No teacher'}. Seed of the birth: {birth.seed}."


def _spent(line: Sequence[Individual]) -> str:
    own, whole, macs = spent(line[:1]), spent(line), int(line[0].measures["macs"])
    jointly = len({i.birth.litter for i in line} - {None}) < sum(i.birth.litter is not None for i in line)
    flops = ("not known" if each.flops is None else f"{each.flops:.2e}" for each in (own, whole))
    rows = (
        ("FLOPs of training", *flops),
        ("seconds of development", f"{own.seconds:.1f}", f"{whole.seconds:.1f}"),
    )
    return (
        table(("", "this network alone", f"with its line of descent, {len(line)} in all"), rows)
        + f"\n\nOne answer takes {inference_flops(macs):,} FLOPs, two per multiply-accumulate. Training takes three "
        f"times that for every example of every step, and a teacher's answers where they are not remembered. Measuring "
        f"the error is in the seconds alone."
        + " Siblings that were trained jointly with it, or with those that it descends from, are of its line."
        * jointly
    )


def _files(files: Sequence[File]) -> str:
    rows = ((plain(file.name), f"{len(file.content):,}", f"`{file.digest}`") for file in files)
    compared = "\n".join(f"- {plain(file.name)} {plain(file.comparison)}" for file in files if file.comparison)
    return table(("file", "bytes", "SHA-256"), rows) + f"\n\nEach was run and compared:\n\n{compared}" * bool(compared)


def _operator(birth: Birth) -> str:
    """The operator with its settings; of a constructor, which is named elsewhere, the keywords that are genes."""
    settings = {k: v for k, v in msgspec.to_builtins(birth.operator).items() if k not in ("type", "inputs")}
    keywords = settings.pop("constructor", {}).get("keywords", {})
    settings = {k: v for k, v in keywords.items() if k not in OFFERED} | settings
    listed = "; ".join(f"{key.replace('_', ' ')}: {_setting(value)}" for key, value in settings.items())
    return _operator_name(birth) + f" ({listed})" * bool(listed)


def _operator_name(birth: Birth) -> str:
    return plain(birth.operator.__struct_config__.tag)


def _setting(value: Any) -> str:
    if isinstance(value, dict):
        given = {plain(str(key).replace("_", " ")): part for key, part in value.items() if part is not None}
        return ", ".join(f"{key} {_setting(part)}" for key, part in given.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_setting, value))
    return f"{value:g}" if isinstance(value, float) else plain(value)


def _id(number: int) -> str:
    return f"{number:04d}"
