"""Where names become classes: strategies and executors."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from heredity.anatomy.constructor import remedy
from heredity.errors import InputError
from heredity.executors.base import Executor, Nursery, OnBeat
from heredity.executors.inline import Inline
from heredity.executors.processes import Processes
from heredity.run.strategy import Setting, Strategy
from heredity.strategies.descent import Descent, DescentSettings
from heredity.strategies.generations import BEST, PAPER, Generations, GenerationsSettings

T = TypeVar("T", DescentSettings, GenerationsSettings)

METHODS = ("synthesis", "random-removal", "magnitude-removal")
"""The strategies that `--strategy` knows by name."""

PRESETS: dict[str, dict[str, Any]] = {"front": {}, "paper": PAPER, "best": BEST}
"""Of synthesis: `front` covers all sizes within a budget (`descent.py`); the others go generation by generation, as it
is published or as it serves best (`generations.py`)."""


def strategy_settings(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """A strategy's settings, checked, defaults filled in; what `run.json` records.

    Raises:
        InputError: no such strategy, preset or setting.
    """
    if name not in METHODS:
        raise InputError.of("a strategy", repr(name), remedy(name, METHODS))
    given = dict(given)
    preset = given.pop("preset", "front")
    if preset not in (PRESETS if name == "synthesis" else ("front",)):
        raise InputError.of(f"a preset of {name}", repr(preset), remedy(str(preset), PRESETS))
    fields = (DescentSettings if preset == "front" else GenerationsSettings).__struct_fields__
    if unknown := [key for key in given if key not in fields]:
        raise InputError.of(f"settings of {name}", unknown[0], remedy(unknown[0], fields))
    if preset == "front":
        settings = _converted({"method": name} | given, DescentSettings, name)
    else:
        settings = _converted(PRESETS[preset] | given, GenerationsSettings, name)
    return {"preset": preset, **msgspec.to_builtins(settings)}


def make_strategy(name: str, settings: dict[str, Any], setting: Setting) -> Strategy:
    """The strategy of a run, from what `strategy_settings` gave."""
    own = {key: value for key, value in settings.items() if key != "preset"}
    if settings.get("preset", "front") == "front":
        return Descent(setting, _converted(own, DescentSettings, name))
    return Generations(setting, _converted(own, GenerationsSettings, name))


def _converted(given: dict[str, Any], kind: type[T], name: str) -> T:
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, InputError):  # by the settings themselves
            raise error.__cause__ from error
        raise InputError.of(f"settings of {name}", error, "correct it") from error


def make_executor(workers: int, nursery: Nursery, on_beat: OnBeat) -> Executor:
    """Newborns develop in this process for 0 workers, else in so many processes."""
    return Processes(nursery, workers=workers, on_beat=on_beat) if workers else Inline(nursery, on_beat)
