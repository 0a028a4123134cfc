"""From a birth to a grown network: conceive, train with culture, measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from heredity.anatomy.body import Deployed, anatomy_of, build, deploy
from heredity.anatomy.build import tensors_of
from heredity.anatomy.inputs import InputForm
from heredity.development.birth import Birth
from heredity.development.culture import remembered_logits
from heredity.development.loop import Beat, Teacher, Trained, train
from heredity.development.recipe import Recipe
from heredity.development.task import Split, Task
from heredity.errors import DevelopmentError
from heredity.measures import sizes_of
from heredity.measures.error import error_rate, predict
from heredity.measures.size import macs, synapses
from heredity.rng import derive
from heredity.variation.operator import Organism, weights_digest


@dataclass(frozen=True)
class Mentor:
    """A teacher: the digest of its weights, by which its answers are remembered, and what builds it."""

    digest: str
    organism: Organism


@dataclass(frozen=True)
class Grown:
    """A developed newborn: what it is now, the digest of what it was born with, its training, its measurements."""

    organism: Organism
    newborn: str
    trained: Trained
    measures: dict[str, float]


def develop(
    birth: Birth,
    parents: Sequence[Organism],
    mentor: Mentor | None,
    task: Task,
    *,
    cache: Path,
    beat: Beat = lambda share: None,
    graph_bytes: int = 0,
) -> Grown:
    """Conceive a newborn from its parents, train it by its recipe, and measure it on the validation split.

    `cache` is a folder in which teachers' answers are remembered; `beat` is told the share of training that is done;
    `graph_bytes` is what the family's ONNX files weigh beside weights.

    Raises:
        DevelopmentError: the newborn is not the one that was planned, or its training diverged.
    """
    newborn = conceive(birth, parents)
    anatomy = anatomy_of(newborn.genome)
    own = {name: tensor.clone() for name, tensor in newborn.tensors.items()}  # parents' tensors are not ours to train
    network = build(newborn.genome, own)
    teacher = None if mentor is None else make_teacher(mentor, task.train, birth.recipe, cache)
    trained = train(
        network,
        task.train,
        task.inputs,
        birth.recipe,
        seed=derive(birth.seed, "training"),
        macs=macs(anatomy),
        teacher=teacher,
        masks=newborn.masks,
        beat=beat,
    )
    tensors = {name: tensor.contiguous().cpu() for name, tensor in tensors_of(network).items()}
    measures = {
        **sizes_of(anatomy, graph_bytes),
        "synapses": float(synapses(anatomy, newborn.masks)),
        "val_error": validation_error(network, task.inputs, task.validation),
    }
    return Grown(Organism(newborn.genome, tensors, newborn.masks), weights_digest(newborn), trained, measures)


def conceive(birth: Birth, parents: Sequence[Organism]) -> Organism:
    """The newborn of a birth, before any training.

    Raises:
        DevelopmentError: its genome is another than the birth's: parents or code have changed since it was planned.
    """
    newborn = birth.operator.conceive(parents, birth.seed)
    if newborn.genome != birth.genome:
        raise DevelopmentError(f"newborn {birth.number} has another genome than was planned for it")
    return newborn


def validation_error(network: nn.Module, form: InputForm, split: Split) -> float:
    """Share of a split's examples that `network` (which takes normalised input) gets wrong, in [0, 1]."""
    return error_rate(predict(Deployed(network, form), split.inputs), split.labels)


def make_teacher(mentor: Mentor, split: Split, recipe: Recipe, cache: Path) -> Teacher:
    """A teacher's answers in training: remembered, or online where augmentation makes every batch another."""

    def shell() -> nn.Module:
        return deploy(mentor.organism.genome, mentor.organism.tensors)

    if recipe.augmentation:
        network = build(mentor.organism.genome, mentor.organism.tensors).eval()

        def online(index: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                return network(batch)

        return online
    logits = remembered_logits(cache, mentor.digest, shell, split)
    return lambda index, batch: logits[index]
