"""Errors: of classes, of numbers, of labels that are on or off. 0 is perfect, lower is better, NaN is never good."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from heredity.types import Inputs

VALUES_AT_ONCE = 2**22
"""Input values in one batch of predictions, at most."""

EXAMPLES_AT_ONCE = 128
"""Examples in one batch of predictions, at most: what a convolution writes should stay in the processor's cache."""


def predict(
    network: nn.Module,
    inputs: Inputs,
    batch_size: int | None = None,
    keep: Callable[[torch.Tensor], torch.Tensor] = lambda outputs: outputs,
) -> torch.Tensor:
    """What a network answers, `(n, ...)`, to inputs as they are stored, `(n, ...)`: bytes are scaled to [0, 1].

    `network` takes input as the user has it (`heredity.anatomy.body.Deployed`); it is left in evaluation mode. `keep`
    is what is kept of a batch's outputs: all of a segmentation's logits may not fit into memory.
    """
    size = batch_size or max(1, min(EXAMPLES_AT_ONCE, VALUES_AT_ONCE // max(math.prod(inputs.shape[1:]), 1)))
    network.eval()
    with torch.no_grad():
        return torch.cat([keep(network(as_user_has_it(batch))) for batch in inputs.split(size)])


def as_user_has_it(stored: torch.Tensor) -> torch.Tensor:
    """Stored inputs as a network takes them: float32, pixels that are kept as bytes in [0, 1]; tokens are int64."""
    if stored.dtype == torch.uint8:
        return stored.float().div_(255)
    return stored if stored.dtype == torch.int64 else stored.float()


def error_rate(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of wrong answers in [0, 1]: logits `(n, classes, ...)`, labels `(n, ...)`; a NaN makes an answer wrong."""
    return wrong_share(classes_of(logits), labels)


def classes_of(logits: torch.Tensor) -> torch.Tensor:
    """The answers `(n, ...)` that logits `(n, classes, ...)` give: the first largest one's number, -1 beside a NaN."""
    return logits.argmax(1).masked_fill_(logits.isnan().any(1), -1)


def wrong_share(
    answers: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None = None, ignore: int | None = None
) -> float:
    """Share of answers that are not their label, in [0, 1], both `(n, ...)`.

    An answer counts as much as its label's class weighs, `weights (classes,)`; where the label is `ignore`, not at all.
    """
    wrong = answers != labels
    if ignore is not None:
        counted = labels != ignore
        wrong, labels = wrong[counted], labels[counted]
    if weights is None:
        return int(wrong.sum()) / wrong.numel()
    weight = weights.double()[labels]
    return float((weight * wrong).sum() / weight.sum())


def unexplained_variance(answers: torch.Tensor, labels: torch.Tensor) -> float:
    """1 - R²: squared error as a share of the labels' variance, the mean over columns; both `(n, columns, ...)`.

    0 is perfect, 1 is what the labels' mean would get, and it can be worse. Columns must vary. NaN gives NaN.
    """
    answers, labels = _columns(answers).double(), _columns(labels).double()
    residual = (answers - labels).square().sum(0)
    return float((residual / (labels - labels.mean(0)).square().sum(0)).mean())


def missed_precision(scores: torch.Tensor, labels: torch.Tensor) -> float:
    """1 - mean average precision, in [0, 1]: scores `(n, columns, ...)`, and which labels are on, 0 or 1, likewise.

    The average precision of a column is that of scikit-learn: the sum over thresholds of precision times the gain in
    recall, without interpolation. Columns in which no label is on do not count. A NaN ranks where it does most harm.
    """
    scores, on = _columns(scores).double(), _columns(labels) > 0.5
    scores = torch.where(scores.isnan(), torch.where(on, -torch.inf, torch.inf), scores)
    found = [_average_precision(scores[:, k], on[:, k]) for k in range(on.shape[1]) if bool(on[:, k].any())]
    return 1 - sum(found) / len(found)


def _average_precision(scores: torch.Tensor, on: torch.Tensor) -> float:
    order = scores.argsort(descending=True)
    hits, ranked = on[order].cumsum(0), scores[order]
    last = torch.ones_like(on)  # of equal scores, which no threshold can part
    last[:-1] = ranked[1:] != ranked[:-1]
    hits, taken = hits[last], torch.arange(1, len(on) + 1)[last]
    gains = hits.diff(prepend=torch.zeros(1, dtype=hits.dtype))
    return float((hits.double() / taken * gains).sum() / hits[-1])


def _columns(values: torch.Tensor) -> torch.Tensor:
    """`(n, columns, ...)` to `(n * positions, columns)`."""
    return values.movedim(1, -1).flatten(0, -2)
