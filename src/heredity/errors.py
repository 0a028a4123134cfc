"""The one error tree: what can go wrong, each kind with the exit code the command line ends in.

A message is one line and says three things: what was expected, what came, and what to do about it.
"""

from __future__ import annotations

from typing import Self


class HeredityError(Exception):
    """Root of every error that heredity raises on purpose."""

    @classmethod
    def of(cls, expected: str, came: object, remedy: str) -> Self:
        """The error with its three parts: what was expected, what came, what to do."""
        return cls(" ".join(f"expected {expected}; came {came}; {remedy}".split()))


class InputError(HeredityError, ValueError):
    """What the user gave cannot be used: a name, an option, a file, a setting."""


class ModelError(InputError):
    """The network cannot be evolved: it does not build, trace, train, or fit the data."""


class DataError(InputError):
    """The data cannot be learnt from: missing, damaged, or inconsistent."""


class StoreError(HeredityError, OSError):
    """The run's folder cannot be read or written: locked, newer, damaged, full, read-only."""


class BusyError(StoreError):
    """Another process has the run's folder."""


class ReplayError(HeredityError, RuntimeError):
    """The strategy, replayed from the recorded history, asks for other births than the recorded ones."""


class DevelopmentError(HeredityError, RuntimeError):
    """A newborn failed while it developed: it diverged, raised, hung or ran out of memory."""


class ExportError(HeredityError, RuntimeError):
    """An exported network does not compute what the network it came from computes."""
