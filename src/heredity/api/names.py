"""Where names become classes: strategies and executors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from heredity.anatomy.constructor import remedy
from heredity.errors import InputError
from heredity.executors.base import Executor, Nursery, OnBeat
from heredity.executors.inline import Inline
from heredity.executors.processes import Processes
from heredity.run.strategy import Setting, Strategy
from heredity.strategies.descent import Descent, DescentSettings

METHODS = ("synthesis", "random-removal", "magnitude-removal")


def strategy_settings(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """A strategy's settings, checked, defaults filled in; what `run.json` records.

    Raises:
        InputError: no such strategy or setting.
    """
    if name not in STRATEGIES:
        raise InputError.of("a strategy", repr(name), remedy(name, STRATEGIES))
    fields = DescentSettings.__struct_fields__
    if unknown := [key for key in given if key not in fields]:
        raise InputError.of(f"settings of {name}", unknown[0], remedy(unknown[0], fields))
    try:
        settings = msgspec.convert({"method": name, **given}, DescentSettings)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, InputError):  # by the settings themselves
            raise error.__cause__ from error
        raise InputError.of(f"settings of {name}", error, "correct it") from error
    return msgspec.to_builtins(settings)


def make_strategy(name: str, settings: dict[str, Any], setting: Setting) -> Strategy:
    """The strategy of a run."""
    return STRATEGIES[name](setting, settings)


def _descent(setting: Setting, settings: dict[str, Any]) -> Strategy:
    return Descent(setting, msgspec.convert(settings, DescentSettings))


STRATEGIES: dict[str, Callable[[Setting, dict[str, Any]], Strategy]] = dict.fromkeys(METHODS, _descent)
"""The strategies that `--strategy` knows by name."""


def make_executor(workers: int, nursery: Nursery, on_beat: OnBeat) -> Executor:
    """Newborns develop in this process for 0 workers, else in so many processes."""
    return Processes(nursery, workers=workers, on_beat=on_beat) if workers else Inline(nursery, on_beat)
