"""Tables for people: the zoo, an anatomy, a front, an ensemble."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from heredity.anatomy.anatomy import Anatomy, Family
from heredity.anatomy.body import ancestor
from heredity.anatomy.constructor import describe, find_model
from heredity.anatomy.inputs import InputForm
from heredity.anatomy.trace import trace
from heredity.cli.quantities import show_count, show_effort, show_share, show_times
from heredity.errors import InputError
from heredity.measures import sizes_of
from heredity.zoo import ZOO, defaults
from heredity.zoo.vision import REMEDY

if TYPE_CHECKING:  # it loads onnxruntime
    from heredity.export.ensemble import EnsembleRecord

GAP = 2
"""Blanks between columns."""

WIDE = 160
"""Columns of text where there is no terminal."""


def default_input(make: Callable[..., Any]) -> InputForm | None:
    """The input that a constructor builds for unless told otherwise, if it says one."""
    told = defaults(make)
    shape = told.get("input_shape")
    return None if shape is None else InputForm(tuple(shape), vocabulary=told.get("vocabulary"))


def show_zoo() -> None:
    """The zoo's ancestors, each at the input that it is meant for."""
    table = table_of("ancestor", "input", "params", "MACs", "families", "clusters")
    for name, make in ZOO.items():
        form = default_input(make)
        if form is None:
            continue
        anatomy = trace(make(), form)
        sizes = sizes_of(anatomy)
        table.add_row(
            name,
            "x".join(map(str, form.shape)),
            show_count(sizes["params"]),
            show_count(sizes["macs"]),
            str(len(anatomy.families)),
            show_count(sum(anatomy.sizes.values())),
        )
    console_for_tables().print(table)
    print("torchvision's and timm's networks work by name too, such as resnet18 or timm/mobilenetv3_small_100", end=" ")
    print(f"({REMEDY}), and yours as package.module:callable or file.py:callable")


CLASSES = 10
"""For which a network is looked at that asks for a number of classes, has no default, and is told none."""


def show_model(
    reference: str, shape: tuple[int, ...] | None, vocabulary: int | None = None, classes: int | None = None
) -> None:
    """One network's families, and what is fixed, with the reason; at its default input unless told another.

    Raises:
        InputError: no such network, or its input's shape is needed.
        ModelError: it cannot be traced.
    """
    make = find_model(reference)[1]
    form = default_input(make) or (InputForm(shape) if shape else None)
    if form is None:
        raise InputError.of(f"the shape of {reference}'s input", "none", "give it: --input 3x224x224")
    form = replace(form, shape=shape or form.shape, vocabulary=vocabulary or form.vocabulary)
    offered = {"input_shape": form.shape, "vocabulary": form.vocabulary}
    constructor = describe(reference, offered | {"n_classes": classes or defaults(make).get("n_classes", CLASSES)})
    anatomy = ancestor(constructor, form).anatomy
    sizes = sizes_of(anatomy)
    name = f"{constructor.reference} on {'x'.join(map(str, form.shape))}"
    print(f"{name}: {show_count(sizes['params'])} params, {show_count(sizes['macs'])} MACs,", end=" ")
    print(f"{anatomy.mutable_share:.1%} of the weights in families that can change")
    table = table_of("family", "clusters", "weights of one cluster", "made by", "read by")
    for family in anatomy.families:
        layers = [s for s in family.slices if s.tensor in anatomy.positions]
        made, read = (
            ", ".join(sorted({s.tensor.rpartition(".")[0] for s in layers if s.role == role}))
            for role in ("made", "read")
        )
        table.add_row(family.name, str(family.size), show_count(_cluster_weights(anatomy, family)), made, read)
    console_for_tables().print(table)
    for fixed in anatomy.fixed:
        print(f"fixed: {fixed.name} ({fixed.clusters} channels): {fixed.reason}")


def show_front(result: dict[str, Any]) -> None:
    """The members of `front.json`; on a narrow terminal with fewer columns, rather than with broken numbers."""
    first = result["ancestor"]
    rows = [
        {
            "member": member["id"],
            "params": show_count(member["params"]),
            "of ancestor": show_times(first["params"] / member["params"]),
            "MACs": show_count(member["macs"]),
            "bytes": show_count(member["bytes"]),
            "latency": "-" if member["latency_ms"] is None else f"{member['latency_ms']:.3f} ms",
            "validation": show_share(member["val_error"]),
            "test": show_share(member["test_error"]),
            "parents": ", ".join(member["parents"]) or "-",
        }
        for member in result["members"]
    ]
    console = console_for_tables()
    columns = {name: max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]}
    for dispensable in ("parents", "of ancestor", "bytes", "MACs", "latency", "validation", "member"):
        if sum(columns.values()) + GAP * len(columns) > console.width:
            columns.pop(dispensable)
    table = table_of(*columns)
    for row in rows:
        table.add_row(*(row[name] for name in columns))
    console.print(table)
    print(
        f"ancestor {first['id']}: {show_count(first['params'])} params, "
        f"validation error {show_share(first['val_error'])}, test error {show_share(first['test_error'])}"
    )
    if "train_flops" in result:  # not in files of older versions
        told = show_effort(result["train_flops"], result["seconds"])
        print(f"training of all {result['individuals']} individuals: {told}")


def show_ensemble(record: EnsembleRecord) -> None:
    """Who is in an ensemble and counts how much, and the whole beside its members and the best single one."""
    if len(record.members) == 1:
        print(f"no second member helps {record.members[0].id}, or fits: the ensemble is that one alone")
    table = table_of("member", "weight", "params", "MACs", "bytes", "latency", "validation", "test")
    for part in record.members:
        table.add_row(part.id, f"{part.weight:.3f}", *_costs_and_errors(part.measures))
    table.add_row("ensemble", "", *_costs_and_errors(record.measures))
    console_for_tables().print(table)
    best = record.best
    print(
        f"best single member {best.id}: validation error {show_share(best.val_error)}, "
        f"test error {show_share(best.test_error)}"
    )
    if record.inference_flops is not None:
        known = ("not known" if flops is None else f"{flops:.2e}" for flops in (record.train_flops, record.line_flops))
        print(
            f"FLOPs of an answer {record.inference_flops:.2e}, of training {next(known)}, "
            f"with all that members come from {next(known)}"
        )
    if record.method == "mlp":
        print(
            f"validation errors of the ensemble and of the best are those of {record.examples} examples, "
            f"from which the MLP has not learnt"
        )


def _costs_and_errors(measures: Mapping[str, float]) -> Iterator[str]:
    for name in ("params", "macs", "bytes"):
        yield show_count(measures[name])
    yield f"{measures['latency_ms']:.3f} ms" if "latency_ms" in measures else "-"
    for name in ("val_error", "test_error"):
        yield show_share(measures[name]) if name in measures else "-"


def _cluster_weights(anatomy: Anatomy, family: Family) -> float:
    """Mean count of parameters that go when one cluster of a family goes."""
    total = 0.0
    for s in family.slices:
        if s.tensor in anatomy.parameters:
            shape = anatomy.shapes[s.tensor]
            total += math.prod(shape) / shape[s.dim] * s.positions.shape[1]
    return total


def table_of(*columns: str) -> Table:
    """An empty table, names to the left and numbers to the right."""
    table = Table(box=None, padding=(0, GAP, 0, 0), header_style="bold")
    left = {"member", "ancestor", "input", "family", "made by", "read by", "parents", "arm", "preset", "gene"}
    for column in columns:
        table.add_column(column, justify="left" if column in left else "right", overflow="fold")
    return table


def console_for_tables() -> Console:
    """As wide as the terminal; what is not a terminal has room."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDE)
