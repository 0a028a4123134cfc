"""Operations within the extent of a channel: pooling, resizing, reductions."""

from __future__ import annotations

import torch

from heredity.anatomy.labels import constant_along
from heredity.anatomy.ride import Call, Ride
from heredity.anatomy.rules.elementwise import elementwise
from heredity.anatomy.rules.registry import nobody, rule
from heredity.anatomy.tensors import tensors_in


@rule(
    *("max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d", "lp_pool2d"),
    *("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "interpolate", "upsample"),
    *("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d"),
)
def local(ride: Ride, call: Call) -> None:
    """Positions of one channel are mixed: fine as long as one channel is one cluster."""
    labels = ride.labels(call.data)
    spatial = range(2, labels.dim())
    if any(not constant_along(labels, d) for d in spatial):
        ride.ledger.fix(labels, f"{call.name} across clusters")
        labels = nobody(labels.shape)
    for d in spatial:
        labels = labels.narrow(d, 0, 1)
    for tensor in tensors_in(call.result):
        ride.put(tensor, labels.expand(tensor.shape))


@rule("mean", "sum", "amax", "amin", "max", "min", "median", "std", "var", "norm", "logsumexp")
def reduction(ride: Ride, call: Call) -> None:
    """Dimensions go; none of them may run across clusters."""
    data = call.data
    if isinstance(call.argument(1, "other"), torch.Tensor):  # the elementwise maximum has the same name
        return elementwise(ride, call)
    labels = ride.labels(data)
    position = 1 if call.name != "norm" else 2
    given = call.argument(position, "dim")
    dims = range(data.dim()) if given is None else [given] if isinstance(given, int) else given
    dims = sorted({d % data.dim() for d in dims}, reverse=True)
    if any(not constant_along(labels, d) for d in dims):
        ride.ledger.fix(labels, f"{call.name} across clusters")
        labels = nobody(labels.shape)
    kept = next(tensors_in(call.result)).dim() == data.dim()
    for d in dims:
        labels = labels.narrow(d, 0, 1) if kept else labels.select(d, 0)
    for tensor in tensors_in(call.result):
        ride.put(tensor, labels.expand(tensor.shape))
