"""How members become an ensemble: by equal weights, by fitted ones, by a small MLP, or by greedy choice.

All is learnt on the validation split. Members have seen the training split, and those that remember it best would
seem the best there. On validation data even a weight a member may be fitted too closely, so each method says what it
does about that; the test split is the judge.

`outputs (members, n, ...)` are those of bare networks on some examples, with `labels`, as the criterion takes both:
numbers standardised.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, cast

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from heredity.anatomy.body import Deployed, anatomy_of, build
from heredity.development.criteria import Criterion
from heredity.development.ensemble import side_by_side
from heredity.development.task import Split, standardised
from heredity.measures.error import predict
from heredity.rng import derive, generator
from heredity.selection.ensembles import Weights, convex_weights, equal_weights, forward_selection
from heredity.types import Tensors
from heredity.variation.operator import Organism

Method = Literal["mean", "weighted", "mlp", "greedy"]
"""How members are combined: `equal_weights`, `fitted`, `corrected`, `chosen`."""

VALUES = 2**25
"""Outputs that are held in memory at most: of a segmentation fewer examples are drawn."""

FOLDS = 5
"""Parts of the examples, each of which judges weights that were fitted on the others."""

SHARES = np.linspace(0, 1, 11)
"""How far fitted weights may be followed."""

WIDTH = 16
"""Hidden units of the MLP."""

STEPS, PATIENCE = 500, 25
"""Steps of the MLP's training at most, and without any gain before it ends."""

HELD_BACK = 1 / 4
"""The share of the examples that says when the MLP has learnt enough."""


def sample_of(members: Sequence[Organism], split: Split, seed: int) -> Split:
    """A split, or so many of its examples that what all members answer to them fits into memory."""
    values = len(members) * math.prod(anatomy_of(members[0].genome).outputs)
    if len(split) * values <= VALUES:
        return split
    order = torch.randperm(len(split), generator=generator(seed, "ensemble", "sample"))
    return split.take(order[: max(1, VALUES // values)])


def held_back(examples: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Positions of examples: those that say when the MLP has learnt enough, and those that it learns from."""
    order = torch.randperm(examples, generator=generator(seed, "ensemble", "held back"))
    held, own = order.tensor_split([max(1, round(HELD_BACK * examples))])
    return held, own


def combined(
    method: Method,
    members: Sequence[Organism],
    split: Split,
    criterion: Criterion,
    seed: int,
    costs: NDArray[np.float64],
    ceilings: NDArray[np.float64],
) -> tuple[Weights, Tensors]:
    """How much each member counts, `(members,)`, and a correction's tensors if there is one, learnt on a split.

    `costs (members, m)` of the members that greedy choice takes add up to `ceilings (m,)` at most; one member at least
    must keep them. Nothing else looks at costs.

    Raises:
        InputError: these answers have no mean.
    """
    form = members[0].inputs
    bare = msgspec.structs.replace(form, answer_mean=(), answer_std=())  # answers as they were learnt
    networks = [Deployed(build(member.genome, member.tensors), bare) for member in members]
    outputs = torch.stack([predict(network, split.inputs) for network in networks])
    labels, equal = standardised(split.labels, form), equal_weights(len(members))
    criterion.mixed(outputs[:, :1], torch.from_numpy(equal))  # which refuses answers that have no mean
    if method == "greedy":
        return chosen(outputs, labels, criterion, costs, ceilings), {}
    if method == "weighted":
        return fitted(outputs, labels, criterion, seed), {}
    return equal, corrected(outputs, labels, criterion, seed) if method == "mlp" else {}


def chosen(
    outputs: torch.Tensor,
    labels: torch.Tensor,
    criterion: Criterion,
    costs: NDArray[np.float64],
    ceilings: NDArray[np.float64],
) -> Weights:
    """Weights by greedy choice within ceilings, see `heredity.selection.ensembles.forward_selection`.

    It begins with the least error, and goes on by the loss: on few examples most choices have the same error. That each
    step takes one of a few members, and has to gain something, keeps it from following the examples too closely.
    """
    errors = np.array([criterion.error(criterion.answers(own), labels) for own in outputs])
    return forward_selection(_Mean(outputs, labels, criterion).loss, np.nan_to_num(errors, nan=np.inf), costs, ceilings)


def fitted(outputs: torch.Tensor, labels: torch.Tensor, criterion: Criterion, seed: int) -> Weights:
    """The weights with the least loss of the mean, followed as far as cross-validation trusts them.

    Weights that are fitted on all parts of the examples but one are judged on that one, at every mixture of them and
    equal weights. The mixture that did best is taken of what is fitted on all examples. The loss is convex, so whatever
    is taken is no worse there than equal weights.
    """
    members, examples = outputs.shape[:2]
    if examples < FOLDS:
        return equal_weights(members)
    folds = torch.randperm(examples, generator=generator(seed, "ensemble", "folds")).tensor_split(FOLDS)
    judged = np.zeros(len(SHARES))
    for fold in folds:
        others = torch.cat([other for other in folds if other is not fold])
        weights = convex_weights(_Mean(outputs[:, others], labels[others], criterion).slope, members)
        own = _Mean(outputs[:, fold], labels[fold], criterion)
        judged += [len(fold) * own.loss(_towards(weights, share)) for share in SHARES]
    weights = convex_weights(_Mean(outputs, labels, criterion).slope, members)
    return _towards(weights, SHARES[int(np.argmin(judged))])


def corrected(outputs: torch.Tensor, labels: torch.Tensor, criterion: Criterion, seed: int) -> Tensors:
    """The tensors of a `Correction` of the plain mean: an MLP of `WIDTH` hidden units on the frozen members' outputs.

    It begins at nothing, learns from most of the examples, and is left as it was when the loss of those that are
    `HELD_BACK` was least; where it never falls below that of the mean, the correction is nothing still.
    """
    members, examples = outputs.shape[:2]
    held, own = held_back(examples, seed)
    said = side_by_side(outputs)
    means, deviations = said.flatten(0, -2).mean(0), said.flatten(0, -2).std(0, correction=0).clamp_min(1e-6)
    mean = criterion.mixed(outputs, torch.full((members,), 1 / members))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "ensemble", "mlp"))
        mlp = nn.Sequential(nn.Linear(said.shape[-1], WIDTH), nn.ReLU(), nn.Linear(WIDTH, outputs.shape[2]))
    hidden, out = cast(nn.Linear, mlp[0]), cast(nn.Linear, mlp[2])
    nn.init.zeros_(out.weight)
    nn.init.zeros_(out.bias)
    said = (said - means) / deviations
    optimiser = torch.optim.AdamW(mlp.parameters(), lr=1e-2, weight_decay=1e-2)

    def loss(some: torch.Tensor) -> torch.Tensor:
        return criterion.loss(mean[some] + mlp(said[some]).movedim(-1, 1), labels[some])

    least, best, kept = math.inf, 0, dict[str, torch.Tensor]()
    for step in range(STEPS):
        with torch.no_grad():
            now = float(loss(held))
        if now < least or not kept:
            least, best = now, step
            kept = {name: tensor.detach().clone() for name, tensor in mlp.state_dict().items()}
        if step - best >= PATIENCE or not len(own):
            break
        optimiser.zero_grad()
        loss(own).backward()
        optimiser.step()
    mlp.load_state_dict(kept)
    with torch.no_grad():  # outputs come as they are: what standardises them goes into the weights
        weight = hidden.weight / deviations
        return {
            "hidden.weight": weight,
            "hidden.bias": hidden.bias - weight @ means,
            "out.weight": out.weight.detach(),
            "out.bias": out.bias.detach(),
        }


class _Mean:
    """The loss of the members' mean as a function of their weights, in float64."""

    def __init__(self, outputs: torch.Tensor, labels: torch.Tensor, criterion: Criterion) -> None:
        self._outputs, self._criterion = outputs.double(), criterion
        self._labels = labels.double() if labels.is_floating_point() else labels

    def loss(self, weights: Weights) -> float:
        """Infinite where it is no number."""
        counted = torch.from_numpy(np.flatnonzero(weights))
        value = float(self._of(self._outputs[counted], torch.from_numpy(weights)[counted]))
        return value if math.isfinite(value) else math.inf

    def slope(self, weights: Weights) -> tuple[float, NDArray[np.float64]]:
        """The loss, and its gradient `(members,)`."""
        given = torch.from_numpy(weights).requires_grad_()
        value = self._of(self._outputs, given)
        (gradient,) = torch.autograd.grad(value, given)
        return value.item(), gradient.numpy()

    def _of(self, outputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        return self._criterion.loss(self._criterion.mixed(outputs, weights), self._labels)


def _towards(weights: Weights, share: float) -> Weights:
    """A mixture of weights and equal ones: all of them at 1."""
    return share * weights + (1 - share) * equal_weights(len(weights))
