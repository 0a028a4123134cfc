"""AlexNet for small images (after Krizhevsky et al. 2012)."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from heredity.zoo.parts import image_shape


def alexnet_cifar(
    input_shape: tuple[int, ...] = (3, 32, 32),
    n_classes: int = 10,
    conv1: int = 48,
    conv2: int = 128,
    conv3: int = 192,
    conv4: int = 192,
    conv5: int = 128,
    fc6: int = 512,
    fc7: int = 512,
) -> nn.Module:
    """AlexNet with the filters of one of the two halves that it was trained in, 48-128-192-192-128: 2,248,906 weights.

    An AlexNet is the ancestor of the CIFAR-10 experiments on evolutionary synthesis (Shafiee & Wong 2016). This one is
    this project's choice; it departs from the original where 32x32 images ask for it: its first kernels are 5x5 without
    stride instead of 11x11 with one of 4, and its dense layers have 512 units instead of 4096. There is no response
    normalisation, and no dropout: offspring with a fraction of the units cannot spare half of them.

    Without any norm, eight layers hardly learn from PyTorch's initialisation; they get He's.
    """
    channels, height, width = image_shape(input_shape)
    for _ in range(3):  # three pools, each of which rounds up
        height, width = (height + 1) // 2, (width + 1) // 2
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(channels, conv1, 5, padding=2),
        relu1=nn.ReLU(),
        pool1=nn.MaxPool2d(3, 2, padding=1),
        conv2=nn.Conv2d(conv1, conv2, 5, padding=2),
        relu2=nn.ReLU(),
        pool2=nn.MaxPool2d(3, 2, padding=1),
        conv3=nn.Conv2d(conv2, conv3, 3, padding=1),
        relu3=nn.ReLU(),
        conv4=nn.Conv2d(conv3, conv4, 3, padding=1),
        relu4=nn.ReLU(),
        conv5=nn.Conv2d(conv4, conv5, 3, padding=1),
        relu5=nn.ReLU(),
        pool5=nn.MaxPool2d(3, 2, padding=1),
        flatten=nn.Flatten(),
        fc6=nn.Linear(conv5 * height * width, fc6),
        relu6=nn.ReLU(),
        fc7=nn.Linear(fc6, fc7),
        relu7=nn.ReLU(),
        fc8=nn.Linear(fc7, n_classes),
    )
    for name, layer in layers.items():
        if name != "fc8" and isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return nn.Sequential(layers)
