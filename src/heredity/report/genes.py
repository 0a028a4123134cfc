"""What individuals were built and trained with, where genes decided it: by gene, everybody's value."""

from __future__ import annotations

from collections.abc import Sequence

from heredity.development.birth import Birth, Individual
from heredity.errors import InputError
from heredity.genes.expression import MODEL, RECIPE, SCALE, usual_values
from heredity.genes.gene import Value
from heredity.report.records import GenePart
from heredity.variation import Succession


def genes_of(individuals: Sequence[Individual]) -> tuple[GenePart, ...]:
    """The genes in which any two of these differ; none in a run where nobody was made by genes."""
    if not any(isinstance(individual.birth.operator, Succession) for individual in individuals):
        return ()
    try:
        expressed = [_expressed(individual.birth) for individual in individuals]
    except InputError:  # the constructor is gone
        return ()
    names = dict.fromkeys(name for values in expressed for name in values)
    found = (GenePart(_called(name), tuple(values.get(name) for values in expressed)) for name in names)
    return tuple(gene for gene in found if len({value for value in gene.values if value is not None}) > 1)


def _expressed(birth: Birth) -> dict[str, Value]:
    values = usual_values(birth.genome.constructor, birth.recipe)
    if isinstance(birth.operator, Succession):
        values[SCALE] = birth.operator.scale
    return values


def _called(name: str) -> str:
    return name.removeprefix(MODEL).removeprefix(RECIPE).replace("_", " ").replace(".", " ")
