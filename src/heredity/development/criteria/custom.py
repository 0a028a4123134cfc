"""A user's own loss and error."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any, ClassVar

import torch

from heredity.anatomy.constructor import resolve
from heredity.development.criteria.criterion import Criterion, refuse_nonfinite
from heredity.errors import DataError, InputError

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""`(outputs, labels)` of a batch to a scalar."""

Error = Callable[[torch.Tensor, torch.Tensor], float]
"""`(outputs, labels)` of a split to its error: 0 is perfect, lower is better."""


@dataclass(frozen=True)
class Custom(Criterion):
    """Outputs are what the user's network gives, labels what the user gives: `(n, ...)`, int64 or float32.

    A teacher's outputs are imitated by squared distance. The functions are recorded by name and source, and come again
    with the data when a run is resumed; worker processes import them from where they were defined.
    """

    kind: ClassVar[str] = "custom"
    outputs: ClassVar[str] = "outputs"
    unit: ClassVar[str] = "the user's own error"

    given_loss: Loss
    given_error: Error
    n_outputs: int | None = None
    """What constructors are offered as `n_classes`; else the labels' largest number and one, or their columns."""

    def stored(self, labels: torch.Tensor, split: str, name: str) -> torch.Tensor:
        if labels.dim() == 0 or labels.is_complex():
            came = f"{labels.dtype} of shape {tuple(labels.shape)} in {name}"
            raise DataError.of(f"{split} labels as real numbers of shape (n, ...)", came, "convert them")
        if not labels.is_floating_point():
            return labels.long()
        refuse_nonfinite(labels, f"{split} labels", name)
        return labels.float()

    def size(self, labels: torch.Tensor) -> int:
        if self.n_outputs is not None:
            return self.n_outputs
        if not labels.is_floating_point():
            return max(int(labels.max()) + 1, 1)
        return 1 if labels.dim() == 1 else labels.shape[1]

    def check(self, labels: torch.Tensor, size: int, split: str, name: str) -> None:
        return

    def output_shape(self, labels: torch.Tensor, size: int) -> None:
        return None

    def called(self, size: int) -> str:
        return f"{size} outputs"

    def loss(self, outputs: torch.Tensor, labels: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
        return self.given_loss(outputs, labels)

    def error(self, answers: torch.Tensor, labels: torch.Tensor) -> float:
        return float(self.given_error(answers, labels))

    def check_portable(self) -> None:
        for function in (self.given_loss, self.given_error):
            _sent(function)

    def record(self) -> dict[str, Any]:
        return {"kind": self.kind, "error": _described(self.given_error), "loss": _described(self.given_loss)}

    def __reduce__(self) -> tuple[Callable[..., Custom], tuple[Any, ...]]:
        return _received, (_sent(self.given_loss), _sent(self.given_error), self.n_outputs)


def _sent(function: Callable[..., Any]) -> Callable[..., Any] | str:
    """What another process is sent of a function: a reference if it is from a file that no package holds.

    Raises:
        InputError: it cannot be found from outside the place where it was defined.
    """
    if not isinstance(function, FunctionType):
        return function  # an object, such as nn.HuberLoss(), travels by value
    file = getattr(sys.modules.get(function.__module__), "__file__", None)
    if not function.__qualname__.isidentifier() or file is None:
        raise InputError.of(
            "a loss and an error that worker processes can import",
            f"{function.__qualname__} of {function.__module__}",
            "define it at the top of a file, or develop in this process (workers=0)",
        )
    return f"{file}:{function.__qualname__}" if _is_from_file(function) else function


def _is_from_file(function: FunctionType) -> bool:
    """Whether its module is a file that was run or named, whose name means nothing elsewhere."""
    return function.__module__ == "__main__" or function.__module__.startswith("heredity_user_")


def _received(loss: Loss | str, error: Error | str, n_outputs: int | None) -> Custom:
    own_loss = resolve(loss, "loss", {})[0] if isinstance(loss, str) else loss
    own_error = resolve(error, "error", {})[0] if isinstance(error, str) else error
    return Custom(own_loss, own_error, n_outputs)


def _described(function: Callable[..., Any]) -> str:
    """Name and, where it can be read, digest of the source: enough to tell one from another."""
    if not isinstance(function, FunctionType):
        return repr(function) if " at 0x" not in repr(function) else type(function).__qualname__
    try:
        source = hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:16]
    except (OSError, TypeError):
        source = "without source"
    return f"{'file' if _is_from_file(function) else function.__module__}:{function.__qualname__} ({source})"
