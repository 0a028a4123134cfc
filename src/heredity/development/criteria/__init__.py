"""Criteria: what a network is to learn. One object says the loss, how a teacher is imitated, and the error to report.

Whoever names none gets the one that the training labels suggest:

| labels | criterion |
| --- | --- |
| whole numbers `(n,)` | `Classification`: class numbers from 0 |
| whole numbers `(n, h, w)`, or of more dimensions | `Classification` of every position: segmentation |
| `(n, k)`, all of them 0 or 1, of any type | `MultiLabel`; a single 1 in each row is refused: one-hot? |
| fractional numbers `(n,)`, `(n, k, ...)` | `Regression` |
| other whole numbers `(n, k)` | refused: classes of a sequence's positions, or numbers? |

`CTC`, for words whose times nobody knows, is only taken where it is named.
"""

from __future__ import annotations

import torch

from heredity.development.criteria.classification import PLAIN, Classification
from heredity.development.criteria.criterion import Criterion
from heredity.development.criteria.ctc import CTC
from heredity.development.criteria.custom import Custom
from heredity.development.criteria.multilabel import MultiLabel
from heredity.development.criteria.regression import Regression
from heredity.errors import DataError

__all__ = [
    "CTC",
    "MIXING",
    "PLAIN",
    "Classification",
    "Criterion",
    "Custom",
    "MultiLabel",
    "Regression",
    "criterion_for",
]

MIXING: dict[str, Criterion] = {criterion.kind: criterion for criterion in (PLAIN, MultiLabel(), Regression())}
"""By kind, those that say what several networks answer as one (`Criterion.mixed`), for which settings do not matter."""


def criterion_for(labels: torch.Tensor, name: str) -> Criterion:
    """The criterion that training labels suggest, by the table above; `name` is the data's, for messages.

    Raises:
        DataError: they suggest none, or more than one.
    """
    if labels.is_complex():
        raise DataError.of("training labels as whole or real numbers", f"{labels.dtype} in {name}", "convert them")
    whole = not labels.is_floating_point()
    if labels.dim() != 2 or not len(labels):  # of no labels, somebody else complains
        return Classification() if whole else Regression()
    bits = bool(((labels == 0) | (labels == 1)).all())
    if bits and labels.shape[1] > 1:
        if bool((labels.sum(1) == 1).all()):
            remedy = "give labels.argmax(1), or criterion=MultiLabel() if several may be on"
            raise DataError.of(
                "training labels as class numbers of shape (n,), or several labels an example",
                f"a single 1 in each row of shape {tuple(labels.shape)} in {name}",
                remedy,
            )
        return MultiLabel()
    if not whole:
        return Regression()
    raise DataError.of(
        "training labels as whole numbers of shape (n,)",
        f"{labels.dtype} of shape {tuple(labels.shape)} in {name}",
        "flatten them, or name what they are: criterion=Classification() of positions, Regression() of numbers",
    )
