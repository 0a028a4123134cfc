"""Data movement: executed on the labels as on the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional as F

from heredity.anatomy.labels import NOBODY, Labels, constant_along, settle
from heredity.anatomy.ride import Call, Ride
from heredity.anatomy.rules.local import local
from heredity.anatomy.rules.registry import rule
from heredity.anatomy.tensors import tensors_in


@rule(
    *("view", "reshape", "flatten", "unflatten", "ravel", "view_as", "reshape_as", "squeeze", "unsqueeze"),
    *("permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "t", "flip", "roll"),
    *("chunk", "split", "tensor_split", "unbind", "narrow", "select", "index_select", "__getitem__"),
    *("cat", "concat", "concatenate", "stack", "hstack", "vstack", "expand", "expand_as", "repeat", "tile"),
    *("pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "pad", "contiguous", "clone"),
)
def movement(ride: Ride, call: Call) -> None:
    """Elements change places and keep their labels."""
    data, *rest = call.arguments
    if call.name == "pad" and call.argument(2, "mode", "constant") != "constant":
        return local(ride, call)
    for tensor in tensors_in((rest, call.keywords)):
        if call.name not in {"view_as", "reshape_as", "expand_as"}:
            ride.ledger.fix(ride.labels(tensor), f"an index of {call.name}")

    def lift(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return _columns(ride, value).contiguous()
        return [lift(item) for item in value]

    if call.name == "pad":
        moved = _padded(ride.labels(data), call.argument(1, "pad"))
    else:
        moved = call.function(lift(data), *rest, **call.keywords)
    settled = [settle(labels) for labels in tensors_in(moved)]
    for tensor, labels in zip(tensors_in(call.result), settled, strict=True):
        ride.put(tensor, labels)
    if call.name == "chunk" and all(labels.shape == settled[0].shape for labels in settled):
        for labels in settled[1:]:  # pieces that are cut by their count stay alike only if they shrink alike
            ride.ledger.join(settled[0], labels, "chunk beside what no cluster owns")
    elif call.name in _SPLITTING and settled[0].dim() > data.dim():
        outermost = next((d for d in range(settled[0].dim()) if not constant_along(settled[0], d)), 0)
        ride.ledger.suppose(settled[0].narrow(outermost, 0, 1), settled[0])


_SPLITTING = frozenset({"view", "reshape", "unflatten"})
"""What may cut channels into parts by their count: see `Ledger.suppose`."""


def _columns(ride: Ride, tensor: torch.Tensor) -> Labels:
    """A tensor's labels; a parameter that is moved before it meets channels gets one for each of its columns."""
    name, labels = ride.name(tensor), ride.labels(tensor)
    along = [d for d in range(tensor.dim()) if tensor.shape[d] > 1]
    if name is None or not along or not isinstance(tensor, torch.nn.Parameter):
        return labels
    made = ride.ledger.new(tensor.shape[along[-1]])
    ride.use(name, along[-1], "made", made)
    return made.reshape([-1] + [1] * (tensor.dim() - 1 - along[-1])).expand(tensor.shape)


def _padded(labels: Labels, pad: Sequence[int]) -> Labels:
    """Padding within the extent of a channel is the channel's; padding beside channels is nobody's."""
    for i, (before, after) in enumerate(zip(pad[::2], pad[1::2], strict=True)):
        dim = labels.dim() - 1 - i
        if constant_along(labels, dim):
            shape = [before + n + after if d == dim else n for d, n in enumerate(labels.shape)]
            labels = labels.narrow(dim, 0, 1).expand(shape)
        else:
            labels = F.pad(labels, (*[0] * 2 * i, before, after), value=NOBODY)
    return labels
