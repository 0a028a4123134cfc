"""Cloning: an offspring with all that its parent has, to develop further."""

from __future__ import annotations

from collections.abc import Sequence

from heredity.variation.operator import Operator, Organism


class Cloning(Operator, frozen=True, tag="cloning"):
    """The parent once more: genome, weights and masks."""

    def conceive(self, parents: Sequence[Organism], seed: int) -> Organism:
        (parent,) = parents
        return parent
