"""What is measured of an individual, each with its unit; lower is better for all."""

from __future__ import annotations

from heredity.anatomy.anatomy import Anatomy
from heredity.errors import InputError
from heredity.measures.size import macs, params, size_bytes

UNITS = {
    "params": "weights",
    "synapses": "live weights",
    "macs": "multiply-accumulates per example",
    "bytes": "bytes of weights",
    "latency_ms": "milliseconds for one example",
    "val_error": "share of validation examples that are wrong",
    "test_error": "share of test examples that are wrong",
}
"""Every measurement that a record may hold, by name."""

SIZES = {"params": params, "macs": macs, "bytes": size_bytes}
"""Costs that follow from the anatomy alone."""

COSTS = (*SIZES, "latency")
"""What `--cost` may name."""


def measure_of(cost: str) -> str:
    """The name under which a cost is recorded.

    Raises:
        InputError: no such cost.
    """
    if cost not in COSTS:
        raise InputError.of("a cost", repr(cost), f"choose among {', '.join(COSTS)}")
    return "latency_ms" if cost == "latency" else cost


def sizes_of(anatomy: Anatomy) -> dict[str, float]:
    """All sizes that follow from the anatomy."""
    return {name: float(measure(anatomy)) for name, measure in SIZES.items()}
