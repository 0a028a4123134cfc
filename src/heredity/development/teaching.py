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

from heredity.anatomy.body import Deployed, anatomy_of, build
from heredity.anatomy.genome import Genome
from heredity.development.criteria import PLAIN, Criterion
from heredity.development.culture import Taught, Teacher
from heredity.development.hidden import Features, check_positions, numbers_of
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
    mentors: Sequence[Mentor],
    split: Split,
    recipe: Recipe,
    cache: Path,
    criterion: Criterion = PLAIN,
    device: str = "cpu",
) -> Teacher:
    """What these mentors, one at least, teach as one, on the device where their pupil is: remembered, or online.

    Raises:
        InputError: the recipe wants hidden features, and they have none.
        DevelopmentError: they have them at positions that do not correspond.
    """
    organisms, hidden = [mentor.organism for mentor in mentors], _hidden(recipe)
    if is_online([organism.genome for organism in organisms], recipe, len(split)):
        tutors = [_Tutor(organism, hidden, device) for organism in organisms]

        def online(index: torch.Tensor, batch: torch.Tensor) -> Taught:
            with torch.no_grad():
                return _as_one([tutor.taught(tutor.network(batch)) for tutor in tutors], criterion)

        return online
    taught = _as_one([_remembered(mentor, split, hidden, cache) for mentor in mentors], criterion).on(device)
    return lambda index, batch: taught.at(index)


def is_online(teachers: Sequence[Genome], recipe: Recipe, examples: int) -> bool:
    """Whether teachers answer anew in every step: augmentation makes every batch another, or answers are too many.

    Those of segmentation have classes for every pixel.
    """
    anatomies = [anatomy_of(teacher) for teacher in teachers]
    numbers = sum(math.prod(anatomy.outputs) for anatomy in anatomies)
    if _hidden(recipe):
        numbers += sum(numbers_of(anatomy) for anatomy in anatomies)
    return bool(recipe.augmentation) or examples * numbers > REMEMBERED


def _hidden(recipe: Recipe) -> bool:
    return recipe.culture is not None and recipe.culture.hidden > 0


class _Tutor:
    """A teacher at work."""

    def __init__(self, organism: Organism, hidden: bool, device: str = "cpu") -> None:
        self.network = build(organism.genome, organism.tensors).to(device).eval()
        self._features = Features(self.network, anatomy_of(organism.genome)) if hidden else None

    def taught(self, outputs: torch.Tensor) -> Taught:
        """Outputs that its network has just given, with what they came from if that is taught."""
        return Taught(outputs, None if self._features is None else self._features.read)


def _as_one(taught: Sequence[Taught], criterion: Criterion) -> Taught:
    hidden = [own.hidden for own in taught if own.hidden is not None]
    check_positions(hidden)
    outputs = [own.outputs for own in taught]
    return Taught(
        outputs[0] if len(outputs) == 1 else criterion.consensus(torch.stack(outputs)),
        torch.cat(hidden, -1) if hidden else None,
    )


def _remembered(mentor: Mentor, split: Split, hidden: bool, cache: Path) -> Taught:
    # in the network's own units, in which its student learns
    form = msgspec.structs.replace(mentor.organism.genome.inputs, answer_mean=(), answer_std=())

    def teach() -> Taught:
        tutor, seen = _Tutor(mentor.organism, hidden), list[torch.Tensor]()

        def keep(outputs: torch.Tensor) -> torch.Tensor:
            taught = tutor.taught(outputs)
            seen.extend([] if taught.hidden is None else [taught.hidden])
            return taught.outputs

        outputs = predict(Deployed(tutor.network, form), split.inputs, keep=keep)
        return Taught(outputs, torch.cat(seen) if seen else None)

    return remembered(cache, mentor.digest, split, teach, hidden=hidden)


def remembered(
    folder: Path, teacher: str, split: Split, teach: Callable[[], Taught], *, hidden: bool = False
) -> Taught:
    """What a teacher says of a split, computed once per folder, teacher (its weights' digest) and split.

    `teach` computes it, with hidden features if these are wanted. What another process computed is read; a memory that
    is damaged, or lacks them, is made anew.
    """
    path = folder / f"culture-{teacher[:16]}-{split.digest}.safetensors"
    try:
        kept = load_file(path)
        return Taught(kept["outputs"], kept["hidden"] if hidden else None)
    except (OSError, SafetensorError, KeyError):
        taught = teach()
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    save_file({name: part.contiguous() for name, part in taught._asdict().items() if part is not None}, temporary)
    temporary.replace(path)
    return taught
