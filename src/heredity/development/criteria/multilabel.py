"""Several labels an example, each on or off.

Loss: binary cross entropy. Imitation: binary cross entropy against the teacher's probabilities at a temperature, times
its square. Error: 1 - mean average precision, which needs no threshold; the share of wrong labels would be small for
whoever says "off" throughout, since most labels are off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch.nn import functional as F

from heredity.development.criteria.criterion import Criterion, equally, log_weighed
from heredity.errors import DataError
from heredity.measures.error import missed_precision


@dataclass(frozen=True)
class MultiLabel(Criterion):
    """Outputs are logits `(n, labels, ...)`; labels are 0 or 1, float32 `(n, labels, ...)`."""

    kind: ClassVar[str] = "multi-label"
    unit: ClassVar[str] = "1 - mean average precision"
    smooths: ClassVar[bool] = True

    def stored(self, labels: torch.Tensor, split: str, name: str) -> torch.Tensor:
        if labels.dim() < 2 or labels.is_complex():
            came = f"{labels.dtype} of shape {tuple(labels.shape)} in {name}"
            raise DataError.of(f"{split} labels of 0 and 1 of shape (n, labels)", came, "give a column a label")
        strange = labels[(labels != 0) & (labels != 1)]
        if len(strange):
            came = f"{strange[0].item():g} in {name}"
            raise DataError.of(f"{split} labels of 0 and 1", came, "say 1 where a label is on, 0 where it is not")
        return labels.float()

    def size(self, labels: torch.Tensor) -> int:
        return labels.shape[1]

    def check(self, labels: torch.Tensor, size: int, split: str, name: str) -> None:
        if not bool(labels.any()) or bool(labels.all()):
            came = f"{labels.flatten()[0].item():g} throughout the {split} split of {name}"
            raise DataError.of("labels of which some are on and some are off", came, "add examples")

    def output_shape(self, labels: torch.Tensor, size: int) -> tuple[int, ...]:
        return tuple(labels.shape[1:])

    def called(self, size: int) -> str:
        return f"{size} labels an example"

    def loss(self, outputs: torch.Tensor, labels: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
        softened = labels * (1 - smoothing) + smoothing / 2 if smoothing else labels
        return F.binary_cross_entropy_with_logits(outputs, softened)

    def imitation(self, outputs: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
        taught = torch.sigmoid(teacher / temperature)
        return temperature**2 * F.binary_cross_entropy_with_logits(outputs / temperature, taught)

    def mixed(self, outputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """The logit of the mean of probabilities, label by label."""
        return log_weighed(F.logsigmoid(outputs), weights) - log_weighed(F.logsigmoid(-outputs), weights)

    def consensus(self, outputs: torch.Tensor) -> torch.Tensor:
        return self.mixed(outputs, equally(outputs))

    def error(self, answers: torch.Tensor, labels: torch.Tensor) -> float:
        return missed_precision(answers, labels)

    def record(self) -> dict[str, Any]:
        return {"kind": self.kind, "error": self.unit}
