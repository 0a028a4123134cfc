"""LeNets, in the forms in which the literature prunes them."""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F

from heredity.errors import ModelError
from heredity.zoo.parts import image_shape, nonlinearity


def lenet5(
    input_shape: tuple[int, ...] = (1, 28, 28),
    n_classes: int = 10,
    conv1: int = 6,
    conv2: int = 16,
    fc1: int = 120,
    fc2: int = 84,
) -> nn.Module:
    """LeNet-5 (LeCun et al. 1998): 6-16-120-84, with rectifiers; on images below 20 pixels its kernels are 3x3."""
    channels, height, width = image_shape(input_shape)
    kernel = 5 if min(height, width) >= 20 else 3
    flat = conv2 * (height // 4) * (width // 4)
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(channels, conv1, kernel, padding=kernel // 2),
        pool1=nn.MaxPool2d(2),
        relu1=nn.ReLU(),
        conv2=nn.Conv2d(conv1, conv2, kernel, padding=kernel // 2),
        pool2=nn.MaxPool2d(2),
        relu2=nn.ReLU(),
        flatten=nn.Flatten(),
        fc1=nn.Linear(flat, fc1),
        relu3=nn.ReLU(),
        fc2=nn.Linear(fc1, fc2),
        relu4=nn.ReLU(),
        fc3=nn.Linear(fc2, n_classes),
    )
    return nn.Sequential(layers)


def lenet5_caffe(
    input_shape: tuple[int, ...] = (1, 28, 28),
    n_classes: int = 10,
    conv1: int = 20,
    conv2: int = 50,
    fc1: int = 500,
    kernel: int = 5,
    activation: str = "relu",
    dropout: float = 0.0,
) -> nn.Module:
    """The LeNet-5 of Caffe, 20-50-500: 431,080 weights on 28x28 images of ten classes.

    Raises:
        ModelError: kernels that are larger than their images.
    """
    channels, height, width = image_shape(input_shape)
    height, width = (((extent - kernel + 1) // 2 - kernel + 1) // 2 for extent in (height, width))
    if min(height, width) < 1:
        raise ModelError.of("kernels that fit into their images", f"a kernel of {kernel}", "lower it")
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(channels, conv1, kernel),
        pool1=nn.MaxPool2d(2),
        relu1=nonlinearity(activation),
        conv2=nn.Conv2d(conv1, conv2, kernel),
        pool2=nn.MaxPool2d(2),
        relu2=nonlinearity(activation),
        flatten=nn.Flatten(),
        fc1=nn.Linear(conv2 * height * width, fc1),
        relu3=nonlinearity(activation),
    )
    if dropout:
        layers["dropout"] = nn.Dropout(dropout)
    layers["fc2"] = nn.Linear(fc1, n_classes)
    return nn.Sequential(layers)


class LeNet5Synthesis(nn.Module):
    """The LeNet of the evolutionary synthesis papers: 32-32-64-64 filters on 32x32 images (28x28 are padded).

    Without biases and classifier it has 143,136 synapses in 7,200 kernels for one input channel, and 144,736 in 7,264
    for three: the counts that the papers start from (Shafiee & Wong 2016, Chung et al. 2017).
    """

    def __init__(self, channels: int, n_classes: int, padding: int, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        first, second, third, fourth = widths
        self.padding = padding
        self.conv1 = nn.Conv2d(channels, first, 5, padding=2)
        self.conv2 = nn.Conv2d(first, second, 5, padding=2)
        self.conv3 = nn.Conv2d(second, third, 5, padding=2)
        self.conv4 = nn.Conv2d(third, fourth, 4)
        self.classifier = nn.Conv2d(fourth, n_classes, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images `(n, channels, 32, 32)`, or 28x28, to logits `(n, n_classes)`."""
        x = F.pad(images, (self.padding,) * 4)
        x = F.relu(F.max_pool2d(self.conv1(x), 3, 2, ceil_mode=True))
        x = F.avg_pool2d(F.relu(self.conv2(x)), 3, 2, ceil_mode=True)
        x = F.avg_pool2d(F.relu(self.conv3(x)), 3, 2, ceil_mode=True)
        return self.classifier(F.relu(self.conv4(x))).flatten(1)


def lenet5_synthesis(
    input_shape: tuple[int, ...] = (1, 28, 28),
    n_classes: int = 10,
    conv1: int = 32,
    conv2: int = 32,
    conv3: int = 64,
    conv4: int = 64,
) -> nn.Module:
    """See `LeNet5Synthesis`."""
    channels, height, _ = image_shape(input_shape)
    return LeNet5Synthesis(channels, n_classes, (32 - height) // 2, (conv1, conv2, conv3, conv4))


class LeNet300100(nn.Module):
    """LeNet-300-100 (LeCun et al. 1998): two hidden layers; 266,610 weights on 28x28 images of ten classes."""

    def __init__(self, features: int, n_classes: int, fc1: int, fc2: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(features, fc1)
        self.fc2 = nn.Linear(fc1, fc2)
        self.fc3 = nn.Linear(fc2, n_classes)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Inputs `(n, ...)` to logits `(n, n_classes)`."""
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(inputs.flatten(1))))))


def lenet_300_100(
    input_shape: tuple[int, ...] = (1, 28, 28), n_classes: int = 10, fc1: int = 300, fc2: int = 100
) -> nn.Module:
    """See `LeNet300100`."""
    return LeNet300100(math.prod(input_shape), n_classes, fc1, fc2)
