"""The contract of criteria."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional as F

from heredity.errors import DataError, InputError
from heredity.measures.error import predict
from heredity.types import Inputs

WORST = 1e9
"""What is recorded of an error that is larger or no number: records, and comparisons, want finite ones."""


class Criterion(ABC):
    """What a network is to learn: a loss to train on, an error to report, and how a teacher is imitated.

    Plain, frozen and without state. *Outputs* are what a bare network returns for a batch, `(n, ...)`; *labels* are
    what is right, `(n, ...)`, as `stored` gives them.

    Contract:

    * `loss` and `imitation` are scalars, differentiable in `outputs`, finite for finite outputs.
    * `error` is 0 for perfect answers, and lower is better: a share wherever it makes sense, since `--max-error` and
      the front read it as one. It sees all of a split at once, and outputs in the user's units.
    """

    kind: ClassVar[str]
    """Its name in records."""

    outputs: ClassVar[str] = "logits"
    """What outputs are, in words."""

    unit: ClassVar[str]
    """What the error is, in words: "share of wrong examples"."""

    framewise: ClassVar[bool] = False
    """Whether outputs are wanted for every frame of a sequence; constructors are offered it under this name."""

    smooths: ClassVar[bool] = False
    """Whether smoothing of labels means something; else it is refused."""

    @abstractmethod
    def stored(self, labels: torch.Tensor, split: str, name: str) -> torch.Tensor:
        """Labels `(n, ...)` in the type and shape that the other methods take.

        `split` and `name`, the data's, are for messages.

        Raises:
            DataError: they cannot be that.
        """

    @abstractmethod
    def size(self, labels: torch.Tensor) -> int:
        """Number of classes, or of numbers or labels an example; what constructors are offered as `n_classes`."""

    @abstractmethod
    def check(self, labels: torch.Tensor, size: int, split: str, name: str) -> None:
        """Refuses labels of a split from which nothing can be learnt, or by which no error can be told.

        Raises:
            DataError: so it is.
        """

    @abstractmethod
    def output_shape(self, labels: torch.Tensor, size: int) -> tuple[int, ...] | None:
        """Shape of one example's outputs; None if any will do."""

    @abstractmethod
    def called(self, size: int) -> str:
        """What there is to learn, in words: "10 classes"."""

    @abstractmethod
    def loss(self, outputs: torch.Tensor, labels: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
        """Mean loss of a batch; `smoothing` moves labels towards indifference, where the criterion `smooths`."""

    def imitation(self, outputs: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
        """Mean loss of a batch against a teacher's outputs, of the shape of its own: unless told otherwise, squared.

        `temperature` softens what are probabilities.
        """
        return F.mse_loss(outputs, teacher)

    def mixed(self, outputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """What several networks answer as one, `(n, ...)`: the mean of their `outputs (networks, n, ...)`.

        The networks count as `weights (networks,)` say, which are not negative and sum to 1. The loss of what is
        returned is convex in them, and differentiable; equal networks give the answers of one.

        Raises:
            InputError: what these outputs are is not known, so that they have no mean.
        """
        expected = "a criterion that says what a mean of several networks' answers is"
        raise InputError.of(expected, self.kind, "pick one member instead")

    def consensus(self, outputs: torch.Tensor) -> torch.Tensor:
        """What several teachers teach as one, `(n, ...)`: unless told otherwise, the mean of their `outputs (teachers,
        n, ...)`, which is what squared distance from all of them is least at.
        """
        return outputs.mean(0)

    def answers(self, outputs: torch.Tensor) -> torch.Tensor:
        """What `error` needs of a batch's outputs: all, unless told otherwise."""
        return outputs

    def right(self, answers: torch.Tensor, labels: torch.Tensor) -> torch.Tensor | None:
        """`(n,)` of booleans: whether each of these examples is answered rightly; None where that cannot be said."""
        return None

    @abstractmethod
    def error(self, answers: torch.Tensor, labels: torch.Tensor) -> float:
        """Error of `answers` on a whole split."""

    def units(self, labels: torch.Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and deviation, per output, by which training labels are standardised; empty where they are not."""
        return (), ()

    def fitted(self, labels: torch.Tensor, size: int) -> Criterion:
        """The criterion with whatever it takes from the training labels."""
        return self

    def check_portable(self) -> None:
        """Refuses what cannot be handed to another process.

        Raises:
            InputError: so it is.
        """
        return

    @abstractmethod
    def record(self) -> dict[str, Any]:
        """Kind and settings, as `run.json` has them."""


def weighed(values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The mean `(...)` of values `(m, ...)` by weights `(m,)` that sum to 1."""
    return (weights.reshape(-1, *[1] * (values.dim() - 1)) * values).sum(0)


def equally(outputs: torch.Tensor) -> torch.Tensor:
    """Weights `(m,)` by which all of `outputs (m, ...)` count alike."""
    return outputs.new_full((len(outputs),), 1 / len(outputs))


def log_weighed(logarithms: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The logarithm `(...)` of the mean of exp(logarithms `(m, ...)`); it has a gradient where weights are 0, too."""
    largest = logarithms.amax(0)
    return weighed((logarithms - largest).exp(), weights).log() + largest


def measured(criterion: Criterion, network: nn.Module, inputs: Inputs, labels: torch.Tensor) -> float:
    """The finite error of a network that takes stored `inputs (n, ...)` as the user has them; see `predict`."""
    return finite_error(criterion, predict(network, inputs, keep=criterion.answers), labels)


def finite_error(criterion: Criterion, answers: torch.Tensor, labels: torch.Tensor) -> float:
    """The error of answers, of a whole split; `WORST` at most."""
    error = criterion.error(answers, labels)
    return min(error, WORST) if math.isfinite(error) else WORST


def refuse_nonfinite(values: torch.Tensor, what: str, name: str) -> None:
    """Refuses NaN and infinities in `(n, ...)`, naming the first example that has one.

    Raises:
        DataError: there is one.
    """
    sound = values.isfinite()
    if not bool(sound.all()):
        bad = int((~sound.reshape(len(values), -1).all(1)).nonzero()[0])
        raise DataError.of(f"finite {what}", f"NaN or infinity in example {bad} of {name}", "clean the data")
