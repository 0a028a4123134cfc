"""Elementwise operations: labels that meet are joined."""

from __future__ import annotations

import torch

from heredity.anatomy.labels import NOBODY, Labels, constant_along, settle
from heredity.anatomy.ride import Call, Ride
from heredity.anatomy.rules.registry import nobody, rule
from heredity.anatomy.tensors import tensors_in


@rule(
    *("relu", "relu6", "elu", "selu", "celu", "gelu", "silu", "mish", "leaky_relu", "threshold", "softplus", "rrelu"),
    *("hardshrink", "softshrink", "round", "floor", "ceil", "frac", "tan", "atan", "sinh", "cosh", "erfc", "logit"),
    *("sigmoid", "logsigmoid", "hardsigmoid", "tanh", "hardtanh", "tanhshrink", "hardswish", "clamp", "clip"),
    *("exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "square", "pow", "__pow__", "reciprocal", "sin", "cos", "erf"),
    *("abs", "neg", "__neg__", "sign", "softsign", "nan_to_num", "detach"),
    *("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_dropout"),
    *("float", "double", "half", "bfloat16", "to", "type_as", "zeros_like", "ones_like", "full_like"),
    *("add", "__add__", "__radd__", "__iadd__", "sub", "__sub__", "__rsub__", "__isub__", "subtract", "rsub"),
    *("mul", "__mul__", "__rmul__", "__imul__", "multiply"),
    *("div", "__truediv__", "__rtruediv__", "__itruediv__", "divide", "true_divide"),
    *("maximum", "minimum", "lerp", "where", "masked_fill", "addcmul", "addcdiv", "fmax", "fmin"),
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
    if name is None:
        return False
    along = [d for d in range(-tensor.dim(), 0) if tensor.shape[d] > 1 and not constant_along(labels, d)]
    if len(along) == 1:
        ride.use(name, tensor.dim() + along[0], "made", ride.channels(labels, along[0]))
    return len(along) < 2


@rule("prelu")
def learned_slope(ride: Ride, call: Call) -> None:
    """One slope a channel, or one for all."""
    data, weight = call.data, call.argument(1, "weight")
    labels = ride.labels(data)
    if weight.numel() > 1 and (name := ride.name(weight)):
        ride.use(name, 0, "made", ride.channels(labels, 1))
    ride.put(call.result, labels)


@rule("glu")
def gated(ride: Ride, call: Call) -> None:
    """The first half, each element times the sigmoid of its partner in the second half."""
    first, second = ride.labels(call.data).chunk(2, call.argument(1, "dim", -1))
    ride.ledger.join(first, second, "glu with what no cluster owns")
    ride.put(call.result, first)
