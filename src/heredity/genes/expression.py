"""How genes express themselves: what their values say of a newborn.

model.NAME            a keyword of the constructor
recipe.NAME           a field of the recipe; recipe.culture.NAME, of its culture
initial_scale         a factor by which new weights are multiplied
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from heredity.anatomy.constructor import Constructor, keywords_of, remedy, varied
from heredity.development.recipe import Culture, Recipe
from heredity.errors import InputError
from heredity.genes.gene import Choice, Gene, Value
from heredity.genes.space import Values

MODEL, RECIPE, CULTURE, SCALE = "model.", "recipe.", "recipe.culture.", "initial_scale"

FIXED = {"epochs", "steps", "seconds", "flops", "augmentation", "culture", "precision", "prior", "carried"}
"""Fields of a recipe that are no genes: the budget, and what the strategy decides."""


class Expression(NamedTuple):
    """What genes say of a newborn."""

    constructor: Constructor
    recipe: Recipe
    scale: float


def express(values: Values, constructor: Constructor, recipe: Recipe) -> Expression:
    """What these values make of a constructor and a recipe.

    Raises:
        ModelError: the constructor does not build with them.
        InputError: the recipe does not allow them.
    """
    keywords = {name.removeprefix(MODEL): value for name, value in values.items() if name.startswith(MODEL)}
    scale = values.get(SCALE, 1.0)
    return Expression(varied(constructor, keywords), _recipe(values, recipe), float(scale))


def usual_values(constructor: Constructor, recipe: Recipe) -> dict[str, Value]:
    """What the ancestor has of all that genes may name."""
    found: dict[str, Any] = {f"{MODEL}{name}": value for name, value in keywords_of(constructor).items()}
    found |= {f"{RECIPE}{name}": getattr(recipe, name) for name in Recipe.__struct_fields__ if name not in FIXED}
    if recipe.culture is not None:
        found |= {f"{CULTURE}{name}": getattr(recipe.culture, name) for name in Culture.__struct_fields__}
    found[SCALE] = 1.0
    return {name: value for name, value in found.items() if isinstance(value, bool | int | float | str)}


def check_meaning(genes: Mapping[str, Gene], constructor: Constructor, recipe: Recipe) -> None:
    """Refuses genes that say nothing, something that a recipe cannot have, or numbers of which no network can be built.

    Raises:
        InputError: so it is, or their bounds bound nothing.
    """
    for name, gene in genes.items():
        _check_name(name, constructor, recipe)
        gene.check(name)  # before anything is built with its bounds
        ends = gene.values if isinstance(gene, Choice) else (gene.low, gene.high)
        for value in ends:
            _check_value(name, value, constructor, recipe)
        if name.startswith(MODEL) and gene.when is None:  # else it needs more than itself to mean something
            _check_numbers(name, gene, constructor)


def _check_name(name: str, constructor: Constructor, recipe: Recipe) -> None:
    if name.startswith(MODEL):
        of, what, known = MODEL, f"a keyword of {constructor.reference}", list(keywords_of(constructor))
    elif name.startswith(CULTURE):
        of, what, known = CULTURE, "a part of culture", list(Culture.__struct_fields__ if recipe.culture else ())
    elif name.startswith(RECIPE):
        of, what, known = RECIPE, "a part of the recipe", [own for own in Recipe.__struct_fields__ if own not in FIXED]
    else:
        of, what, known = "", "something that genes may say", [SCALE]
    if (own := name.removeprefix(of)) not in known:
        raise InputError.of(f"gene {name} to be {what}", "none such", remedy(own, known))


def _check_value(name: str, value: Value, constructor: Constructor, recipe: Recipe) -> None:
    """A recipe says itself what it allows; words that a constructor does not know are mistakes, not attempts."""
    try:
        if name.startswith(RECIPE):
            _recipe({name: value}, recipe)
        elif name.startswith(MODEL) and isinstance(value, str):
            varied(constructor, {name.removeprefix(MODEL): value})
        elif name == SCALE and (isinstance(value, str) or value <= 0):
            raise InputError.of("a factor above 0", value, "change it")
    except InputError as error:
        raise InputError(f"gene {name} cannot be {value}: {error}") from error


def _check_numbers(name: str, gene: Gene, constructor: Constructor) -> None:
    """Some numbers may fail in a constructor, but one must build: where the gene begins, an end, or any of a choice.

    All else is as the ancestor has it, whose own number is known to build.
    """
    keyword = name.removeprefix(MODEL)
    own = keywords_of(constructor)[keyword]
    if isinstance(gene, Choice):
        values = gene.values
    else:
        start = own if gene.start is None else gene.start
        begins = isinstance(start, int | float) and gene.holds(start)
        values = [*([type(gene.low)(start)] if begins else []), gene.low, gene.high]
    refused: InputError | None = None
    for value in values:
        if isinstance(value, str) or (type(value), value) == (type(own), own):  # a word has been tried before
            return
        try:
            varied(constructor, {keyword: value})
        except InputError as error:
            refused = refused or InputError(f"gene {name} cannot be {value}: {error}")
        else:
            return
    if refused:
        raise refused


def _recipe(values: Mapping[str, Value], recipe: Recipe) -> Recipe:
    fields: dict[str, Any] = msgspec.to_builtins(recipe)
    for name, value in values.items():
        if name.startswith(CULTURE):
            fields["culture"] = {**fields["culture"], name.removeprefix(CULTURE): value}
        elif name.startswith(RECIPE):
            fields[name.removeprefix(RECIPE)] = value
    try:
        return msgspec.convert(fields, Recipe)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, InputError):  # by the recipe itself
            raise error.__cause__ from error
        raise InputError.of("a recipe", error, "correct it") from error
