"""Founding: the first individual of a line has no parents."""

from __future__ import annotations

from collections.abc import Sequence

from heredity.anatomy.body import ancestor, fresh_tensors
from heredity.anatomy.constructor import Constructor
from heredity.anatomy.inputs import InputForm
from heredity.variation.operator import Operator, Organism


class Founding(Operator, frozen=True, tag="founding"):
    """The constructor's network with the weights that it comes with: drawn under the birth's seed, or handed over."""

    constructor: Constructor
    inputs: InputForm

    def conceive(self, parents: Sequence[Organism], seed: int) -> Organism:
        first = ancestor(self.constructor, self.inputs)
        return Organism(first.genome, fresh_tensors(self.constructor, seed))
