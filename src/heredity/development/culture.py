"""Culture: what a newborn learns from a teacher, beside its genes.

    L = (1 - weight) loss(student, labels) + weight imitation(student, teacher, T)

where for classes the loss is cross entropy and the imitation T^2 KL(softmax(teacher / T) || softmax(student / T)), at
every position if there are several; what they are for other criteria these say (`heredity.development.criteria`).

Hinton, Vinyals, Dean 2015; in evolution: Shinozaki, dual inheritance theory. Without augmentation a teacher's answers
are the same in every epoch, and are computed once per teacher and split (`remembered_outputs`); with it the teacher
answers online, and so it does where its answers would not fit into memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from heredity.development.criteria import PLAIN, Criterion
from heredity.development.recipe import Culture
from heredity.development.task import Split
from heredity.measures.error import predict


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


def remembered_outputs(folder: Path, teacher: str, build: Callable[[], nn.Module], split: Split) -> torch.Tensor:
    """A teacher's outputs `(n, ...)` on a split, computed once per folder, teacher (its weights' digest) and split.

    `build` gives the teacher, taking input as a user has it. What another process computed is read; a damaged memory is
    made anew.
    """
    path = folder / f"culture-{teacher[:16]}-{split.digest}.safetensors"
    try:
        return load_file(path)["outputs"]
    except (OSError, SafetensorError, KeyError):
        outputs = predict(build(), split.inputs).contiguous()
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    save_file({"outputs": outputs}, temporary)
    temporary.replace(path)
    return outputs
