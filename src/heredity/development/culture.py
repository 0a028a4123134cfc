"""Culture: what a newborn learns from a teacher, beside its genes.

    L = (1 - weight) loss(student, labels) + weight imitation(student, teacher, T)

where for classes the loss is cross entropy and the imitation T^2 KL(softmax(teacher / T) || softmax(student / T)), at
every position if there are several; what they are for other criteria these say (`heredity.development.criteria`).

Hinton, Vinyals, Dean 2015; in evolution: Shinozaki, dual inheritance theory. How teachers answer: `teaching.py`.
"""

from __future__ import annotations

import torch

from heredity.development.criteria import PLAIN, Criterion
from heredity.development.recipe import Culture


def culture_loss(
    student: torch.Tensor,
    teacher: torch.Tensor,
    labels: torch.Tensor,
    culture: Culture,
    criterion: Criterion = PLAIN,
) -> torch.Tensor:
    """The loss above, a scalar; `student` and `teacher` are outputs of one shape, `(n, ...)`."""
    soft = criterion.imitation(student, teacher, culture.temperature)
    return (1 - culture.weight) * criterion.loss(student, labels) + culture.weight * soft
