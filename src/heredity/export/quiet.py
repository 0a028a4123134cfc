"""Exporters talk about themselves: in here they are silent, and of what goes wrong one line is left."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Generator

from heredity.errors import ExportError


@contextlib.contextmanager
def expecting(what: str, remedy: str) -> Generator[None]:
    """Warnings, logs and prints go nowhere, and whatever goes wrong becomes one line: what was expected, what to do.

    An export is judged by running it, not by what its maker says.

    Raises:
        ExportError: anything went wrong.
    """
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            with contextlib.redirect_stderr(io.StringIO()):
                yield
    except Exception as error:
        raise ExportError.of(what, _cause_of(error), remedy) from error
    finally:
        logging.disable(level)


def _cause_of(error: BaseException) -> str:
    """What lies at the bottom of an exporter's error, in one line: it wraps the reason in pages of advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'without a word'}"
