"""Operations within the extent of a channel: pooling, resizing, reductions."""

from __future__ import annotations

import torch

from heredity.anatomy.ride import Call, Ride
from heredity.anatomy.rules.elementwise import elementwise
from heredity.anatomy.rules.registry import apart, put_all, rule
from heredity.anatomy.tensors import tensors_in


@rule(
    *("max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d", "lp_pool2d"),
    *("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "interpolate", "upsample"),
    *("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d"),
)
def local(ride: Ride, call: Call) -> None:
    """Positions of one channel are mixed: fine as long as one channel is one cluster."""
    put_all(ride, call, apart(ride, call, range(2, call.data.dim()), "across clusters"))


@rule("mean", "sum", "amax", "amin", "max", "min", "median", "std", "var", "norm", "logsumexp")
def reduction(ride: Ride, call: Call) -> None:
    """Dimensions go; none of them may run across clusters."""
    data = call.data
    if isinstance(call.argument(1, "other"), torch.Tensor):  # the elementwise maximum has the same name
        return elementwise(ride, call)
    given = call.argument(2 if call.name == "norm" else 1, "dim")
    dims = range(data.dim()) if given is None else [given] if isinstance(given, int) else given
    labels = apart(ride, call, dims, "across clusters")
    if next(tensors_in(call.result)).dim() < data.dim():
        for d in sorted({d % data.dim() for d in dims}, reverse=True):
            labels = labels.squeeze(d)
    put_all(ride, call, labels)
