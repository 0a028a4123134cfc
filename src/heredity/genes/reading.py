"""Genes as people write them.

16..128                       whole numbers, as both bounds are; 0.5..2 real ones
1e-4..1e-1 log                evenly by logarithms
relu|tanh|gelu                one of these; a single value is what all newborns have
8..64 from 32                 where it begins, unless with the ancestor's value
8..64 if model.depth=4|5|6    only if another gene has one of these values
off                           no such gene, where a model's own genes would have one
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from heredity.errors import InputError
from heredity.genes.gene import KINDS, Choice, Gene, Integer, Real, Scale, Value, When

OFF = "off"
"""What stands for no gene."""

_WRITTEN = re.compile(
    r"(?P<values>\S+?)(?:\s+(?P<scale>log|linear))?(?:\s+from\s+(?P<start>\S+))?"
    r"(?:\s+if\s+(?P<gene>[^\s=]+)=(?P<allowed>\S+))?"
)
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_BOUNDS = re.compile(rf"({_NUMBER})\.\.({_NUMBER})")


def read_genes(given: Mapping[str, Any], usual: Mapping[str, Value]) -> dict[str, Gene | None]:
    """Genes by name, as settings have them: texts, lists of values, or records; None for one that is off.

    Names are whole (`model.width`), or come part by part, each within the one before. Bounds are of real numbers where
    the ancestor's `usual` value is one, and of whole ones where that is one and they are: `1e1..4e2` of a width.

    Raises:
        InputError: something that is no gene.
    """
    found: dict[str, Gene | None] = {}
    for name, what in _whole_names(given).items():
        gene = None if what in (OFF, None) else _gene(name, what)
        if isinstance(gene, Integer) and isinstance(usual.get(name), float):
            gene = _real(gene.low, gene.high, gene.scale, gene.start, gene.when)
        elif isinstance(gene, Real) and type(usual.get(name)) is int:  # a bool is no number
            gene = _whole(gene)
        elif isinstance(gene, Integer | Real) and isinstance(usual.get(name), bool | str):
            came, remedy = f"bounds, {gene}", "write values, such as true|false or relu|tanh"
            raise InputError.of(f"values of gene {name}, which the ancestor has as {usual[name]}", came, remedy)
        found[name] = gene
    return found


def _whole_names(given: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, what in given.items():
        parts = cast("dict[str, Any]", what) if isinstance(what, dict) else {}
        if isinstance(what, dict) and parts.get("kind") not in KINDS:  # of a record it is one; else a keyword
            found.update({f"{name}.{rest}": gene for rest, gene in _whole_names(parts).items()})
        else:
            found[name] = what
    return found


def _gene(name: str, what: Any) -> Gene:
    if isinstance(what, str):
        return _written(name, what)
    if isinstance(what, list | tuple):
        what = {"kind": "choice", "values": what}
    elif isinstance(what, bool | int | float):
        what = {"kind": "choice", "values": [what]}
    try:
        return msgspec.convert(what, Gene)
    except msgspec.ValidationError as error:
        raise InputError.of(f"gene {name}, such as 16..128 or relu|tanh", error, "correct it") from error


def _written(name: str, text: str) -> Gene:
    parts = _WRITTEN.fullmatch(text.strip())
    if parts is None:
        remedy = "write bounds or values, then, if need be, log, 'from VALUE' and 'if GENE=VALUE|VALUE'"
        raise InputError.of(f"gene {name}, such as 16..128 or relu|tanh", repr(text), remedy)
    when = None if parts["gene"] is None else When(parts["gene"], _values(parts["allowed"]))
    start, bounds = None if parts["start"] is None else _value(parts["start"]), _BOUNDS.fullmatch(parts["values"])
    if bounds is None:
        if parts["scale"] or ".." in parts["values"]:
            raise InputError.of(f"bounds of gene {name}, two numbers", repr(text), "write LOW..HIGH")
        values = tuple(_value(part) for part in parts["values"].split("|") if part)
        return Choice(values, start, when)
    scale = cast("Scale", parts["scale"] or "linear")
    low, high = _value(bounds[1]), _value(bounds[2])
    if isinstance(start, str):
        raise InputError.of(f"gene {name} to begin with a number", repr(start), "write 'from' and a number")
    if isinstance(low, int) and isinstance(high, int) and isinstance(start, int | None):
        return Integer(low, high, scale, start, when)
    return _real(low, high, scale, start, when)


def _real(low: Value, high: Value, scale: Scale, start: Value | None, when: When | None) -> Real:
    return Real(float(low), float(high), scale, None if start is None else float(start), when)


def _whole(gene: Real) -> Integer | Real:
    """The gene of whole numbers with these bounds and this start, if they are whole."""
    if not all(number is None or float(number).is_integer() for number in (gene.low, gene.high, gene.start)):
        return gene
    start = None if gene.start is None else int(gene.start)
    return Integer(int(gene.low), int(gene.high), gene.scale, start, gene.when)


def _values(text: str) -> tuple[Value, ...]:
    """Values of a condition: `4|5|6`, or `4..6`."""
    bounds = _BOUNDS.fullmatch(text)
    ends = (_value(bounds[1]), _value(bounds[2])) if bounds else ()
    if len(ends) == 2 and isinstance(ends[0], int) and isinstance(ends[1], int):
        return tuple(range(ends[0], ends[1] + 1))
    return tuple(_value(part) for part in text.split("|") if part)


def _value(text: str) -> Value:
    """A value: JSON, a number such as .5, Python's True or False, or plain text where it is none of these."""
    if text in ("True", "False"):
        return text == "True"
    try:
        value = json.loads(text)
    except ValueError:
        return float(text) if re.fullmatch(_NUMBER, text) else text
    return value if isinstance(value, bool | int | float | str) else text
