"""What is measured of an individual, each with its unit; lower is better for all."""

from __future__ import annotations

from heredity.anatomy.anatomy import Anatomy
from heredity.errors import InputError
from heredity.measures.size import blocks_bytes, macs, params

UNITS = {
    "params": "weights",
    "synapses": "live weights",
    "macs": "multiply-accumulates per example",
    "bytes": "bytes of the ONNX file",
    "latency_ms": "milliseconds for one example",
    "val_error": "error on the validation split",
    "test_error": "error on the test split",
}
"""Every measurement that a record may hold, by name.

Errors are shares: of wrong examples for classes (of wrong pixels in segmentation), of unexplained variance for numbers,
1 - mean average precision for several labels an example, of words (edits over words spoken, which may exceed 1) for
sequences of them; `heredity.development.criteria` says which, and `run.json`.
"""

COSTS = ("params", "macs", "bytes", "latency")
"""What `--cost` may name."""


def measure_of(cost: str) -> str:
    """The name under which a cost is recorded.

    Raises:
        InputError: no such cost.
    """
    if cost not in COSTS:
        raise InputError.of("a cost", repr(cost), f"choose among {', '.join(COSTS)}")
    return "latency_ms" if cost == "latency" else cost


def sizes_of(anatomy: Anatomy, graph_bytes: int = 0) -> dict[str, float]:
    """All sizes that follow from the anatomy; `graph_bytes` is what the ancestor's ONNX file weighs beside weights."""
    weights, graph = params(anatomy), graph_bytes + blocks_bytes(anatomy)
    return {"params": float(weights), "macs": float(macs(anatomy)), "bytes": float(4 * weights + graph)}
