"""Culture: what a newborn learns from a teacher, beside its genes.

    L = (1 - weight) loss(student, labels) + weight imitation(student, teacher, T)

where for classes the loss is cross entropy and the imitation T^2 KL(softmax(teacher / T) || softmax(student / T)), at
every position if there are several; what they are for other criteria these say (`heredity.development.criteria`).
Hidden features may be taught beside (`hidden.py`).

Hinton, Vinyals, Dean 2015; in evolution: Shinozaki, dual inheritance theory. How teachers answer: `teaching.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

from heredity.development.criteria import PLAIN, Criterion
from heredity.development.recipe import Culture


class Taught(NamedTuple):
    """What teachers say of a batch: outputs, of the shape of a student's, and, if these are taught, hidden features."""

    outputs: torch.Tensor
    hidden: torch.Tensor | None = None

    def at(self, index: torch.Tensor) -> Taught:
        """What they say of these examples."""
        return Taught(self.outputs[index], None if self.hidden is None else self.hidden[index])

    def on(self, device: str) -> Taught:
        """The same on a device."""
        return Taught(self.outputs.to(device), None if self.hidden is None else self.hidden.to(device))


Teacher = Callable[[torch.Tensor, torch.Tensor], Taught]
"""`(positions in the training split, normalised batch)` to what is taught."""


def culture_loss(
    student: torch.Tensor,
    teacher: torch.Tensor,
    labels: torch.Tensor,
    culture: Culture,
    criterion: Criterion = PLAIN,
    smoothing: float = 0.0,
) -> torch.Tensor:
    """The loss above, a scalar; `student` and `teacher` are outputs of one shape, `(n, ...)`.

    `smoothing` is of the labels, where there are classes; teachers are taken at their word.
    """
    soft = criterion.imitation(student, teacher, culture.temperature)
    return (1 - culture.weight) * criterion.loss(student, labels, smoothing) + culture.weight * soft
