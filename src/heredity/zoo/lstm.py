"""A classifier of sequences with long short-term memory (Hochreiter & Schmidhuber 1997; Gers et al. 2000)."""

from __future__ import annotations

import math

import torch
from torch import nn

from heredity.errors import ModelError


class LSTMClassifier(nn.Module):
    """Layers of LSTM cells, and the mean of the last layer's states over time."""

    def __init__(self, features: int, n_classes: int, *, vocabulary: int | None, width: int, layers: int) -> None:
        super().__init__()
        self.embedding = nn.Identity() if vocabulary is None else nn.Embedding(vocabulary, features)
        self.lstm = nn.LSTM(features, width, layers, batch_first=True)
        self.classifier = nn.Linear(width, n_classes)
        with torch.no_grad():
            for layer in range(layers):  # gates: input, forget, cell, output
                self.lstm.get_parameter(f"bias_ih_l{layer}")[width : 2 * width] = 1.0

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Sequences `(n, steps, features)`, tokens `(n, steps)` or images `(n, c, h, w)` to logits `(n, n_classes)`."""
        steps = inputs.transpose(1, 2).flatten(2) if inputs.dim() == 4 else inputs
        states, _ = self.lstm(self.embedding(steps))
        return self.classifier(states.mean(1))


def lstm_small(
    input_shape: tuple[int, ...] = (28, 28),
    n_classes: int = 10,
    vocabulary: int | None = None,
    width: int = 128,
    layers: int = 2,
    embedding: int = 64,
) -> nn.Module:
    """Two layers of 128 LSTM cells: 214,282 weights on steps of 28 features.

    It reads sequences `(steps, features)`, images row by row, each row being a step of `channels * width` features, or
    with a `vocabulary` tokens `(steps,)` through an `embedding` of so many features. Forget gates begin open, with a
    bias of 1 (Jozefowicz et al. 2015), so that early steps are remembered before anything is learnt.

    Raises:
        ModelError: inputs of another shape.
    """
    if vocabulary is not None and len(input_shape) == 1:
        return LSTMClassifier(embedding, n_classes, vocabulary=vocabulary, width=width, layers=layers)
    if vocabulary is None and len(input_shape) in (2, 3):
        steps = input_shape[-2]
        features = math.prod(input_shape) // steps
        return LSTMClassifier(features, n_classes, vocabulary=None, width=width, layers=layers)
    expected = "sequences (steps, features), images (channels, height, width), or tokens (steps,) with a vocabulary"
    words = "no vocabulary" if vocabulary is None else f"a vocabulary of {vocabulary}"
    came = f"inputs of shape {tuple(input_shape)} and {words}"
    raise ModelError.of(expected, came, "reshape them")
