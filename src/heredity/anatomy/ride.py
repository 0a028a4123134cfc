"""Labels ride through one forward pass of a network, and the network's coupling is read off where they arrive.

`Ride` intercepts every torch function that the forward pass calls, computes it as usual, and lets a *rule* (`rules.py`)
say what the operation does to labels. Operations without a rule fix whatever touches them, by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from heredity.anatomy.labels import NOBODY, Labels, Ledger, constant_along, per_position
from heredity.anatomy.tensors import tensors_in

Role = Literal["made", "read"]


@dataclass(frozen=True)
class Use:
    """One dimension of one tensor met labels: position `i` along `dim` of `tensor` belongs to cluster `labels[i]`.

    `made`: the slice makes the cluster's values, or scales or shifts them; `read`: the slice reads them.
    """

    tensor: str
    dim: int
    role: Role
    labels: Labels


@dataclass(frozen=True)
class Call:
    """One operation as a rule sees it."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    result: Any

    @property
    def data(self) -> torch.Tensor:
        """What the operation is done to."""
        return self.argument(0, "input")

    def argument(self, position: int, keyword: str, default: Any = None) -> Any:
        """An argument by its position or its name, whichever the caller used."""
        return self.arguments[position] if len(self.arguments) > position else self.keywords.get(keyword, default)


Rule = Callable[["Ride", Call], None]


class Ride(TorchFunctionMode):
    """Carries labels along a forward pass and writes down which slice of which tensor meets which label."""

    def __init__(self, module: nn.Module, rules: dict[str, Rule], batch: int) -> None:
        super().__init__()
        self.batch = batch
        """Examples that ride."""
        self.ledger = Ledger()
        self.uses: list[Use] = []
        self.positions: Counter[str] = Counter()
        """By weight: how often each of its elements is multiplied for one example."""
        self.work: Counter[int] = Counter()
        """By label: multiplications, for all examples, in products of activations that the label's element takes."""
        self._rules = rules
        self._names = {id(p): name for name, p in (*module.named_parameters(), *module.named_buffers())}
        self._labels: dict[int, Labels] = {}
        self._alive: list[torch.Tensor] = []
        self._makers: dict[int, str] = {}
        self._reads: Counter[int] = Counter()
        self._normalised: list[tuple[int, str, str]] = []

    def labels(self, tensor: torch.Tensor) -> Labels:
        """The labels of a tensor; nobody's, if it was never given any."""
        found = self._labels.get(id(tensor))
        return found if found is not None else torch.zeros((), dtype=torch.long).expand(tensor.shape)

    def put(self, tensor: torch.Tensor, labels: Labels) -> None:
        """Give a tensor its labels (and keep it, so that its identity is not reused)."""
        self._labels[id(tensor)] = labels
        self._alive.append(tensor)

    def name(self, tensor: object) -> str | None:
        """The name of a parameter or buffer of the network, or nothing."""
        return self._names.get(id(tensor))

    def channels(self, labels: Labels, dim: int) -> Labels:
        """One label per position along `dim`: those that share a position are joined."""
        first, others = per_position(labels, dim)
        if others.shape[1] > 1:
            self.ledger.join(first[:, None], others, "shares a channel with what no cluster owns")
        return first

    def use(self, tensor: str, dim: int, role: Role, labels: Labels) -> None:
        """Write down that `labels[i]` is met at position `i` along `dim` of `tensor`."""
        self.uses.append(Use(tensor, dim, role, labels))

    def multiplied(self, weight: str, result: torch.Tensor, times: int) -> None:
        """Write down that `result` was made by `weight`, each element of which was used `times` times per example."""
        self.positions[weight] += times
        self._makers[id(result)] = weight

    def computes(self, labels: Labels, macs: int) -> None:
        """Write down that each element with these labels was made of so many products of activations."""
        for dim in range(labels.dim()):
            if constant_along(labels, dim):
                macs *= labels.shape[dim]
                labels = labels.narrow(dim, 0, 1)
        owners, counts = labels.unique(return_counts=True)
        for owner, count in zip(owners.tolist(), counts.tolist(), strict=True):
            self.work[owner] += count * macs

    def normalises(self, weights: Sequence[str], data: torch.Tensor) -> None:
        """Write down that a batch norm with these tensors follows `data`."""
        if weights and (maker := self._makers.get(id(data))):
            self._normalised.append((id(data), maker, weights[0].rpartition(".")[0]))

    @property
    def folds(self) -> dict[str, str]:
        """Batch norms that melt into the layer before them on export: prefix of the norm → that layer's weight."""
        return {norm: maker for made, maker, norm in self._normalised if self._reads[made] == 1}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        keywords = kwargs or {}
        name = getattr(func, "__name__", str(func))
        before = [(t, self.labels(t)) for t in tensors_in((args, keywords))]
        result = func(*args, **keywords)
        outputs = list(tensors_in(result))
        if not outputs and name != "__setitem__":
            return result
        if not any(t.is_floating_point() for t in outputs) and not any(bool((x != NOBODY).any()) for _, x in before):
            return result
        self._reads.update({id(t) for t, _ in before})
        rule = self._rules.get(name) or self._rules.get(name.rstrip("_"))
        in_place = name == "__setitem__" or (name.endswith("_") and not name.endswith("__"))
        problem = None
        if rule is None:
            problem = "is not understood"
        elif in_place and before and before[0][0]._is_view():
            problem = "on a view is not understood"
        else:
            try:
                rule(self, Call(name, func, args, keywords, result))
            except Exception as error:  # noqa: BLE001  # a rule met what it was not written for
                problem = f"is not understood in this form ({error})"
        if problem is not None:
            for _, labels in before:
                self.ledger.fix(labels, f"operation {name} {problem}")
            for tensor in outputs:
                self.put(tensor, torch.zeros((), dtype=torch.long).expand(tensor.shape))
        return result
