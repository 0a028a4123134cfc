"""What each operation does to labels: one rule per kind of operation, looked up by the operation's name.

To teach the anatomy a new operation, write a rule and register its names here. A rule that is wrong does no harm beyond
a family that stays fixed: `trial.py` removes every family before anybody relies on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn import functional as F

from heredity.anatomy.labels import NOBODY, Labels, constant_along, settle
from heredity.anatomy.ride import Call, Ride, Rule, tensors_in

RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule for operations of these names (in-place forms, `name_`, included)."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def nobody(shape: torch.Size) -> Labels:
    """Labels of a tensor that no cluster owns."""
    return torch.full((), NOBODY).expand(shape)


# Layers that make channels and read channels -------------------------------------------------------------------------


@rule("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def convolution(ride: Ride, call: Call) -> None:
    """A filter makes one channel and reads all channels; transposed convolutions store (in, out, ...)."""
    data, weight, bias = call.arguments[0], call.arguments[1], call.argument(2, "bias")
    transposed = "transpose" in call.name
    groups = call.argument(6, "groups", 1)
    spatial = math.prod((data if transposed else call.result).shape[2:])
    if groups != 1:
        ride.ledger.fix(ride.labels(data), "grouped convolution")
        return ride.put(call.result, nobody(call.result.shape))
    made = _make_and_read(ride, call, weight, bias, channel=1, read=0 if transposed else 1, times=spatial)
    shape = [-1] + [1] * (call.result.dim() - 2)
    ride.put(call.result, made.reshape(shape).expand(call.result.shape))


@rule("linear")
def linear(ride: Ride, call: Call) -> None:
    """A unit makes one feature and reads all features, along the last dimension."""
    rows = math.prod(call.result.shape[1:-1])
    made = _make_and_read(ride, call, call.arguments[1], call.argument(2, "bias"), channel=-1, read=1, times=rows)
    ride.put(call.result, made.expand(call.result.shape))


def _make_and_read(
    ride: Ride, call: Call, weight: torch.Tensor, bias: torch.Tensor | None, *, channel: int, read: int, times: int
) -> Labels:
    data, name = call.arguments[0], ride.name(weight)
    if name is None:
        ride.ledger.fix(ride.labels(data), f"{call.name} with a computed weight")
        return nobody(torch.Size([call.result.shape[channel]]))
    ride.use(name, read, "read", ride.channels(ride.labels(data), channel))
    made = ride.ledger.new(call.result.shape[channel])
    ride.use(name, 1 - read, "made", made)
    if bias is not None and (bias_name := ride.name(bias)):
        ride.use(bias_name, 0, "made", made)
    ride.multiplied(name, call.result, times)
    return made


# Layers that scale or shift the channels they are given --------------------------------------------------------------


@rule("batch_norm")
def batch_norm(ride: Ride, call: Call) -> None:
    """Statistics and affine weights belong to the channels they normalise."""
    data, labels = call.arguments[0], ride.labels(call.arguments[0])
    channels = ride.channels(labels, 1)
    names = [n for t in tensors_in((call.arguments[1:], call.keywords)) if (n := ride.name(t)) is not None]
    for name in names:
        ride.use(name, 0, "made", channels)
    ride.normalises(names, data)
    ride.put(call.result, labels)


# Data movement: executed on the labels as on the data ----------------------------------------------------------------


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
            return ride.labels(value).contiguous()
        return [lift(item) for item in value]

    if call.name == "pad":
        moved = _padded(ride.labels(data), call.argument(1, "pad"))
    else:
        moved = call.function(lift(data), *rest, **call.keywords)
    for tensor, labels in zip(tensors_in(call.result), tensors_in(moved), strict=True):
        ride.put(tensor, settle(labels))


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


# Elementwise operations: labels that meet are joined -----------------------------------------------------------------


@rule(
    *("relu", "relu6", "elu", "selu", "celu", "gelu", "silu", "mish", "leaky_relu", "threshold", "softplus"),
    *("sigmoid", "logsigmoid", "hardsigmoid", "tanh", "hardtanh", "tanhshrink", "hardswish", "clamp", "clip"),
    *("exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "square", "pow", "__pow__", "reciprocal", "sin", "cos", "erf"),
    *("abs", "neg", "__neg__", "sign", "softsign", "nan_to_num", "detach"),
    *("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_dropout"),
    *("float", "double", "half", "bfloat16", "to", "type_as", "zeros_like", "ones_like"),
    *("add", "__add__", "__radd__", "__iadd__", "sub", "__sub__", "__rsub__", "__isub__", "subtract", "rsub"),
    *("mul", "__mul__", "__rmul__", "__imul__", "multiply"),
    *("div", "__truediv__", "__rtruediv__", "__itruediv__", "divide", "true_divide"),
    *("maximum", "minimum", "lerp", "where", "addcmul", "addcdiv", "fmax", "fmin"),
    *("gt", "ge", "lt", "le", "eq", "ne", "__gt__", "__ge__", "__lt__", "__le__", "__eq__", "__ne__"),
)
def elementwise(ride: Ride, call: Call) -> None:
    """What meets element by element is one cluster; scalars and what is broadcast over clusters restrain nobody."""
    shape = call.result.shape
    operands = [t for t in tensors_in((call.arguments, call.keywords)) if t.dim() > 0]
    result: Labels | None = None
    for tensor in sorted(operands, key=lambda t: t.numel(), reverse=True):
        labels = ride.labels(tensor)
        if result is None:
            result = labels.expand(shape)
        elif not _adopt(ride, tensor, result):
            result = _meet(ride, call, result, labels)
    ride.put(call.result, nobody(shape) if result is None else result)


def _meet(ride: Ride, call: Call, larger: Labels, smaller: Labels) -> Labels:
    """The labels of an elementwise result whose operands carry `larger` (of the result's shape) and `smaller`."""
    offset = larger.dim() - smaller.dim()
    stretched = [d for d in range(larger.dim()) if d < offset or smaller.shape[d - offset] < larger.shape[d]]
    if any(not constant_along(larger, d) for d in stretched):  # broadcast over clusters: its own cluster must stay
        ride.ledger.fix(smaller, f"{call.name} with broadcasting")
        return larger
    smaller = smaller.expand(larger.shape)
    ride.ledger.join(larger, smaller, f"{call.name} with what no cluster owns")
    return settle(torch.where(larger == NOBODY, smaller, larger))


def _adopt(ride: Ride, tensor: torch.Tensor, labels: Labels) -> bool:
    """A parameter that scales or shifts channels one by one belongs to them; False if `tensor` is none such."""
    name = ride.name(tensor)
    long = [d for d in range(tensor.dim()) if tensor.shape[d] > 1]
    if name is None or len(long) != 1:
        return False
    ride.use(name, long[0], "made", ride.channels(labels, long[0] - tensor.dim()))
    return True


# Operations within the extent of a channel ---------------------------------------------------------------------------


@rule(
    *("max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d", "lp_pool2d"),
    *("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "interpolate", "upsample"),
    *("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d"),
)
def local(ride: Ride, call: Call) -> None:
    """Positions of one channel are mixed: fine as long as one channel is one cluster."""
    labels = ride.labels(call.arguments[0])
    spatial = range(2, labels.dim())
    if any(not constant_along(labels, d) for d in spatial):
        ride.ledger.fix(labels, f"{call.name} across clusters")
        labels = nobody(labels.shape)
    for d in spatial:
        labels = labels.narrow(d, 0, 1)
    for tensor in tensors_in(call.result):
        ride.put(tensor, labels.expand(tensor.shape))


@rule("mean", "sum", "amax", "amin", "std", "var", "norm")
def reduction(ride: Ride, call: Call) -> None:
    """Dimensions go; none of them may run across clusters."""
    data = call.arguments[0]
    labels = ride.labels(data)
    position = 1 if call.name != "norm" else 2
    given = call.argument(position, "dim")
    dims = range(data.dim()) if given is None else [given] if isinstance(given, int) else given
    dims = sorted({d % data.dim() for d in dims}, reverse=True)
    if any(not constant_along(labels, d) for d in dims):
        ride.ledger.fix(labels, f"{call.name} across clusters")
        return ride.put(call.result, nobody(call.result.shape))
    kept = call.result.dim() == data.dim()
    for d in dims:
        labels = labels.narrow(d, 0, 1) if kept else labels.select(d, 0)
    ride.put(call.result, labels.expand(call.result.shape))
