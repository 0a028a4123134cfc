"""Recipes: how a newborn is trained. Plain data, recorded with every birth."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from heredity.errors import InputError
from heredity.priors.prior import GroupPrior


class Culture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much a newborn learns from its teachers: L = (1 - weight) CE + weight T^2 KL(teachers || student).

    `weight` in [0, 1] and `temperature` above 0 go to `weight_end` and `temperature_end` in the course of the training,
    linearly, where these are given. `hidden` is the weight of hidden features, taught beside (see `hidden.py`); 0: they
    are not. Hinton et al. 2015; the part that culture plays beside genes: Shinozaki, dual inheritance.
    """

    weight: float = 0.9
    temperature: float = 4.0
    weight_end: float | None = None
    temperature_end: float | None = None
    hidden: float = 0.0

    def __post_init__(self) -> None:
        for weight in (self.weight, self.weight_end):
            if weight is not None and not 0 <= weight <= 1:
                raise InputError.of("a weight of culture in [0, 1]", weight, "give a share, such as 0.9")
        for temperature in (self.temperature, self.temperature_end):
            if temperature is not None and not 0 < temperature < math.inf:
                raise InputError.of("a temperature of culture above 0", temperature, "give such, as 4")
        if not 0 <= self.hidden < math.inf:
            raise InputError.of("a weight of hidden features of at least 0", self.hidden, "give 0 to teach none")


class Recipe(msgspec.Struct, frozen=True):
    """How a newborn is trained.

    The budget is exactly one of `epochs`, `steps`, `seconds` and `flops` (as `heredity.measures.flops` counts those of
    training). `learning_rate` is the schedule's peak. `augmentation` names what is done to
    training images (see `augmentation.py`). `precision` "bf16" takes effect on a GPU only. `prior` is minimised beside
    the loss. A litter goes on with what its parents' optimiser remembered if that is `carried`.
    """

    epochs: float | None = None
    steps: int | None = None
    seconds: float | None = None
    flops: float | None = None
    batch_size: int = 128
    optimiser: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 4e-3
    weight_decay: float = 0.01
    momentum: float = 0.9
    schedule: Literal["one-cycle", "step", "constant"] = "one-cycle"
    warmup: float = 0.2
    label_smoothing: float = 0.0
    augmentation: tuple[str, ...] = ()
    culture: Culture | None = None
    precision: Literal["float32", "bf16"] = "float32"
    prior: GroupPrior | None = None
    carried: bool = True

    def __post_init__(self) -> None:
        budgets = [b for b in (self.epochs, self.steps, self.seconds, self.flops) if b is not None]
        if len(budgets) != 1 or not 0 <= budgets[0] < math.inf:
            raise InputError.of("one budget of at least 0 among epochs, steps, seconds, flops", budgets, "give one")
        if self.batch_size < 1 or not 0 < self.learning_rate < math.inf:
            raise InputError.of(
                "a batch size of at least 1 and a learning rate above 0",
                f"{self.batch_size} and {self.learning_rate}",
                "change the recipe",
            )
        shares = {"momentum": self.momentum, "label_smoothing": self.label_smoothing, "warmup": self.warmup}
        for name, share in shares.items():
            if not 0 <= share < 1:
                raise InputError.of(f"{name} in [0, 1)", share, "change the recipe")
        if not 0 <= self.weight_decay < math.inf:
            raise InputError.of("weight_decay of at least 0", self.weight_decay, "change the recipe")


def culture_at(culture: Culture, progress: float) -> Culture:
    """Culture as it is when a share `progress` in [0, 1) of the training is done."""

    def now(start: float, end: float | None) -> float:
        return start if end is None else start + progress * (end - start)

    weight, temperature = now(culture.weight, culture.weight_end), now(culture.temperature, culture.temperature_end)
    return Culture(weight, temperature, hidden=culture.hidden)


def learning_rate(recipe: Recipe, progress: float) -> float:
    """The learning rate when a share `progress` in [0, 1) of the training is done.

    `one-cycle`: cosine from 1/25 of the peak up to it over the share `warmup`, then cosine down to 1/10,000 of it
    (Smith 2018, as in torch's OneCycleLR); `step`: a tenth after 1/2 and again after 3/4.
    """
    peak = recipe.learning_rate
    if recipe.schedule == "constant":
        return peak
    if recipe.schedule == "step":
        return peak * (1.0 if progress < 0.5 else 0.1 if progress < 0.75 else 0.01)
    if progress < recipe.warmup:
        return _cosine(peak / 25, peak, progress / recipe.warmup)
    return _cosine(peak, peak / 1e4, (progress - recipe.warmup) / (1 - recipe.warmup))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
