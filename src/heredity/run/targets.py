"""Targets: what the user asked for, and how far an individual is from it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from heredity.errors import InputError

CEILINGS = {
    "max_params": "params",
    "max_macs": "macs",
    "max_bytes": "bytes",
    "max_latency_ms": "latency_ms",
    "max_error": "val_error",
}
"""Every ceiling, and the measure that it bounds."""


class Targets(msgspec.Struct, frozen=True):
    """Ceilings that one member of the front must keep all at once; None means no ceiling. Errors are shares."""

    max_params: float | None = None
    max_macs: float | None = None
    max_bytes: float | None = None
    max_latency_ms: float | None = None
    max_error: float | None = None

    def __post_init__(self) -> None:
        for name, ceiling in msgspec.structs.asdict(self).items():
            if ceiling is not None and not 0 < ceiling < math.inf:
                raise InputError.of(f"{name.replace('_', ' ')} above 0", ceiling, "give a positive number")
        if self.max_error is not None and self.max_error >= 1:
            raise InputError.of("a largest error as a share below 1", self.max_error, "give 0.02 for 2 %")

    @property
    def ceilings(self) -> dict[str, float]:
        """Ceiling by measure, of those that are given."""
        return {CEILINGS[name]: ceiling for name, ceiling in self.given.items()}

    @property
    def given(self) -> dict[str, float]:
        """Ceiling by option, of those that are given."""
        return {name: ceiling for name, ceiling in msgspec.structs.asdict(self).items() if ceiling is not None}

    def excess(self, measures: Mapping[str, float | None]) -> float:
        """How far the worst measure lies above its ceiling, as a factor: at most 1 when all targets are met.

        What was not measured lies infinitely far.
        """
        shares = [
            math.inf if (value := measures.get(measure)) is None else value / ceiling
            for measure, ceiling in self.ceilings.items()
        ]
        return max(shares, default=0.0)
