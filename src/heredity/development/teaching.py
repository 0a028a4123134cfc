"""How teachers answer in training: from memory, or online.

Without augmentation a teacher's answers are the same in every epoch, and are computed once per teacher and split; with
it the teacher answers online, and so it does where its answers would not fit into memory. Several teachers answer as
one, as the criterion says (`Criterion.consensus`); what is remembered is each one's own, since those that teach one
newborn will teach others, beside others.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from heredity.anatomy.body import Deployed, anatomy_of, build
from heredity.anatomy.genome import Genome
from heredity.development.criteria import PLAIN, Criterion
from heredity.development.loop import Teacher
from heredity.development.recipe import Recipe
from heredity.development.task import Split
from heredity.measures.error import predict
from heredity.variation.operator import Organism

REMEMBERED = 2**26
"""Numbers that the remembered answers of a newborn's teachers may have, at most: 256 MiB in every worker."""


@dataclass(frozen=True)
class Mentor:
    """A teacher: the digest of its weights, by which its answers are remembered, and what builds it."""

    digest: str
    organism: Organism


def make_teacher(
    mentors: Sequence[Mentor], split: Split, recipe: Recipe, cache: Path, criterion: Criterion = PLAIN
) -> Teacher:
    """What these mentors, one at least, answer in training, as one: remembered, or online."""
    organisms = [mentor.organism for mentor in mentors]
    if is_online([organism.genome for organism in organisms], recipe, len(split)):
        networks = [build(organism.genome, organism.tensors).eval() for organism in organisms]

        def online(index: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                return _as_one([network(batch) for network in networks], criterion)

        return online
    outputs = _as_one([_remembered(mentor, split, cache) for mentor in mentors], criterion)
    return lambda index, batch: outputs[index]


def is_online(teachers: Sequence[Genome], recipe: Recipe, examples: int) -> bool:
    """Whether teachers answer anew in every step: augmentation makes every batch another, or answers are too many.

    Those of segmentation have classes for every pixel.
    """
    numbers = sum(math.prod(anatomy_of(teacher).outputs) for teacher in teachers)
    return bool(recipe.augmentation) or examples * numbers > REMEMBERED


def _as_one(outputs: Sequence[torch.Tensor], criterion: Criterion) -> torch.Tensor:
    return outputs[0] if len(outputs) == 1 else criterion.consensus(torch.stack(list(outputs)))


def _remembered(mentor: Mentor, split: Split, cache: Path) -> torch.Tensor:
    genome, tensors = mentor.organism.genome, mentor.organism.tensors
    # in the network's own units, in which its student learns
    form = msgspec.structs.replace(genome.inputs, answer_mean=(), answer_std=())
    return remembered_outputs(cache, mentor.digest, lambda: Deployed(build(genome, tensors), form), split)


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
