"""Libraries that only some data needs; an extra of the package brings them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from heredity.errors import InputError


def library(module: str, purpose: str, extra: str = "data") -> Any:
    """A module that an `extra` of the package brings, imported when it is first needed; `purpose` says what for.

    Raises:
        InputError: it is not installed.
    """
    try:
        return import_module(module)
    except (ImportError, OSError) as error:  # OSError: a library of C that it needs is not there
        raise InputError.of(f"{module}, {purpose}", f"{error}", f"pip install 'heredity[{extra}]'") from error
