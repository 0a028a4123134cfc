"""Culture: what a newborn learns from a teacher, beside its genes.

    L = (1 - weight) CE(student, labels) + weight T^2 KL(softmax(teacher / T) || softmax(student / T))

Hinton, Vinyals, Dean 2015; in evolution: Shinozaki, dual inheritance theory. Without augmentation a teacher's answers
are the same in every epoch, and are computed once per teacher and split (`remembered_logits`); with it the teacher
answers online.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from heredity.development.recipe import Culture
from heredity.development.task import Split
from heredity.measures.error import predict


def culture_loss(student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor, culture: Culture) -> torch.Tensor:
    """The loss above, a scalar; `student` and `teacher` are logits `(n, classes)`."""
    t = culture.temperature
    soft = F.kl_div(
        F.log_softmax(student / t, 1), F.log_softmax(teacher / t, 1), reduction="batchmean", log_target=True
    )
    return (1 - culture.weight) * F.cross_entropy(student, labels) + culture.weight * t * t * soft


def remembered_logits(folder: Path, teacher: str, build: Callable[[], nn.Module], split: Split) -> torch.Tensor:
    """A teacher's logits `(n, classes)` on a split, computed once per folder, teacher (its weights' digest) and split.

    `build` gives the teacher as a user has it. What another process computed is read; a damaged memory is made anew.
    """
    path = folder / f"culture-{teacher[:16]}-{split.digest}.safetensors"
    try:
        return load_file(path)["logits"]
    except (OSError, SafetensorError, KeyError):
        logits = predict(build(), split.inputs)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    save_file({"logits": logits}, temporary)
    temporary.replace(path)
    return logits
