"""Genes: what may be chosen for a newborn, each with its bounds, and where a value lies between them.

A gene's *coordinate* is where its value lies: in [0, 1] from the lower bound to the upper, evenly or by logarithms; of
a choice it is the place among its values. Distributions know coordinates alone.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import Literal

import numpy as np
from msgspec import Struct

from heredity.errors import InputError

Value = bool | int | float | str
"""What a gene may say."""

Scale = Literal["linear", "log"]


def same(one: Value, other: Value) -> bool:
    """Whether two values are the same; true is not the number 1, nor false 0."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


class When(Struct, frozen=True, forbid_unknown_fields=True):
    """A condition: a gene means something only if another, named before it, has one of these values."""

    gene: str
    values: tuple[Value, ...]

    def met(self, value: Value | None) -> bool:
        """Whether it is, where the other gene says this; None: nothing."""
        return value is not None and any(same(own, value) for own in self.values)


class Real(Struct, frozen=True, tag="real", tag_field="kind", forbid_unknown_fields=True):
    """A real number. `start` is the ancestor's, where distributions begin; None: what it has without the gene."""

    low: float
    high: float
    scale: Scale = "linear"
    start: float | None = None
    when: When | None = None

    def __str__(self) -> str:
        return _range(self.low, self.high, self.scale)

    @property
    def count(self) -> float:
        """How many values there are."""
        return 1 if self.low == self.high else math.inf

    def check(self, name: str) -> None:
        """Refuses bounds that bound nothing.

        Raises:
            InputError: they are infinite, the wrong way round, or not above 0 on a scale of logarithms.
        """
        _check_bounds(name, self.low, self.high, self.scale)

    def holds(self, value: Value) -> bool:
        """Whether this is one of its values."""
        return not isinstance(value, str | bool) and self.low <= value <= self.high

    def value(self, coordinate: float) -> float:
        """The value at a coordinate, to six figures; beyond the bounds, the bound."""
        found = _at(coordinate, self.low, self.high, self.scale)
        return min(max(float(f"{found:.6g}"), self.low), self.high)

    def coordinate(self, value: Value) -> float:
        """Where a value lies."""
        return _where(float(value), self.low, self.high, self.scale)


class Integer(Struct, frozen=True, tag="integer", tag_field="kind", forbid_unknown_fields=True):
    """A whole number; otherwise like `Real`."""

    low: int
    high: int
    scale: Scale = "linear"
    start: int | None = None
    when: When | None = None

    def __str__(self) -> str:
        return _range(self.low, self.high, self.scale)

    @property
    def count(self) -> float:
        """How many values there are."""
        return self.high - self.low + 1

    def check(self, name: str) -> None:
        """Refuses bounds that bound nothing.

        Raises:
            InputError: they are infinite, the wrong way round, or not above 0 on a scale of logarithms.
        """
        _check_bounds(name, self.low, self.high, self.scale)

    def holds(self, value: Value) -> bool:
        """Whether this is one of its values."""
        return isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high

    def value(self, coordinate: float) -> int:
        """The whole number that lies nearest to a coordinate."""
        below = math.floor(_at(coordinate, self.low, self.high, self.scale))
        near = [n for n in (below, below + 1) if self.low <= n <= self.high]
        return min(near, key=lambda n: abs(self.coordinate(n) - coordinate))

    def coordinate(self, value: Value) -> float:
        """Where a value lies."""
        return _where(float(value), self.low, self.high, self.scale)


class Choice(Struct, frozen=True, tag="choice", tag_field="kind", forbid_unknown_fields=True):
    """One of some values that have no order. Of a single one, it is what all newborns have."""

    values: tuple[Value, ...]
    start: Value | None = None
    when: When | None = None

    def __str__(self) -> str:
        return "|".join(map(str, self.values))

    @property
    def count(self) -> float:
        """How many values there are."""
        return len(self.values)

    def check(self, name: str) -> None:
        """Refuses a choice that is none.

        Raises:
            InputError: there are no values, or one of them twice.
        """
        if not self.values:
            raise InputError.of(f"values of gene {name}", "none", "give some, such as relu|tanh, or leave the gene out")
        if any(same(one, other) for one, other in combinations(self.values, 2)):
            raise InputError.of(f"different values of gene {name}", list(self.values), "give each once")

    def holds(self, value: Value) -> bool:
        """Whether this is one of its values."""
        return any(same(own, value) for own in self.values)

    def value(self, coordinate: float) -> Value:
        """The value at this place among them."""
        return self.values[int(np.clip(round(coordinate), 0, len(self.values) - 1))]

    def coordinate(self, value: Value) -> float:
        """The place of a value."""
        return float([same(own, value) for own in self.values].index(True))


Gene = Real | Integer | Choice

KINDS = "real", "integer", "choice"
"""What records of genes say that they are."""


def _check_bounds(name: str, low: float, high: float, scale: Scale) -> None:
    came = _range(low, high, "linear")
    if not (math.isfinite(low) and math.isfinite(high)):
        raise InputError.of(f"bounds of gene {name} that are finite", came, "give numbers that it may have")
    if low > high:
        raise InputError.of(f"bounds of gene {name}, the lower one first", came, "turn them round")
    if scale == "log" and low <= 0:
        raise InputError.of(
            f"bounds above 0 of gene {name}, which is on a scale of logarithms", came, "raise the lower"
        )


def _range(low: float, high: float, scale: Scale) -> str:
    return f"{low:g}..{high:g}{' log' if scale == 'log' else ''}"


def _at(coordinate: float, low: float, high: float, scale: Scale) -> float:
    share = min(max(float(coordinate), 0.0), 1.0)
    return low * (high / low) ** share if scale == "log" else low + (high - low) * share


def _where(value: float, low: float, high: float, scale: Scale) -> float:
    if low == high:
        return 0.0
    return math.log(value / low) / math.log(high / low) if scale == "log" else (value - low) / (high - low)
