"""From a birth to a grown network: conceive, train with culture, measure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch
from torch import nn

from heredity.anatomy.body import Deployed, anatomy_of, build
from heredity.anatomy.build import tensors_of
from heredity.anatomy.genome import Genome
from heredity.development.birth import Birth
from heredity.development.criteria.criterion import measured
from heredity.development.culture import remembered_outputs
from heredity.development.loop import Beat, Effort, Teacher, Trained, total_steps, train
from heredity.development.prior import Pull
from heredity.development.recipe import Recipe
from heredity.development.task import Split, Task
from heredity.errors import DevelopmentError
from heredity.measures import sizes_of
from heredity.measures.flops import training_flops
from heredity.measures.size import macs, synapses
from heredity.priors.reading import Reading
from heredity.rng import derive
from heredity.variation.operator import Organism, weights_digest

REMEMBERED = 2**26
"""Numbers that a teacher's remembered answers may have, at most: 256 MiB in every worker."""


@dataclass(frozen=True)
class Mentor:
    """A teacher: the digest of its weights, by which its answers are remembered, and what builds it."""

    digest: str
    organism: Organism


@dataclass(frozen=True)
class Grown:
    """A developed newborn: what it is now, the digest of what it was born with, its training, its measurements.

    `readings` are of its prior, if it was trained with one.
    """

    organism: Organism
    newborn: str
    trained: Trained
    measures: dict[str, float]
    readings: tuple[Reading, ...] = ()


def develop(
    birth: Birth,
    parents: Sequence[Organism],
    mentor: Mentor | None,
    task: Task,
    *,
    cache: Path,
    beat: Beat = lambda share: None,
    graph_bytes: int = 0,
    effort: Effort | None = None,
) -> Grown:
    """Conceive a newborn from its parents, train it by its recipe, and measure it on the validation split.

    `cache` is a folder in which teachers' answers are remembered; `beat` is told the share of training that is done;
    `graph_bytes` is what the family's ONNX files weigh beside weights; `effort` is told of the training's FLOPs.

    Raises:
        DevelopmentError: the newborn is not the one that was planned, or its training diverged.
    """
    newborn = conceive(birth, parents)
    anatomy = anatomy_of(newborn.genome)
    own = {name: tensor.clone() for name, tensor in newborn.tensors.items()}  # parents' tensors are not ours to train
    network = build(newborn.genome, own)
    teacher = None if mentor is None else make_teacher(mentor, task.train, birth.recipe, cache)
    prior = None if birth.recipe.prior is None else Pull(birth.recipe.prior, anatomy, network)
    trained = train(
        network,
        task.train,
        task.inputs,
        birth.recipe,
        criterion=task.criterion,
        seed=derive(birth.seed, "training"),
        flops=example_flops(birth, None if mentor is None else mentor.organism.genome, len(task.train)),
        teacher=teacher,
        masks=newborn.masks,
        prior=prior,
        beat=beat,
        effort=effort,
    )
    tensors = {name: tensor.contiguous().cpu() for name, tensor in tensors_of(network).items()}
    measures = {
        **sizes_of(anatomy, graph_bytes),
        "synapses": float(synapses(anatomy, newborn.masks)),
        "val_error": validation_error(network, task),
    }
    grown = Organism(newborn.genome, tensors, newborn.masks)
    return Grown(grown, weights_digest(newborn), trained, measures, prior.finish() if prior else ())


def conceive(birth: Birth, parents: Sequence[Organism]) -> Organism:
    """The newborn of a birth, before any training.

    Raises:
        DevelopmentError: its genome is another than the birth's: parents or code have changed since it was planned.
    """
    newborn = birth.operator.conceive(parents, birth.seed)
    if newborn.genome != birth.genome:
        raise DevelopmentError(f"newborn {birth.number} has another genome than was planned for it")
    return newborn


def validation_error(network: nn.Module, task: Task) -> float:
    """The error of `network` (which takes normalised input) on the validation split, as the criterion measures it."""
    return measured(task.criterion, Deployed(network, task.inputs), task.validation.inputs, task.validation.labels)


def example_flops(birth: Birth, teacher: Genome | None, examples: int) -> int:
    """FLOPs of training a newborn on one of so many examples: its own, and those of a teacher that answers online.

    Answers that are remembered were computed once, for all who learn from them: they are nobody's.
    """
    online = teacher is not None and birth.recipe.culture is not None and _is_online(teacher, birth.recipe, examples)
    return training_flops(macs(anatomy_of(birth.genome)), macs(anatomy_of(teacher)) if teacher and online else 0)


def planned_flops(birth: Birth, teacher: Genome | None, examples: int) -> float | None:
    """FLOPs that the training of a birth takes, if it does not fail; None: seconds bound it."""
    flops = example_flops(birth, teacher, examples)
    steps = total_steps(birth.recipe, examples, flops)
    return None if steps is None else float(steps * min(birth.recipe.batch_size, examples) * flops)


def make_teacher(mentor: Mentor, split: Split, recipe: Recipe, cache: Path) -> Teacher:
    """A teacher's answers in training: remembered, or online where augmentation makes every batch another.

    They are online too where there are too many to remember: those of segmentation have classes for every pixel.
    """
    genome, tensors = mentor.organism.genome, mentor.organism.tensors
    if _is_online(genome, recipe, len(split)):
        network = build(genome, tensors).eval()

        def online(index: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                return network(batch)

        return online
    # in the network's own units, in which its student learns
    form = msgspec.structs.replace(genome.inputs, answer_mean=(), answer_std=())
    outputs = remembered_outputs(cache, mentor.digest, lambda: Deployed(build(genome, tensors), form), split)
    return lambda index, batch: outputs[index]


def _is_online(teacher: Genome, recipe: Recipe, examples: int) -> bool:
    return bool(recipe.augmentation) or examples * math.prod(anatomy_of(teacher).outputs) > REMEMBERED
