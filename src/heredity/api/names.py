"""Where names become classes: strategies and executors."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, get_args, get_origin

import msgspec
from msgspec.structs import fields

from heredity.anatomy.constructor import remedy
from heredity.development.birth import Individual
from heredity.errors import InputError
from heredity.executors.base import Executor, Nursery, OnBeat
from heredity.executors.inline import Inline
from heredity.executors.processes import Processes
from heredity.run.settings import RunSettings
from heredity.run.strategy import Horizon, Setting, Strategy
from heredity.strategies import dual_inheritance, generations, neuroevolution
from heredity.strategies.descent import Descent, DescentSettings
from heredity.strategies.dual_inheritance import DualInheritance, DualInheritanceSettings
from heredity.strategies.generations import Generations, GenerationsSettings
from heredity.strategies.group_pruning import GroupPruning, GroupPruningSettings
from heredity.strategies.neuroevolution import Neuroevolution, NeuroevolutionSettings
from heredity.variation.operator import Organism


class Known(NamedTuple):
    """A strategy: how it is made, its settings, and those that its name or preset stand for."""

    make: Callable[[Setting, Any], Strategy]
    settings: type[msgspec.Struct]
    own: dict[str, Any]


DEFAULT = "front"

STRATEGIES: dict[str, dict[str, Known]] = {
    "synthesis": {
        DEFAULT: Known(Descent, DescentSettings, {"method": "synthesis"}),
        "paper": Known(Generations, GenerationsSettings, generations.PAPER),
        "best": Known(Generations, GenerationsSettings, generations.BEST),
    },
    "group_pruning": {DEFAULT: Known(GroupPruning, GroupPruningSettings, {})},
    "dual_inheritance": {
        DEFAULT: Known(DualInheritance, DualInheritanceSettings, dual_inheritance.PAPER),
        "paper": Known(DualInheritance, DualInheritanceSettings, dual_inheritance.PAPER),
        "best": Known(DualInheritance, DualInheritanceSettings, dual_inheritance.BEST),
    },
    "neuroevolution": {
        DEFAULT: Known(Neuroevolution, NeuroevolutionSettings, neuroevolution.PAPER),
        "paper": Known(Neuroevolution, NeuroevolutionSettings, neuroevolution.PAPER),
        "best": Known(Neuroevolution, NeuroevolutionSettings, neuroevolution.BEST),
    },
    "random-removal": {DEFAULT: Known(Descent, DescentSettings, {"method": "random-removal"})},
    "magnitude-removal": {DEFAULT: Known(Descent, DescentSettings, {"method": "magnitude-removal"})},
}
"""What `--strategy` knows by name, by presets. Of synthesis, `front` covers all sizes within a budget (`descent.py`);
the others go generation by generation, as it is published or as it serves best (`generations.py`)."""


def strategy_settings(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """A strategy's settings, checked, defaults filled in; what `run.json` records.

    A name with dots is that of a setting within another: `prior.norm`.

    Raises:
        InputError: no such strategy, preset or setting.
    """
    if name not in STRATEGIES:
        raise InputError.of("a strategy", repr(name), remedy(name, STRATEGIES))
    given = dict(given)
    preset = given.pop("preset", DEFAULT)
    if preset not in STRATEGIES[name]:
        raise InputError.of(f"a preset of {name}", repr(preset), remedy(str(preset), STRATEGIES[name]))
    known = STRATEGIES[name][preset]
    names = known.settings.__struct_fields__
    if unknown := [key for key in given if key.partition(".")[0] not in names]:
        raise InputError.of(f"settings of {name}", unknown[0], remedy(unknown[0], names))
    own = known.own | {key: value for key, value in given.items() if "." not in key}
    whole = msgspec.to_builtins(_converted(own, known.settings, name))
    for key, value in given.items():
        if "." in key:
            own = _within(own, whole, key.split("."), value)
    return {"preset": preset, **msgspec.to_builtins(_converted(own, known.settings, name))}


def make_strategy(name: str, settings: dict[str, Any], setting: Setting) -> Strategy:
    """The strategy of a run, from what `strategy_settings` gave."""
    known = STRATEGIES[name][settings.get("preset", DEFAULT)]
    own = {key: value for key, value in settings.items() if key != "preset"}
    return known.make(setting, _converted(own, known.settings, name))


def strategy_of(
    settings: RunSettings,
    *,
    examples: int,
    augmentation: tuple[str, ...],
    graded: bool = True,
    smooths: bool = True,
    organism: Callable[[Individual], Organism] | None = None,
) -> Strategy:
    """The strategy of a run, by its settings and by what it knows of the data.

    Without `organism` there are no weights at hand: it refuses what makes no sense, and is told, but conceives nobody.

    Raises:
        InputError: see the strategy.
    """
    setting = Setting(
        constructor=settings.constructor,
        inputs=settings.inputs,
        examples=examples,
        augmentation=augmentation,
        seed=settings.seed,
        horizon=Horizon(settings.generations, settings.budget_seconds),
        cost=settings.cost,
        targets=settings.targets,
        workers=max(settings.workers, 1),
        organism=organism or _nobody,
        graph_bytes=settings.graph_bytes,
        graded=graded,
        smooths=smooths,
    )
    return make_strategy(settings.strategy, settings.strategy_settings, setting)


def _nobody(individual: Individual) -> Organism:
    raise LookupError(f"weights of individual {individual.number}, which are not at hand")


def _converted(given: dict[str, Any], kind: type[msgspec.Struct], name: str) -> msgspec.Struct:
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, InputError):  # by the settings themselves
            raise error.__cause__ from error
        raise InputError.of(f"settings of {name}", error, _correction(kind, str(error))) from error


def _within(given: dict[str, Any], whole: dict[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """What is given, and a value at a path in it; `whole` says what is there where nothing is given."""
    first, *rest = path
    if not rest:
        return {**given, first: value}
    inner = given.get(first, whole.get(first))
    inner = inner if isinstance(inner, dict) else {}
    return {**given, first: _within(inner, inner, rest, value)}


def _correction(kind: type[msgspec.Struct], error: str) -> str:
    """What to do about an error of msgspec's."""
    if "Expected `array`" in error:
        return "give a list, such as [0.5, 0.9], or a list of lists, such as [[1, 0.5], [3, 0.5]]"
    if "| null`, got `str`" in error:  # such as off, or None
        return "correct it, or write null for none"
    choices = _choices(kind, error)
    return f"choose among {', '.join(map(str, choices))}" if choices else "correct it"


def _choices(kind: Any, error: str) -> tuple[Any, ...]:
    """What there is to choose from where an error says that a value, or a field, is not of the known; else nothing."""
    place = re.search(r"`\$([^`]*)", error)
    for name in re.findall(r"[a-z]\w*", place[1] if place else ""):
        kind = next((field.type for one in _structs(kind) for field in fields(one) if field.name == name), None)
    if "unknown field" in error:
        return tuple(field.name for one in _structs(kind) for field in fields(one))
    words = next((one for one in (kind, *get_args(kind)) if get_origin(one) is Literal), None)
    return get_args(words) if "enum value" in error else ()


def _structs(kind: Any) -> list[type[msgspec.Struct]]:
    """The structs that a type is, or may be."""
    return [one for one in (kind, *get_args(kind)) if isinstance(one, type) and issubclass(one, msgspec.Struct)]


def make_executor(workers: int, nursery: Nursery, on_beat: OnBeat) -> Executor:
    """Newborns develop in this process for 0 workers, else in so many processes."""
    return Processes(nursery, workers=workers, on_beat=on_beat) if workers else Inline(nursery, on_beat)
