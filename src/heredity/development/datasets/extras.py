"""Libraries that only some data needs; the extra `data` brings them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from heredity.errors import InputError


def library(module: str, purpose: str) -> Any:
    """A module of the extra `data`, imported when it is first needed; `purpose` is what for, in words.

    Raises:
        InputError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise InputError.of(f"{module}, {purpose}", f"{error}", "pip install 'heredity[data]'") from error
