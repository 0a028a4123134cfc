"""A space of genes: by name, what may be chosen together, and what a point in it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from heredity.errors import InputError
from heredity.genes.gene import Choice, Gene, Real, Value

Point = NDArray[np.float64]
"""`(genes,)`: coordinates of those genes that have more than one value."""

Values = dict[str, Value]
"""By gene: what it says. Genes whose condition does not hold are not there."""


@dataclass(frozen=True)
class Space:
    """Genes by name, in their order; conditions are on earlier ones.

    `usual` are the ancestor's values, where a gene has no start of its own.

    Raises:
        InputError: bounds, values, starts or conditions that make no sense, or nothing that can vary.
    """

    genes: Mapping[str, Gene]
    usual: Mapping[str, Value] = field(default_factory=dict[str, Value])

    def __post_init__(self) -> None:
        for name, gene in self.genes.items():
            gene.check(name)
            if name not in self.starts:
                remedy = f"say where it begins: '{gene} from {gene.value(0.0)}'"
                raise InputError.of(f"a start of gene {name}", "none, and the ancestor has no such value", remedy)
            if not gene.holds(self.starts[name]):
                remedy = "widen them, or say where it begins with 'from'"
                raise InputError.of(f"the start of gene {name} within {gene}", self.starts[name], remedy)
            self._check_condition(name, gene)
        if not self.free:
            raise InputError.of("a gene that has more than one value", "none", "widen the bounds of one")

    @cached_property
    def starts(self) -> dict[str, Value]:
        """By gene: where it begins, which its only value is, its own start, or what is usual."""
        found: dict[str, Value] = {}
        for name, gene in self.genes.items():
            start = gene.value(0.0) if gene.count == 1 else gene.start
            if start is not None or name in self.usual:
                found[name] = self.usual[name] if start is None else start
        return found

    @cached_property
    def free(self) -> dict[str, Gene]:
        """The genes that have more than one value: those that a point has coordinates of."""
        return {name: gene for name, gene in self.genes.items() if gene.count > 1}

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many values the free genes have that are choices, in their order."""
        return tuple(len(gene.values) for gene in self.free.values() if isinstance(gene, Choice))

    @property
    def start(self) -> Point:
        """The ancestor's point."""
        return self.encode({})

    def decode(self, point: Point) -> Values:
        """What a point means."""
        coordinates = dict(zip(self.free, point.tolist(), strict=True))
        values: Values = {}
        for name, gene in self.genes.items():
            if gene.when is None or gene.when.met(values.get(gene.when.gene)):
                values[name] = gene.value(coordinates.get(name, 0.0))
        return values

    def encode(self, values: Mapping[str, Value]) -> Point:
        """A point that means these values; what is not among them is where it begins.

        Raises:
            InputError: a gene that there is not, or a value outside of its bounds.
        """
        for name, value in values.items():
            if name not in self.genes:
                raise InputError.of(f"genes among {', '.join(self.genes)}", name, "choose one of them")
            if not self.genes[name].holds(value):
                raise InputError.of(f"gene {name} within {self.genes[name]}", value, "change it, or the bounds")
        return np.array([gene.coordinate(values.get(name, self.starts[name])) for name, gene in self.free.items()])

    def _check_condition(self, name: str, gene: Gene) -> None:
        when = gene.when
        if when is None:
            return
        earlier = list(self.genes)[: list(self.genes).index(name)]
        if when.gene not in earlier:
            came = f"{when.gene}, which {'comes later' if when.gene in self.genes else 'is none of the genes'}"
            remedy = f"name one of {', '.join(earlier)}" if earlier else "drop the condition"
            raise InputError.of(f"a condition of gene {name} on an earlier gene", came, remedy)
        other = self.genes[when.gene]
        if isinstance(other, Real):
            came = f"{when.gene}, which is any number of {other}"
            raise InputError.of(f"a condition of gene {name} on a gene with values to name", came, "change either")
        impossible = [value for value in when.values if not other.holds(value)]
        if impossible or not when.values:
            came = ", ".join(map(str, impossible)) or "none"
            expected = f"a condition of gene {name} on values that {when.gene} can have, {other}"
            raise InputError.of(expected, came, f"change either, or leave {name} out")
