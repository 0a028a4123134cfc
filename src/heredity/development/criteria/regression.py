"""Regression: numbers, one or several for each example, or for each of its positions (depth maps, denoising).

Loss: squared error of standardised numbers, so that every output counts alike whatever its units. Imitation: squared
distance from the teacher's answers. Error: 1 - R², the share of the labels' variance that is not explained, mean over
outputs: 0 is perfect, 1 is no better than the mean; it has no units, so that ceilings such as 5 % make sense.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch.nn import functional as F

from heredity.development.criteria.criterion import Criterion, refuse_nonfinite, weighed
from heredity.errors import DataError
from heredity.measures.error import unexplained_variance


@dataclass(frozen=True)
class Regression(Criterion):
    """Outputs and labels are numbers `(n, outputs, ...)`, float32; labels `(n,)` are one output."""

    kind: ClassVar[str] = "regression"
    outputs: ClassVar[str] = "numbers"
    unit: ClassVar[str] = "share of variance not explained (1 - R²)"

    def stored(self, labels: torch.Tensor, split: str, name: str) -> torch.Tensor:
        if labels.dim() == 0 or labels.is_complex():
            came = f"{labels.dtype} of shape {tuple(labels.shape)} in {name}"
            raise DataError.of(f"{split} labels as real numbers of shape (n,) or (n, outputs)", came, "convert them")
        labels = labels.float()
        refuse_nonfinite(labels, f"{split} labels", name)
        return labels[:, None] if labels.dim() == 1 else labels

    def size(self, labels: torch.Tensor) -> int:
        return labels.shape[1]

    def check(self, labels: torch.Tensor, size: int, split: str, name: str) -> None:
        columns = labels.movedim(1, -1).flatten(0, -2)
        constant = (columns == columns[0]).all(0)
        if bool(constant.any()):
            at = int(constant.nonzero()[0])
            came = f"{columns[0, at].item():g} throughout output {at} of the {split} split of {name}"
            raise DataError.of("labels that vary within every split", came, "leave it out, or add examples")

    def output_shape(self, labels: torch.Tensor, size: int) -> tuple[int, ...]:
        return tuple(labels.shape[1:])

    def called(self, size: int) -> str:
        return "1 fractional label an example" if size == 1 else f"{size} fractional labels an example"

    def loss(self, outputs: torch.Tensor, labels: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
        return F.mse_loss(outputs, labels)

    def mixed(self, outputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """The mean of numbers."""
        return weighed(outputs, weights)

    def error(self, answers: torch.Tensor, labels: torch.Tensor) -> float:
        return unexplained_variance(answers, labels)

    def units(self, labels: torch.Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
        columns = labels.double().movedim(1, -1).flatten(0, -2)
        return tuple(columns.mean(0).tolist()), tuple(columns.std(0, correction=0).tolist())

    def record(self) -> dict[str, Any]:
        return {"kind": self.kind, "error": self.unit}
