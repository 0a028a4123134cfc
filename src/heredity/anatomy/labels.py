"""Labels: one integer per element of a tensor, naming the cluster that the element belongs to.

A label tensor has its data tensor's shape, but a dimension along which labels do not change is *expanded* (stride 0),
so that the labels of a feature map of millions of elements usually weigh no more than its channels. `settle` restores
that after an operation has been executed on labels.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import torch
from numpy.typing import NDArray

NOBODY = 0
"""The label of elements that no cluster owns: the input, constants, what was not understood."""

Labels = torch.Tensor
Integers = NDArray[np.int64]


def constant_along(labels: Labels, dim: int) -> bool:
    """Whether labels are known not to change along `dim`."""
    return labels.shape[dim] == 1 or labels.stride(dim) == 0


def settle(labels: Labels) -> Labels:
    """The same labels, with every dimension along which they do not change expanded from size one."""
    shape = labels.shape
    for dim in reversed(range(labels.dim())):
        first = labels.narrow(dim, 0, 1)
        if constant_along(labels, dim) or bool((labels == first).all()):
            labels = first
    return labels.expand(shape)


def per_position(labels: Labels, dim: int) -> tuple[Labels, Labels]:
    """The labels by position along `dim`: `(first (n,), others (n, k))`; `others` are all that meet at a position."""
    by_position = labels.movedim(dim, 0)
    for other in range(1, by_position.dim()):
        if constant_along(by_position, other):
            by_position = by_position.narrow(other, 0, 1)
    by_position = by_position.reshape(by_position.shape[0], -1)
    return by_position[:, 0], by_position


class Ledger:
    """Which labels exist, which of them are one cluster, and which cannot go, with the reason."""

    def __init__(self) -> None:
        self._count = 1
        self._joins: list[tuple[Integers, Integers]] = []
        self._suppositions: list[tuple[Integers, Integers]] = []
        self._reasons: list[tuple[Integers, str]] = []

    def new(self, n: int) -> Labels:
        """`n` labels that were never given before, shape `(n,)`."""
        first, self._count = self._count, self._count + n
        return torch.arange(first, first + n)

    @property
    def count(self) -> int:
        """Labels that exist, nobody's included."""
        return self._count

    def join(self, a: Labels, b: Labels, where: str) -> None:
        """Elements that meet belong to one cluster; what meets nobody's element is fixed, as `where` says."""
        left, right = self._meetings(a, b)
        owned = (left != NOBODY) & (right != NOBODY)
        self._joins.append((left[owned], right[owned]))
        self._fix(np.maximum(left, right)[~owned], where)

    def suppose(self, a: Labels, b: Labels) -> None:
        """These may have to go together: they are joined if the removal of what they belong to fails otherwise.

        A view that cuts channels into parts is such a case. Whether the number of parts or their size is written in the
        network's code cannot be seen from outside.
        """
        left, right = self._meetings(a, b)
        owned = (left != NOBODY) & (right != NOBODY)
        self._suppositions.append((left[owned], right[owned]))

    def accept(self, labels: Collection[int]) -> bool:
        """Join what was supposed of any of these labels; False if there was nothing."""
        held, found, failing = self._suppositions, False, list(labels)
        self._suppositions = []
        for left, right in held:
            touched = bool(np.isin(left, failing).any() or np.isin(right, failing).any())
            (self._joins if touched else self._suppositions).append((left, right))
            found |= touched
        return found

    def _meetings(self, a: Labels, b: Labels) -> tuple[Integers, Integers]:
        """Every pair of different labels of elements that meet."""
        a, b = torch.broadcast_tensors(a, b)
        for dim in range(a.dim()):
            if constant_along(a, dim) and constant_along(b, dim):
                a, b = a.narrow(dim, 0, 1), b.narrow(dim, 0, 1)
        pairs = (a.reshape(-1) * self._count + b.reshape(-1))[(a != b).reshape(-1)].unique().numpy()
        return pairs // self._count, pairs % self._count

    def fix(self, labels: Labels, reason: str) -> None:
        """None of these labels' clusters can go."""
        for dim in range(labels.dim()):
            if constant_along(labels, dim):
                labels = labels.narrow(dim, 0, 1)
        self._fix(labels.unique().numpy(), reason)

    def _fix(self, labels: Integers, reason: str) -> None:
        if len(labels := labels[labels != NOBODY]):
            self._reasons.append((labels, reason))

    def resolve(self) -> tuple[Integers, dict[int, str]]:
        """`(component (labels,), reasons)`: the cluster of every label, and the first reason of every fixed cluster.

        `NOBODY` is component -1.
        """
        from scipy.sparse import coo_array  # heavy, and needed by those alone who trace
        from scipy.sparse.csgraph import connected_components

        left = np.concatenate([a for a, _ in self._joins]) if self._joins else np.zeros(0, np.int64)
        right = np.concatenate([b for _, b in self._joins]) if self._joins else np.zeros(0, np.int64)
        graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(self._count, self._count))
        component = connected_components(graph, directed=False)[1].astype(np.int64)
        component[NOBODY] = -1
        reasons: dict[int, str] = {}
        for labels, reason in self._reasons:
            for c in np.unique(component[labels]):
                reasons.setdefault(int(c), reason)
        return component, reasons
