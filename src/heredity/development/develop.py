"""From a birth to a grown network: conceive, train with culture, measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.body import Deployed, anatomy_of, build
from heredity.anatomy.build import tensors_of
from heredity.anatomy.genome import Genome
from heredity.anatomy.sharing import Sharing, shared
from heredity.development.birth import Birth
from heredity.development.criteria.criterion import finite_error, measured
from heredity.development.culture import Teacher
from heredity.development.hidden import Projection
from heredity.development.litter import Bank, Sibling, check_litter, train_litter
from heredity.development.loop import Beat, Effort, Trained, total_steps, train
from heredity.development.prior import Pull
from heredity.development.task import Task, normalised
from heredity.development.teaching import Mentor, is_online, make_teacher
from heredity.errors import DevelopmentError
from heredity.measures import sizes_of
from heredity.measures.error import predict
from heredity.measures.flops import training_flops
from heredity.measures.size import macs, synapses
from heredity.priors.reading import Reading
from heredity.rng import derive
from heredity.types import Tensors
from heredity.variation.operator import Masks, Moments, Organism, weights_digest


@dataclass(frozen=True)
class Grown:
    """A developed newborn: what it is now, the digest of what it was born with, its training, its measurements.

    `readings` are of its prior, if it was trained with one; `right`, of a litter's sibling: see `Individual`.
    """

    organism: Organism
    newborn: str
    trained: Trained
    measures: dict[str, float]
    readings: tuple[Reading, ...] = ()
    right: bytes = b""


@dataclass(frozen=True)
class Brood:
    """Developed siblings, how they share, and what: parameters by name, and what the optimiser remembers of them."""

    grown: Sequence[Grown]
    sharing: Sharing
    bank: Tensors
    moments: Moments


def develop(
    birth: Birth,
    parents: Sequence[Organism],
    mentors: Sequence[Mentor],
    task: Task,
    *,
    cache: Path,
    beat: Beat = lambda share: None,
    graph_bytes: int = 0,
    effort: Effort | None = None,
    device: str = "cpu",
) -> Grown:
    """Conceive a newborn from its parents, train it by its recipe, and measure it on the validation split.

    Mentors teach as one, if there are any and the recipe has culture; what is measured owes them nothing.

    `cache` is a folder in which teachers' answers are remembered; `beat` is told the share of training that is done;
    `graph_bytes` is what the family's ONNX files weigh beside weights; `effort` is told of the training's FLOPs. It
    trains on `device`, and is measured on the CPU, as it will be again.

    Raises:
        InputError: its recipe has hidden features taught, and it or its mentors have none.
        DevelopmentError: the newborn is not the one that was planned, has hidden features at other positions than its
            mentors, or its training diverged.
    """
    newborn = conceive(birth, parents)
    anatomy = anatomy_of(newborn.genome)
    own = {name: tensor.clone() for name, tensor in newborn.tensors.items()}  # parents' tensors are not ours to train
    network = build(newborn.genome, own).to(device)
    teacher = projection = None
    if mentors and birth.recipe.culture is not None:
        teacher = make_teacher(mentors, task.train, birth.recipe, cache, task.criterion, device)
        if birth.recipe.culture.hidden:
            projection = _projection(network, anatomy, teacher, task, derive(birth.seed, "hidden"), device)
    prior = None if birth.recipe.prior is None else Pull(birth.recipe.prior, anatomy, network)
    trained = train(
        network,
        task.train,
        task.inputs,
        birth.recipe,
        criterion=task.criterion,
        seed=derive(birth.seed, "training"),
        flops=example_flops(birth, [mentor.organism.genome for mentor in mentors], len(task.train)),
        teacher=teacher,
        projection=projection,
        masks=newborn.masks,
        prior=prior,
        beat=beat,
        effort=effort,
    )
    if projection is not None:
        projection.let_go()
    readings = prior.finish() if prior else ()
    network.cpu()
    measures = _measures(anatomy, newborn.masks, graph_bytes) | {"val_error": validation_error(network, task)}
    grown = Organism(newborn.genome, _tensors(network), newborn.masks)
    return Grown(grown, weights_digest(newborn), trained, measures, readings)


def _projection(
    student: nn.Module, anatomy: Anatomy, teacher: Teacher, task: Task, seed: int, device: str
) -> Projection | None:
    """From the student's hidden features to those that are taught, whose width one example shows."""
    first = torch.zeros(1, dtype=torch.long)
    batch = normalised(task.train.inputs[first].to(device), task.inputs)
    taught = teacher(first.to(device), batch).hidden
    return None if taught is None else Projection(student, anatomy, batch, taught, seed)


def develop_litter(
    births: Sequence[Birth],
    parents: Sequence[Sequence[Organism]],
    task: Task,
    *,
    beat: Beat = lambda share: None,
    graph_bytes: int = 0,
    efforts: Sequence[Effort] = (),
    device: str = "cpu",
) -> Brood:
    """Conceive siblings, each from its parents, train them on `device` on what they share, and measure them on the CPU.

    `efforts`, one a sibling if any, are told of the FLOPs that each one's training takes.

    Raises:
        InputError: they cannot be trained together, or do not agree in what they share.
        DevelopmentError: one is not who was planned, or the training diverged.
    """
    recipes = [birth.recipe for birth in births]
    check_litter(recipes)
    newborns = [conceive(birth, own) for birth, own in zip(births, parents, strict=True)]
    sharing = shared([newborn.genome for newborn in newborns])
    remembered = [newborn.moments for newborn in newborns]
    bank = Bank(sharing.bank([newborn.tensors for newborn in newborns]).to(device))
    if all(remembered) and all(recipe.carried for recipe in recipes):
        bank.moments = [sharing.bank(planes).to(device) for planes in zip(*remembered, strict=True)]
    siblings: list[Sibling] = []
    priors: list[Pull | None] = []
    for k, (newborn, recipe) in enumerate(zip(newborns, recipes, strict=True)):
        anatomy = anatomy_of(newborn.genome)
        own = {name: tensor.clone() for name, tensor in newborn.tensors.items()}
        network = build(newborn.genome, own).to(device)
        priors.append(None if recipe.prior is None else Pull(recipe.prior, anatomy, network))
        flops = training_flops(macs(anatomy))
        siblings.append(Sibling(network, sharing.index(k), newborn.masks, recipe, flops, priors[k]))
    trained = train_litter(
        bank,
        siblings,
        task.train,
        task.inputs,
        criterion=task.criterion,
        seed=derive(births[0].seed, "training"),
        beat=beat,
        efforts=efforts,
    )
    readings = [prior.finish() if prior else () for prior in priors]
    grown = [
        replace(_sibling(newborn, sibling.network.cpu(), done, task, graph_bytes), readings=read)
        for newborn, sibling, done, read in zip(newborns, siblings, trained, readings, strict=True)
    ]
    values, *moments = (sharing.layout.split(plane.cpu()) for plane in (bank.values, *bank.moments))
    return Brood(grown, sharing, values, tuple(moments))


def _sibling(newborn: Organism, network: nn.Module, trained: Trained, task: Task, graph_bytes: int) -> Grown:
    # in training its tensors are views of one vector: they lie otherwise in memory, and sums may differ in the last bit
    tensors = {name: tensor.clone() for name, tensor in _tensors(network).items()}
    deployed = Deployed(build(newborn.genome, tensors), task.inputs)
    answers = predict(deployed, task.validation.inputs, keep=task.criterion.answers)
    right = task.criterion.right(answers, task.validation.labels)
    measures = _measures(anatomy_of(newborn.genome), newborn.masks, graph_bytes)
    measures["val_error"] = finite_error(task.criterion, answers, task.validation.labels)
    organism = Organism(newborn.genome, tensors, newborn.masks)
    packed = b"" if right is None else np.packbits(right.numpy()).tobytes()
    return Grown(organism, weights_digest(newborn), trained, measures, right=packed)


def _measures(anatomy: Anatomy, masks: Masks, graph_bytes: int) -> dict[str, float]:
    """What is known of a newborn without asking it anything."""
    return {**sizes_of(anatomy, graph_bytes), "synapses": float(synapses(anatomy, masks))}


def _tensors(network: nn.Module) -> Tensors:
    return {name: tensor.contiguous().cpu() for name, tensor in tensors_of(network).items()}


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


def example_flops(birth: Birth, teachers: Sequence[Genome], examples: int) -> int:
    """FLOPs of training a newborn on one of so many examples: its own, and those of teachers that answer online.

    Answers that are remembered were computed once, for all who learn from them: they are nobody's.
    """
    online = birth.recipe.culture is not None and is_online(teachers, birth.recipe, examples)
    answered = sum(macs(anatomy_of(teacher)) for teacher in teachers) if online else 0
    return training_flops(macs(anatomy_of(birth.genome)), answered)


def planned_flops(birth: Birth, teachers: Sequence[Genome], examples: int) -> float | None:
    """FLOPs that the training of a birth takes, if it does not fail; None: seconds bound it."""
    flops = example_flops(birth, teachers, examples)
    steps = total_steps(birth.recipe, examples, flops)
    return None if steps is None else float(steps * min(birth.recipe.batch_size, examples) * flops)
