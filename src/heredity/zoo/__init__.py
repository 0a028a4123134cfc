"""Ancestors by name. Each is a function `(input_shape, n_classes) -> nn.Module`."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from heredity.zoo.lenet import lenet5, lenet5_caffe, lenet5_synthesis, lenet_300_100
from heredity.zoo.resnet import resnet20

ZOO: dict[str, Callable[..., nn.Module]] = {
    "lenet5": lenet5,
    "lenet5-caffe": lenet5_caffe,
    "lenet5-synthesis": lenet5_synthesis,
    "lenet-300-100": lenet_300_100,
    "resnet20": resnet20,
}
"""The networks that `--model` knows by name."""
