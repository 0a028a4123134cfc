"""Ancestors by name. Each is a function `(input_shape, n_classes) -> nn.Module`, which adapts to other shapes of input.

A constructor's defaults say what it is meant for: `defaults` reads them. Networks of torchvision and timm are in
`heredity.zoo.vision`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from torch import nn

from heredity.zoo.acoustic import acoustic_mlp, tdnn
from heredity.zoo.alexnet import alexnet_cifar
from heredity.zoo.cnn import cnn_small
from heredity.zoo.convnext import convnext_cifar
from heredity.zoo.densenet import densenet_cifar
from heredity.zoo.inception import inception_cifar, inception_small
from heredity.zoo.lenet import lenet5, lenet5_caffe, lenet5_synthesis, lenet_300_100
from heredity.zoo.lstm import lstm_small
from heredity.zoo.mobilenet import mobilenetv2_cifar
from heredity.zoo.resnet import resnet20, resnet56
from heredity.zoo.resnext import resnext_cifar
from heredity.zoo.unet import unet_small
from heredity.zoo.vgg import vgg16_bn
from heredity.zoo.vit import vit_tiny

ZOO: dict[str, Callable[..., nn.Module]] = {
    "lenet5": lenet5,
    "lenet5-caffe": lenet5_caffe,
    "lenet5-synthesis": lenet5_synthesis,
    "lenet-300-100": lenet_300_100,
    "alexnet-cifar": alexnet_cifar,
    "cnn-small": cnn_small,
    "vgg16-bn": vgg16_bn,
    "inception-cifar": inception_cifar,
    "inception-small": inception_small,
    "resnet20": resnet20,
    "resnet56": resnet56,
    "resnext-cifar": resnext_cifar,
    "densenet-cifar": densenet_cifar,
    "mobilenetv2-cifar": mobilenetv2_cifar,
    "convnext-cifar": convnext_cifar,
    "vit-tiny": vit_tiny,
    "unet-small": unet_small,
    "lstm-small": lstm_small,
    "acoustic-mlp": acoustic_mlp,
    "tdnn": tdnn,
}
"""The networks that `--model` knows by name."""

OFFERED = ("input_shape", "n_classes", "vocabulary", "framewise")
"""What constructors are told of the data, as far as their signatures name it."""


def defaults(make: Callable[..., Any]) -> dict[str, Any]:
    """What a constructor builds for unless told otherwise: those of `OFFERED` that have a default in its signature."""
    try:
        parameters = inspect.signature(make).parameters
    except (TypeError, ValueError):  # builtins have none
        return {}
    return {name: p.default for name in OFFERED if (p := parameters.get(name)) and p.default is not p.empty}
