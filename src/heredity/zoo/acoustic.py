"""Acoustic models: networks that read features of speech frame by frame, each with its neighbours.

Features `(channels, frames)` in, and out either logits of the whole, the mean of its frames', or those of every frame
(`framewise`), for CTC. To splice a frame with its neighbours is what a convolution over time does, so that one network
serves recordings of any length.

Every ninth frame is answered, which is 90 ms: a short digit lasts twice as long. That is cheap, and it is what makes
CTC learn fast: where there is an answer every 30 ms, nine of ten say nothing, and a network is long content to say
nothing at all (word error rate after 20 seconds of a core: 32 % against 100 %). Images are read column by column.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from heredity.errors import ModelError
from heredity.zoo.parts import nonlinearity


class Over(NamedTuple):
    """A layer's width, and what it reads: so many frames, so far apart; and how far its answers are apart."""

    width: int
    kernel: int = 1
    dilation: int = 1
    stride: int = 1


class AcousticModel(nn.Module):
    """Convolutions over time, each with a batch norm, and a classifier."""

    def __init__(
        self,
        channels: int,
        n_classes: int,
        *,
        layers: Sequence[Over],
        framewise: bool,
        activation: str,
        dropout: float,
    ) -> None:
        super().__init__()
        self.framewise = framewise
        self.layers = nn.Sequential()
        for number, (width, kernel, dilation, stride) in enumerate(layers, 1):
            convolution = nn.Conv1d(
                channels, width, kernel, stride=stride, dilation=dilation, padding=dilation * (kernel // 2), bias=False
            )
            layer = OrderedDict[str, nn.Module](
                conv=convolution, norm=nn.BatchNorm1d(width), activation=nonlinearity(activation)
            )
            if dropout:
                layer["dropout"] = nn.Dropout(dropout)
            self.layers.add_module(f"layer{number}", nn.Sequential(layer))
            channels = width
        self.classifier = nn.Conv1d(channels, n_classes, 1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Features `(n, channels, frames)` to logits `(n, n_classes)`, or `(n, n_classes, frames / 9)`."""
        logits = self.classifier(self.layers(inputs.flatten(1, -2)))
        return logits if self.framewise else logits.mean(2)


def acoustic_mlp(
    input_shape: tuple[int, ...] = (47, 130),
    n_classes: int = 10,
    framewise: bool = False,
    splice: int = 5,
    width: int = 128,
    depth: int = 6,
    reach: int = 0,
    activation: str = "relu",
    dropout: float = 0.0,
) -> nn.Module:
    """Six hidden layers on frames spliced ±5: 150,922 weights on 47 channels.

    The acoustic model of hybrid recognisers (Hinton et al. 2012), which has 2,048 units a layer for hundreds of hours
    of speech, with a width for minutes. With `reach` its other layers read so many of their neighbours on either side,
    90 ms apart, as well: a time-delay network.

    Raises:
        ModelError: inputs that are no sequences.
    """
    layers = [Over(width, 2 * splice + 1, stride=9), *[Over(width, 2 * reach + 1)] * (depth - 1)]
    return AcousticModel(
        _channels(input_shape), n_classes, layers=layers, framewise=framewise, activation=activation, dropout=dropout
    )


def tdnn(
    input_shape: tuple[int, ...] = (47, 130),
    n_classes: int = 10,
    framewise: bool = False,
    width: int = 64,
    width1: int | None = None,
    width2: int | None = None,
    width3: int | None = None,
    depth: int = 4,
    splice: int = 2,
    reach: int = 1,
    activation: str = "relu",
    dropout: float = 0.0,
) -> nn.Module:
    """A small time-delay network (Waibel et al. 1989; Peddinti et al. 2015): 53,066 weights on 47 channels.

    Layers read 5, 3, 3 and 3 frames of those before them, the first and the third every third one, the last every
    other: each answer comes of 0.53 s, a whole digit. With more `depth` there are more of the last. The first reads
    `splice` frames on either side, the others `reach`; the first three may have other widths than the rest.

    Raises:
        ModelError: inputs that are no sequences, or fewer than three layers.
    """
    if depth < 3:
        raise ModelError.of("a time-delay network of at least 3 layers", depth, "raise depth")
    kernel = 2 * reach + 1
    first = [Over(width1 or width, 2 * splice + 1, stride=3), Over(width2 or width, kernel)]
    last = [Over(width3 or width, kernel, stride=3), *[Over(width, kernel, dilation=2)] * (depth - 3)]
    return AcousticModel(
        _channels(input_shape),
        n_classes,
        layers=[*first, *last],
        framewise=framewise,
        activation=activation,
        dropout=dropout,
    )


def _channels(input_shape: tuple[int, ...]) -> int:
    if len(input_shape) < 2:
        came = f"inputs of shape {tuple(input_shape)}"
        raise ModelError.of("features of shape (channels, frames)", came, "take another network, such as lenet-300-100")
    return math.prod(input_shape[:-1])
