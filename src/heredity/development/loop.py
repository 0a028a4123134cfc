"""The training loop: the only one. Budgets in epochs, steps, seconds or FLOPs; culture, masks and group priors hook in.

until the budget is spent:
    a seeded batch, normalised and augmented on the device
    the gradient of the loss, the criterion's or culture's; plus the prior's
    a step of the optimiser at the schedule's learning rate; absent synapses stay zero
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from heredity.anatomy.inputs import InputForm
from heredity.development.augmentation import augmenter
from heredity.development.criteria import PLAIN, Criterion
from heredity.development.culture import Teacher, culture_loss
from heredity.development.hidden import Projection
from heredity.development.recipe import Recipe, culture_at, learning_rate
from heredity.development.task import Split, normalised, standardised
from heredity.errors import DevelopmentError
from heredity.rng import generator

Prior = Callable[[float], None]
"""Adds a penalty's gradient to that of the loss; told what share of the training is done."""

Beat = Callable[[float], None]
"""Told now and then, with the share of the training that is done: a sign of life."""

CHECK_EVERY = 32
"""Steps between two looks at the loss, each a sign of life and a check for divergence."""


@dataclass
class Effort:
    """FLOPs that a training has taken so far; whoever gave it knows them also of a training that fails."""

    flops: int = 0


@dataclass(frozen=True)
class Trained:
    """What a training did: steps taken, wall-clock seconds, and the mean loss between the last two looks."""

    steps: int
    seconds: float
    loss: float


def total_steps(recipe: Recipe, examples: int, flops: int) -> int | None:
    """Steps that a recipe's budget buys on so many examples, each of so many FLOPs; None: seconds decide."""
    batch = min(recipe.batch_size, examples)
    if recipe.epochs is not None:
        return round(recipe.epochs * (examples // batch))
    if recipe.flops is not None:
        return round(recipe.flops / (max(flops, 1) * batch))
    return recipe.steps


def train(
    network: nn.Module,
    split: Split,
    form: InputForm,
    recipe: Recipe,
    *,
    criterion: Criterion = PLAIN,
    seed: int,
    flops: int = 0,
    teacher: Teacher | None = None,
    projection: Projection | None = None,
    masks: Mapping[str, torch.Tensor] | None = None,
    prior: Prior | None = None,
    beat: Beat = lambda share: None,
    effort: Effort | None = None,
) -> Trained:
    """Train `network` (which takes normalised input) in place on its own device, and leave it in evaluation mode.

    `flops` are those of training on one example (`heredity.measures.flops`): a budget of FLOPs becomes steps by them,
    and `effort` is told how many were spent. A `projection` is trained beside it where hidden features are taught.
    `masks` are absent synapses by parameter name: their weights are and stay zero. Deterministic on a CPU for a given
    seed, thread count and budget, unless that is seconds; layers that draw (dropout) follow torch's global random
    state.

    Raises:
        DevelopmentError: the loss is not finite.
    """
    device = next(network.parameters()).device
    inputs, labels = split.inputs, standardised(split.labels, form).to(device)
    if isinstance(inputs, torch.Tensor):  # else they stay where they are, on the disk
        inputs = inputs.to(device)
    effort = effort or Effort()
    limit = total_steps(recipe, len(split), flops)
    optimiser = make_optimiser(network if projection is None else nn.ModuleList([network, projection]), recipe)
    absent = [(p, ~masks[n].to(device)) for n, p in network.named_parameters() if masks and n in masks]
    augment, random = augmenter(recipe.augmentation), generator(seed, "augmentation")
    mixed = recipe.precision == "bf16" and device.type == "cuda"
    batches = batches_of(len(split), min(recipe.batch_size, len(split)), generator(seed, "batches"))
    start, step, losses = time.perf_counter(), 0, Losses(device)
    network.train()
    while True:
        elapsed = time.perf_counter() - start
        progress = step / limit if limit else elapsed / recipe.seconds if recipe.seconds else 1.0
        if progress >= 1:
            break
        if step % CHECK_EVERY == 0 and step:
            losses.look(step, limit)
            beat(progress)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(recipe, progress)
        place = next(batches)
        index = place.to(device)
        batch = normalised(inputs[index if isinstance(inputs, torch.Tensor) else place].to(device), form)
        if augment:
            batch = augment(batch, random)
        answers = labels[index]
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            outputs = network(batch)
        if teacher is not None and recipe.culture is not None:
            taught, culture = teacher(index, batch), culture_at(recipe.culture, progress)
            loss = culture_loss(outputs.float(), taught.outputs, answers, culture, criterion, recipe.label_smoothing)
            if projection is not None and taught.hidden is not None:
                loss = loss + culture.hidden * projection(taught.hidden)
        else:
            loss = criterion.loss(outputs.float(), answers, recipe.label_smoothing)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if prior is not None:
            prior(progress)
        optimiser.step()
        if absent:
            with torch.no_grad():
                for parameter, gone in absent:
                    parameter.masked_fill_(gone, 0.0)
        losses.add(loss)
        step += 1
        effort.flops += flops * len(index)
    losses.look(step, limit)
    network.eval()
    return Trained(step, time.perf_counter() - start, losses.mean)


class Losses:
    """The `mean` loss between the last two looks, NaN before there was a step; added up on the device."""

    def __init__(self, device: torch.device) -> None:
        self.mean = math.nan
        self._sum, self._count = torch.zeros((), device=device), 0

    def add(self, loss: torch.Tensor) -> None:
        self._sum += loss.detach()
        self._count += 1

    def look(self, step: int, limit: int | None) -> None:
        """The mean since the last look, if there was a step.

        Raises:
            DevelopmentError: it is not finite.
        """
        if not self._count:
            return
        self.mean = self._sum.item() / self._count
        self._sum.zero_()
        self._count = 0
        if not math.isfinite(self.mean):
            raise DevelopmentError(
                f"diverged: the loss is {self.mean} at step {step} of {limit or 'an unknown number'}"
            )


def make_optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser; vectors (biases, norms) are not decayed."""
    trained = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.dim() > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum, fused=True)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(recipe.momentum, 0.999), fused=True)


def batches_of(examples: int, batch_size: int, random: torch.Generator) -> Iterator[torch.Tensor]:
    """Positions of one batch after another, `(batch_size,)`, in a new order every epoch; without incomplete ones."""
    while True:
        order = torch.randperm(examples, generator=random)
        yield from order[: examples - examples % batch_size].split(batch_size)
