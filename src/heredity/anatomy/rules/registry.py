"""Where rules are registered, and what several of them need."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch

from heredity.anatomy.labels import NOBODY, Labels, constant_along
from heredity.anatomy.ride import Call, Ride, Rule
from heredity.anatomy.tensors import tensors_in

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


def apart(ride: Ride, call: Call, dims: Iterable[int], reason: str) -> Labels:
    """The labels of what is operated on, of size one along `dims`, which the operation mixes.

    None of them may run across clusters: what does is fixed, and comes out as nobody's.
    """
    labels, dims = ride.labels(call.data), list(dims)
    if any(not constant_along(labels, d) for d in dims):
        ride.ledger.fix(labels, f"{call.name} {reason}")
        labels = nobody(labels.shape)
    for d in dims:
        labels = labels.narrow(d, 0, 1)
    return labels


def put_all(ride: Ride, call: Call, labels: Labels) -> None:
    """Give every tensor of the result these labels, as far as they stretch."""
    for tensor in tensors_in(call.result):
        ride.put(tensor, labels.expand(tensor.shape))


def owned(labels: Labels) -> bool:
    """Whether any cluster owns any of it."""
    return bool((labels != NOBODY).any())
