"""Where names become classes: strategies and executors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from heredity.anatomy.constructor import remedy
from heredity.errors import InputError
from heredity.executors.base import Executor, Nursery, OnBeat
from heredity.executors.inline import Inline
from heredity.executors.processes import Processes
from heredity.run.strategy import Setting, Strategy
from heredity.strategies.descent import Descent, DescentSettings
from heredity.strategies.generations import BEST, PAPER, Generations, GenerationsSettings
from heredity.strategies.group_pruning import GroupPruning, GroupPruningSettings


class Known(NamedTuple):
    """A strategy: how it is made, its settings, and those that its name or preset stand for."""

    make: Callable[[Setting, Any], Strategy]
    settings: type[msgspec.Struct]
    own: dict[str, Any]


DEFAULT = "front"

STRATEGIES: dict[str, dict[str, Known]] = {
    "synthesis": {
        DEFAULT: Known(Descent, DescentSettings, {"method": "synthesis"}),
        "paper": Known(Generations, GenerationsSettings, PAPER),
        "best": Known(Generations, GenerationsSettings, BEST),
    },
    "group_pruning": {DEFAULT: Known(GroupPruning, GroupPruningSettings, {})},
    "random-removal": {DEFAULT: Known(Descent, DescentSettings, {"method": "random-removal"})},
    "magnitude-removal": {DEFAULT: Known(Descent, DescentSettings, {"method": "magnitude-removal"})},
}
"""What `--strategy` knows by name, by presets. Of synthesis, `front` covers all sizes within a budget (`descent.py`);
the others go generation by generation, as it is published or as it serves best (`generations.py`)."""


def strategy_settings(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """A strategy's settings, checked, defaults filled in; what `run.json` records.

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
    fields = known.settings.__struct_fields__
    if unknown := [key for key in given if key not in fields]:
        raise InputError.of(f"settings of {name}", unknown[0], remedy(unknown[0], fields))
    return {"preset": preset, **msgspec.to_builtins(_converted(known.own | given, known.settings, name))}


def make_strategy(name: str, settings: dict[str, Any], setting: Setting) -> Strategy:
    """The strategy of a run, from what `strategy_settings` gave."""
    known = STRATEGIES[name][settings.get("preset", DEFAULT)]
    own = {key: value for key, value in settings.items() if key != "preset"}
    return known.make(setting, _converted(own, known.settings, name))


def _converted(given: dict[str, Any], kind: type[msgspec.Struct], name: str) -> msgspec.Struct:
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, InputError):  # by the settings themselves
            raise error.__cause__ from error
        raise InputError.of(f"settings of {name}", error, "correct it") from error


def make_executor(workers: int, nursery: Nursery, on_beat: OnBeat) -> Executor:
    """Newborns develop in this process for 0 workers, else in so many processes."""
    return Processes(nursery, workers=workers, on_beat=on_beat) if workers else Inline(nursery, on_beat)
