"""Joint training of siblings on one bank of parameters: each step one of them, drawn at random, on one batch.

    for sibling in a random order, each as often as its own recipe has steps:
        theta = bank[its places]
        AdamW on the loss of a batch, with the moments that are the bank's too
        bank[its places] = theta

The published training draws a sibling anew for every step; here all get exactly their own steps, in a random order.
Every parameter counts its own steps, since those of one sibling alone are older or younger than those that all have, so
moments are unbiased by that number, element by element: torch's optimisers have one number a tensor. What batch norms
saw last may be of other weights than the bank ends with, so they see some batches anew.

Source: Painter, "Deep Neuroevolution with Shared Parameters" (METHODS F); Kingma & Ba 2015 (Adam), Loshchilov & Hutter
2019 (decoupled weight decay).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]  # what all of them are

from heredity.anatomy.inputs import InputForm
from heredity.development.augmentation import augmenter
from heredity.development.criteria import Criterion
from heredity.development.loop import CHECK_EVERY, Beat, Effort, Prior, Trained, batches_of, total_steps
from heredity.development.recipe import Recipe, learning_rate
from heredity.development.task import Split, normalised, standardised
from heredity.errors import DevelopmentError, InputError
from heredity.rng import generator
from heredity.types import Tensors
from heredity.variation.operator import Masks

SEEN_ANEW = 16
"""Batches that batch norms see at the end."""

SECOND, EPSILON = 0.999, 1e-8
"""Decay of the mean of squared gradients, and what keeps its root from zero."""

ALIGNED = {"cpu": 1, "cuda": 64}
"""By device, of how many numbers a parameter's place in its pupil's vector is a multiple: kernels of convolutions read
several at once on GPUs, and end with "misaligned address" elsewhere."""


@dataclass
class Bank:
    """What siblings share, `(length,)`: parameters, and of each what the optimiser remembers.

    `moments` are means of gradients and of their squares, and over how many steps.
    """

    values: torch.Tensor
    moments: list[torch.Tensor] = field(default_factory=list[torch.Tensor])

    def __post_init__(self) -> None:
        self.moments = self.moments or [torch.zeros_like(self.values) for _ in range(3)]


@dataclass(frozen=True)
class Sibling:
    """One of a litter: its network, where in the bank its parameters lie, by name, its masks, its recipe and its prior.

    `flops` are those of training on one example.
    """

    network: nn.Module
    places: Tensors
    masks: Masks
    recipe: Recipe
    flops: int
    prior: Prior | None = None


def check_litter(recipes: Sequence[Recipe]) -> None:
    """Refuses recipes that siblings cannot be trained by.

    Raises:
        InputError: with the reason.
    """
    if len({recipe.seconds is None for recipe in recipes}) > 1:
        raise InputError.of("a litter's recipes all in seconds, or none", "some", "change the recipes")
    for recipe in recipes:
        if recipe.optimiser != "adamw":
            raise InputError.of("adamw for a litter", recipe.optimiser, "change the recipe")
        if recipe.culture is not None:
            raise InputError.of("no teacher in a litter", "one", "develop them apart, or leave it out")


def train_litter(
    bank: Bank,
    siblings: Sequence[Sibling],
    split: Split,
    form: InputForm,
    *,
    criterion: Criterion,
    seed: int,
    beat: Beat = lambda share: None,
    efforts: Sequence[Effort] = (),
) -> list[Trained]:
    """Train siblings (which take normalised input) and their bank in place; networks are left in evaluation mode.

    Deterministic on a CPU for a given seed and thread count, unless recipes are in seconds.

    Raises:
        DevelopmentError: the loss is not finite.
    """
    start = time.perf_counter()
    device = bank.values.device
    labels, efforts = standardised(split.labels, form).to(device), efforts or [Effort() for _ in siblings]
    pupils = [_Pupil(bank, sibling) for sibling in siblings]
    augments = [augmenter(sibling.recipe.augmentation) for sibling in siblings]
    random, order = generator(seed, "augmentation"), generator(seed, "batches")
    sizes = [min(sibling.recipe.batch_size, len(split)) for sibling in siblings]
    batches = {size: batches_of(len(split), size, order) for size in sorted(set(sizes))}

    def batch_of(k: int) -> tuple[torch.Tensor, torch.Tensor]:
        index = next(batches[sizes[k]])
        batch = normalised(split.inputs[index].to(device), form)
        augment = augments[k]
        return (augment(batch, random) if augment else batch), labels[index.to(device)]

    done, losses = [0] * len(siblings), [torch.zeros((), device=device) for _ in siblings]
    for step, (k, own, whole) in enumerate(_turns(siblings, len(split), generator(seed, "turns"))):
        recipe, prior = siblings[k].recipe, siblings[k].prior
        batch, answers = batch_of(k)
        pupils[k].fetch()
        loss = criterion.loss(siblings[k].network(batch).float(), answers, recipe.label_smoothing)
        loss.backward()
        if prior is not None:
            prior(own)
        pupils[k].learn(learning_rate(recipe, own), recipe)
        done[k] += 1
        efforts[k].flops += siblings[k].flops * len(answers)
        losses[k] += loss.detach()
        if step % CHECK_EVERY == 0:
            if not math.isfinite(loss.item()):
                raise DevelopmentError(f"diverged: the loss is {loss.item()} at step {step}")
            beat(whole)
    for k, pupil in enumerate(pupils):
        pupil.fetch()
        _see_anew(siblings[k].network, lambda k=k: batch_of(k)[0])
        siblings[k].network.eval()
    if not bool(bank.values.isfinite().all()):
        raise DevelopmentError(f"diverged: weights are not finite after {sum(done)} steps")
    each = (time.perf_counter() - start) / max(sum(done), 1)
    return [Trained(n, each * n, float(sum_) / n if n else math.nan) for n, sum_ in zip(done, losses, strict=True)]


def _turns(siblings: Sequence[Sibling], examples: int, random: torch.Generator) -> Iterator[tuple[int, float, float]]:
    """Whose turn it is, and what shares of its own training, and of all, are done.

    Of seconds a litter has what its members have in all, and each turn is anybody's.
    """
    seconds = [sibling.recipe.seconds for sibling in siblings if sibling.recipe.seconds is not None]
    if seconds:
        start = time.perf_counter()
        while (share := (time.perf_counter() - start) / sum(seconds)) < 1:
            yield int(torch.randint(len(siblings), (), generator=random)), share, share
        return
    limits = [total_steps(sibling.recipe, examples, sibling.flops) or 0 for sibling in siblings]
    turns = torch.repeat_interleave(torch.arange(len(limits)), torch.tensor(limits))
    done = [0] * len(siblings)
    for step, k in enumerate(turns[torch.randperm(len(turns), generator=random)].tolist()):
        yield k, done[k] / limits[k], step / len(turns)
        done[k] += 1


class _Pupil:
    """A sibling at work: its parameters are one vector, into which they come from the bank and from which they go."""

    def __init__(self, bank: Bank, sibling: Sibling) -> None:
        self._bank, device = bank, bank.values.device
        named = {name: p for name, p in sibling.network.named_parameters() if p.requires_grad}
        order = sorted(named, key=lambda name: (named[name].dim() <= 1, name))  # what is decayed comes first
        sizes = [named[name].numel() for name in order]
        gaps = [-size % ALIGNED.get(device.type, 1) for size in sizes]  # behind each, where nobody lives
        ends = list(zip(order, gaps, strict=True))
        places = torch.cat([F.pad(_as_it_lies(sibling.places[name], named[name]), (0, gap)) for name, gap in ends])
        masks = {name: torch.ones(named[name].shape, dtype=torch.bool) for name in order} | dict(sibling.masks)
        lives = torch.cat([F.pad(_as_it_lies(masks[name], named[name]), (0, gap)) for name, gap in ends])
        self._lives = None if bool(lives.all()) else lives.nonzero().flatten().to(device)
        self._places = places[lives].to(device)
        whole = [size + gap for size, gap in zip(sizes, gaps, strict=True)]
        decayed = sum(length for length, name in zip(whole, order, strict=True) if named[name].dim() > 1)
        self._decayed = int(lives[:decayed].sum())
        self._theta = torch.zeros(len(places), dtype=bank.values.dtype, device=device)
        self._slope = torch.zeros_like(self._theta)
        vectors = zip(order, sizes, self._theta.split(whole), self._slope.split(whole), strict=True)
        for name, size, theta, slope in vectors:
            parameter = named[name]
            parameter.data, parameter.grad = _laid_out(theta[:size], parameter), _laid_out(slope[:size], parameter)
        sibling.network.train()

    def fetch(self) -> None:
        """The parameters as the bank has them, and no slope yet."""
        values = self._bank.values[self._places]
        if self._lives is None:
            self._theta.copy_(values)
        else:
            self._theta[self._lives] = values
        self._slope.zero_()

    def learn(self, rate: float, recipe: Recipe) -> None:
        """A step of AdamW along the slope; matrices are decayed, vectors are not."""
        bank, at = self._bank, self._places
        slope = self._slope if self._lives is None else self._slope[self._lives]
        first, second, steps = (plane[at] for plane in bank.moments)
        steps += 1
        first.lerp_(slope, 1 - recipe.momentum)
        second.lerp_(slope * slope, 1 - SECOND)
        size = (second / (1 - SECOND**steps)).sqrt_().add_(EPSILON)
        values = bank.values[at]
        values[: self._decayed] *= 1 - rate * recipe.weight_decay
        values -= rate * first / (1 - recipe.momentum**steps) / size
        for plane, new in zip((bank.values, *bank.moments), (values, first, second, steps), strict=True):
            plane[at] = new


def _as_it_lies(tensor: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
    """A tensor of a parameter's shape as a vector, in the order in which the parameter lies in memory."""
    return tensor.movedim(1, -1).flatten() if _is_channels_last(parameter) else tensor.flatten()


def _laid_out(vector: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
    """A vector as a tensor that lies in memory as a parameter does."""
    if not _is_channels_last(parameter):
        return vector.view(parameter.shape)
    first, second, *rest = parameter.shape
    return vector.view(first, *rest, second).movedim(-1, 1)


def _is_channels_last(parameter: torch.Tensor) -> bool:
    if parameter.dim() != 4 or parameter.is_contiguous():
        return False
    return parameter.is_contiguous(memory_format=torch.channels_last)


def _see_anew(network: nn.Module, batch: Callable[[], torch.Tensor]) -> None:
    """Batch norms forget what they saw, and see some batches."""
    norms = [m for m in network.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean of all that is seen
    with torch.no_grad():
        for _ in range(SEEN_ANEW):
            network(batch())
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
