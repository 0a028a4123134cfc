"""Error of a classifier: the share of examples that it gets wrong."""

from __future__ import annotations

import torch
from torch import nn


def predict(network: nn.Module, inputs: torch.Tensor, batch_size: int = 500) -> torch.Tensor:
    """Logits `(n, classes)` for inputs as they are stored, `(n, ...)`: bytes are scaled to [0, 1].

    `network` takes input as the user has it (`heredity.anatomy.body.Deployed`); it is left in evaluation mode.
    """
    network.eval()
    with torch.no_grad():
        return torch.cat([network(as_user_has_it(batch)) for batch in inputs.split(batch_size)])


def as_user_has_it(stored: torch.Tensor) -> torch.Tensor:
    """Stored inputs as float32: pixels that are kept as bytes come out in [0, 1]."""
    return stored.float().div_(255) if stored.dtype == torch.uint8 else stored.float()


def error_rate(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of wrong answers in [0, 1]; a row with a NaN is wrong."""
    wrong = (logits.argmax(1) != labels) | logits.isnan().any(1)
    return int(wrong.sum()) / len(wrong)
