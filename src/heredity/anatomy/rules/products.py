"""Products of activations: matrix products, einsum, and attention, whose heads are clusters.

A product sums over an index. Clusters that meet in such a sum all take part in every element of the result, so they are
one cluster with it: the channels of one attention head become one through its scores, and heads stay apart.
"""

from __future__ import annotations

import torch

from heredity.anatomy.labels import NOBODY, Labels, constant_along, settle
from heredity.anatomy.ride import Call, Ride
from heredity.anatomy.rules.registry import nobody, owned, rule


@rule("matmul", "__matmul__", "__rmatmul__", "bmm", "mm")
def matrix_product(ride: Ride, call: Call) -> None:
    """`(..., n, k) @ (..., k, m)`; a matrix of weights is read and makes, as a linear layer's."""
    a, b = call.arguments[:2]
    if call.name == "__rmatmul__":
        a, b = b, a
    if b.dim() == 2 and (name := ride.name(b)):
        return _linear(ride, call, a, name)
    left = ride.labels(a).unsqueeze(-1) if a.dim() > 1 else ride.labels(a)[None, :, None]
    right = ride.labels(b).unsqueeze(-3) if b.dim() > 1 else ride.labels(b)[None, :, None]
    labels = _contract(ride, call, left, right, [-2]).squeeze(-2)
    if a.dim() == 1:
        labels = labels.squeeze(-2)
    if b.dim() == 1:
        labels = labels.squeeze(-1)
    _finish(ride, call, labels, a.shape[-1])


def _linear(ride: Ride, call: Call, data: torch.Tensor, name: str) -> None:
    ride.use(name, 0, "read", ride.channels(ride.labels(data), -1))
    made = ride.ledger.new(call.result.shape[-1])
    ride.use(name, 1, "made", made)
    ride.multiplied(name, call.result, call.result.shape[:-1].numel() // ride.batch)
    ride.put(call.result, made.expand(call.result.shape))


@rule("einsum")
def einstein_sum(ride: Ride, call: Call) -> None:
    """Products of two tensors by named indices."""
    equation, *given = call.arguments
    operands: list[torch.Tensor] = list(given[0]) if len(given) == 1 and not torch.is_tensor(given[0]) else given
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    plain = arrow and "." not in equation and all(len(set(term)) == len(term) for term in terms)
    if len(operands) != 2 or not plain or any(ride.name(t) for t in operands):
        for tensor in operands:
            ride.ledger.fix(ride.labels(tensor), f"einsum {equation} is not understood")
        return ride.put(call.result, nobody(call.result.shape))
    letters = output + "".join(sorted(set(inputs) - set(output) - {","}))

    def aligned(tensor: torch.Tensor, term: str) -> Labels:
        labels = ride.labels(tensor).permute([term.index(c) for c in letters if c in term])
        for position, letter in enumerate(letters):
            if letter not in term:
                labels = labels.unsqueeze(position)
        return labels

    summed = list(range(len(output), len(letters)))
    left, right = (aligned(tensor, term) for tensor, term in zip(operands, terms, strict=True))
    labels = _contract(ride, call, left, right, summed)
    sizes = {
        c: n for tensor, term in zip(operands, terms, strict=True) for c, n in zip(term, tensor.shape, strict=True)
    }
    for dim in reversed(summed):
        labels = labels.squeeze(dim)
    _finish(ride, call, labels, torch.Size(sizes[c] for c in letters[len(output) :]).numel())


def _contract(ride: Ride, call: Call, left: Labels, right: Labels, summed: list[int]) -> Labels:
    """The labels of a product whose operands lie in one space of indices; summed dimensions come out of size one."""
    dims = max(left.dim(), right.dim())
    left, right = (labels[(None,) * (dims - labels.dim())] for labels in (left, right))
    shared = [d for d in range(-dims, 0) if left.size(d) > 1 and right.size(d) > 1]
    for labels, other in ((left, right), (right, left)):
        if owned(labels) and not owned(other) and any(not constant_along(labels, d) for d in shared):
            ride.ledger.fix(labels, f"{call.name} with what no cluster owns")
            return nobody(_without(left, right, summed))
    left, right = (_joined(ride, labels, summed) for labels in (left, right))
    if not owned(right):
        left, right = right, left
    shape = _without(left, right, summed)
    if owned(left):
        ride.ledger.join(left, right, f"{call.name} with what no cluster owns")
        left, right = left.expand(shape), right.expand(shape)
        return settle(torch.where(right == NOBODY, left, right))
    return right.expand(shape)


def _joined(ride: Ride, labels: Labels, dims: list[int]) -> Labels:
    """One label along each of `dims`, of size one: those that differ are joined."""
    for dim in dims:
        first = labels.narrow(dim, 0, 1)
        if not constant_along(labels, dim):
            ride.ledger.join(first, labels, "meets what no cluster owns in a product")
        labels = first
    return labels


def _without(left: Labels, right: Labels, summed: list[int]) -> torch.Size:
    shape = list(torch.broadcast_shapes(left.shape, right.shape))
    for dim in summed:
        shape[dim] = 1
    return torch.Size(shape)


def _finish(ride: Ride, call: Call, labels: Labels, macs: int) -> None:
    labels = settle(labels.expand(call.result.shape))
    ride.computes(labels, macs)
    ride.put(call.result, labels)


@rule("baddbmm", "addbmm", "addmm")
def added_product(ride: Ride, call: Call) -> None:
    """A product that is added to something; of weights it would be a linear layer, which has a name of its own."""
    for tensor in call.arguments[:3]:
        ride.ledger.fix(ride.labels(tensor), f"operation {call.name} is not understood")
    ride.put(call.result, nobody(call.result.shape))


@rule("scaled_dot_product_attention")
def attention(ride: Ride, call: Call) -> None:
    """Query, key and value `(..., heads, tokens, channels)`: all channels of a head are one cluster."""
    query, key, value = (call.argument(i, name) for i, name in enumerate(("query", "key", "value")))
    if call.argument(7, "enable_gqa", False):
        for tensor in (query, key, value):
            ride.ledger.fix(ride.labels(tensor), "grouped-query attention")
        return ride.put(call.result, nobody(call.result.shape))
    heads = [_joined(ride, ride.labels(t), [-2, -1]) for t in (query, key, value)]
    for other in heads[:2]:
        ride.ledger.join(heads[2], other, "attention to what no cluster owns")
    if (mask := call.argument(3, "attn_mask")) is not None and mask.dim() > 2:
        varies = not constant_along(heads[2].expand(*call.result.shape[:-2], 1, 1), -3)
        if mask.shape[-3] > 1 and varies:
            ride.ledger.join(heads[2], _joined(ride, ride.labels(mask), [-2, -1]), "attention with a mask of its own")
    labels = heads[2].expand(call.result.shape)
    ride.computes(labels, key.shape[-2])
    ride.computes(heads[2].expand(*query.shape[:-1], key.shape[-2]), query.shape[-1])
    ride.put(call.result, labels)


@rule("multi_head_attention_forward")
def multi_head_attention(ride: Ride, call: Call) -> None:
    """`nn.MultiheadAttention`, `(tokens, n, channels)`: a head is rows of three projections and columns of a fourth."""
    query, key, value = call.arguments[:3]
    n_heads, weight, bias = (call.argument(i, name) for i, name in _PACKED)
    outputs, weights = call.result
    apart = bool(call.keywords.get("use_separate_proj_weight", False))
    into = [call.keywords[f"{c}_proj_weight"] for c in "qkv"] if apart else [weight]
    out_weight, out_bias = call.argument(11, "out_proj_weight"), call.argument(12, "out_proj_bias")
    names = [ride.name(w) for w in (*into, out_weight)]
    if None in names:
        for tensor in (query, key, value):
            ride.ledger.fix(ride.labels(tensor), "attention with computed weights")
        ride.put(outputs, nobody(outputs.shape))
        return
    heads = ride.ledger.new(n_heads)
    width = out_weight.shape[1] // n_heads
    channels = heads.repeat_interleave(width)
    tokens = {id(t): t.shape[0] * t.shape[1] // ride.batch for t in (query, key, value)}
    for i, data in enumerate((query, key, value)):
        name = str(names[i if apart else 0])
        ride.use(name, 1, "read", ride.channels(ride.labels(data), -1))
        if apart:
            ride.use(name, 0, "made", channels)
            ride.multiplied(name, outputs, tokens[id(data)])
    if not apart:
        ride.use(str(names[0]), 0, "made", channels.repeat(3))
        ride.multiplied(str(names[0]), outputs, sum(tokens[id(t)] for t in (query, key, value)) // 3)
    if bias is not None and (name := ride.name(bias)):
        ride.use(name, 0, "made", channels.repeat(3))
    for extra in (call.argument(7, "bias_k"), call.argument(8, "bias_v")):
        if extra is not None and (name := ride.name(extra)):
            ride.use(name, 2, "made", channels)
    made = ride.ledger.new(out_weight.shape[0])
    ride.use(str(names[-1]), 1, "read", channels)
    ride.use(str(names[-1]), 0, "made", made)
    if out_bias is not None and (name := ride.name(out_bias)):
        ride.use(name, 0, "made", made)
    ride.multiplied(str(names[-1]), outputs, tokens[id(query)])
    scores = heads[:, None].expand(n_heads, ride.batch * tokens[id(query)])
    ride.computes(scores, 2 * width * key.shape[0])
    ride.put(outputs, made.expand(outputs.shape))
    if weights is not None:
        ride.put(weights, nobody(weights.shape))


_PACKED = ((4, "num_heads"), (5, "in_proj_weight"), (6, "in_proj_bias"))
