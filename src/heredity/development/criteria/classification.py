"""Classification: one of several classes for each example, or for each of its positions (segmentation, tagging).

Loss: cross entropy, mean over examples and positions. Imitation: KL divergence at a temperature, times its square
(Hinton, Vinyals, Dean 2015). Error: the share of wrong examples or positions. Classes may weigh differently, in the
loss and in the error alike: where a rare class matters to training it must matter to selection, or the front would
fill up with networks that have forgotten it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch.nn import functional as F

from heredity.development.criteria.criterion import Criterion, equally, log_weighed
from heredity.errors import DataError, InputError
from heredity.measures.error import classes_of, wrong_share

_NOBODY = -100  # torch's own number for labels that do not count; labels are checked not to be negative


@dataclass(frozen=True)
class Classification(Criterion):
    """Outputs are logits `(n, classes, ...)`; labels are class numbers from 0, int64 `(n, ...)`.

    `weights`: how much each class counts, or "balanced": inversely to its number of training labels. Positions with the
    label `ignore` count for nothing (the rim of objects in segmentation, padding in sequences).
    """

    kind: ClassVar[str] = "classification"
    unit: ClassVar[str] = "share of wrong answers"
    smooths: ClassVar[bool] = True

    weights: Literal["balanced"] | Sequence[float] | None = None
    ignore: int | None = None

    def __post_init__(self) -> None:
        if self.weights is None or (isinstance(self.weights, str) and self.weights == "balanced"):
            return
        try:
            weights = tuple(float(w) for w in self.weights)
        except (TypeError, ValueError):
            weights = ()
        if not weights or not all(0 < w < math.inf for w in weights):
            raise InputError.of("class weights above 0, one a class", repr(self.weights), 'give such, or "balanced"')
        object.__setattr__(self, "weights", weights)  # frozen, and comparable whatever sequence was given

    def stored(self, labels: torch.Tensor, split: str, name: str) -> torch.Tensor:
        if labels.dim() == 0 or labels.is_floating_point() or labels.is_complex():
            came = f"{labels.dtype} of shape {tuple(labels.shape)} in {name}"
            raise DataError.of(f"{split} labels as whole numbers of shape (n,)", came, "give class numbers from 0")
        labels = labels.long()
        if self.ignore is not None and not bool((labels != self.ignore).reshape(len(labels), -1).any(1).all()):
            came = f"none in an example of {name}"
            raise DataError.of(f"{split} labels other than {self.ignore}, which is ignored", came, "leave it out")
        if int((counted := self._counted(labels)).min()) < 0:
            remedy = "number the classes from 0"
            if labels.dim() > 1:
                remedy += f", or say that it does not count: criterion=Classification(ignore={int(counted.min())})"
            raise DataError.of(f"{split} labels from 0", f"{int(counted.min())} in {name}", remedy)
        return labels

    def size(self, labels: torch.Tensor) -> int:
        return int(self._counted(labels).max()) + 1

    def check(self, labels: torch.Tensor, size: int, split: str, name: str) -> None:
        counted = self._counted(labels)
        if split == "training" and len(counted.unique()) < 2:
            raise DataError.of("training data of at least 2 classes", f"1 in {name}", "add examples of another class")
        if int(counted.max()) >= size:
            came = f"label {int(counted.max())} in the {split} split of {name}"
            raise DataError.of(f"labels below {size}, as in training", came, "relabel, or add such training examples")

    def output_shape(self, labels: torch.Tensor, size: int) -> tuple[int, ...]:
        return (size, *labels.shape[1:])

    def called(self, size: int) -> str:
        return f"{size} classes"

    def loss(self, outputs: torch.Tensor, labels: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
        weights = None if self.weights is None else outputs.new_tensor(self.weights)
        ignore = _NOBODY if self.ignore is None else self.ignore
        return F.cross_entropy(outputs, labels, weights, ignore_index=ignore, label_smoothing=smoothing)

    def imitation(self, outputs: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
        return softened_divergence(outputs, teacher, temperature)

    def mixed(self, outputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """The logarithm of the mean of probabilities: logits again, whose softmax is that mean."""
        return log_weighed(F.log_softmax(outputs, 2), weights)

    def consensus(self, outputs: torch.Tensor) -> torch.Tensor:
        return self.mixed(outputs, equally(outputs))

    def answers(self, outputs: torch.Tensor) -> torch.Tensor:
        return classes_of(outputs)

    def right(self, answers: torch.Tensor, labels: torch.Tensor) -> torch.Tensor | None:
        return answers == labels if labels.dim() == 1 and self.ignore is None else None

    def error(self, answers: torch.Tensor, labels: torch.Tensor) -> float:
        weights = None if self.weights is None else torch.tensor(self.weights)
        return wrong_share(answers, labels, weights, self.ignore)

    def fitted(self, labels: torch.Tensor, size: int) -> Criterion:
        if self.weights is None:
            return self
        if self.weights != "balanced":
            if len(self.weights) != size:
                came = f"{len(self.weights)} for {size} classes"
                raise InputError.of("class weights, one a class", came, 'give as many, or "balanced"')
            return self
        counts = self._counted(labels).bincount(minlength=size).double()
        weights = counts.sum() / (size * counts)
        weights[counts == 0] = 1.0  # a class without training examples is as good as any
        return replace(self, weights=tuple(weights.tolist()))

    def record(self) -> dict[str, Any]:
        return {"kind": self.kind, "error": self.unit, "weights": self.weights, "ignore": self.ignore}

    def _counted(self, labels: torch.Tensor) -> torch.Tensor:
        """The labels that count, in a row."""
        return labels.flatten() if self.ignore is None else labels[labels != self.ignore]


def softened_divergence(outputs: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """T² KL(softmax(teacher / T) || softmax(outputs / T)), mean over examples and positions `(n, classes, ...)`."""
    own, taught = F.log_softmax(outputs / temperature, 1), F.log_softmax(teacher / temperature, 1)
    positions = outputs.numel() / outputs.shape[1]
    return temperature**2 / positions * F.kl_div(own, taught, reduction="sum", log_target=True)


PLAIN = Classification()
"""All classes count alike, and all labels."""
