"""Small networks, each with one way of coupling channels, and what a person finds in them by reading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from heredity.zoo.lenet import lenet5, lenet5_caffe, lenet5_synthesis, lenet_300_100
from heredity.zoo.resnet import BasicBlock, resnet20

RGB = (3, 16, 16)


class Convolutional(nn.Module):
    """Two convolutions and two linear layers; 4x4 positions are left at `flat`."""

    def __init__(self) -> None:
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 6, 3, padding=1)
        self.f1, self.f2 = nn.Linear(96, 20), nn.Linear(20, 5)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return F.max_pool2d(F.relu(self.c2(F.max_pool2d(F.relu(self.c1(x)), 2))), 2)

    def flat(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.f2(F.relu(self.f1(self.flat(self.features(x)))))


class PermuteFlatten(Convolutional):
    def flat(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


class HardCodedView(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 32, 3, padding=1)
        self.f1, self.f2 = nn.Linear(512, 20), nn.Linear(20, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.c2(F.max_pool2d(F.relu(self.c1(x)), 2))), 2)
        return self.f2(F.relu(self.f1(x.view(-1, 512))))


class InputConcat(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.f = nn.Conv2d(3, 9, 3, padding=1), nn.Conv2d(12, 8, 3), nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.f(F.relu(self.b(torch.cat([x, F.relu(self.a(x))], 1))).mean((2, 3)))


class FlattenConcat(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 7, 3, stride=4), nn.Conv2d(3, 6, 5, stride=8)
        self.f = nn.Linear(7 * 16 + 6 * 4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.f(torch.cat([F.relu(self.a(x)).flatten(1), F.relu(self.b(x)).flatten(1)], 1))


class Dense(nn.Module):
    """DenseNet's way: every layer reads all that came before, through a norm of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Conv2d(3, 12, 3, padding=1)
        widths = (12, 18, 24)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths)
        self.layers = nn.ModuleList(nn.Conv2d(width, 6, 3, padding=1) for width in widths)
        self.f = nn.Linear(30, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.c(x)
        for norm, layer in zip(self.norms, self.layers, strict=True):
            x = torch.cat([x, layer(F.relu(norm(x)))], 1)
        return self.f(F.adaptive_avg_pool2d(x, 1).flatten(1))


class UNet(nn.Module):
    """Down, up by interpolation, and a concatenation across."""

    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2 = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 10, 3, padding=1)
        self.up, self.out = nn.Conv2d(16, 8, 3, padding=1), nn.Conv2d(8, 5, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        fine = F.relu(self.down1(x))
        coarse = F.relu(self.down2(F.max_pool2d(fine, 2)))
        raised = F.interpolate(coarse, scale_factor=2.0, mode="nearest")
        return self.out(F.relu(self.up(torch.cat([fine, raised], 1)))).mean((2, 3))


class Residual(nn.Module):
    """A stem, a block with an identity shortcut, and one with a projection."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.identity, self.projected = BasicBlock(6, 6, 1), BasicBlock(6, 10, 2)
        self.f = nn.Linear(10, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.f(self.projected(self.identity(F.relu(self.stem(x)))).mean((2, 3)))


class UsedTwice(nn.Module):
    """`c` reads what it makes: its inputs and outputs are one family, with the stem's."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.c, self.f = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, padding=1), nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.f(F.relu(self.c(F.relu(self.c(F.relu(self.stem(x)))))).mean((2, 3)))


class ChannelScale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c, self.f = nn.Conv2d(3, 8, 3), nn.Linear(8, 5)
        self.scale = nn.Parameter(torch.rand(1, 8, 1, 1))
        self.gain = nn.Parameter(torch.rand(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.f(F.relu(self.c(x) * self.scale * self.gain).mean((2, 3)))


class SqueezeExcite(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c, self.f = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 5)
        self.squeeze, self.excite = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.c(x)
        gate = torch.sigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(y, 1)))))
        return self.f((y * gate).mean((2, 3)))


class UnknownOperation(nn.Module):
    """A running product over channels, which no rule knows."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.f = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 6, 3), nn.Linear(6, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.f(F.relu(self.b(self.a(x).cumprod(1))).mean((2, 3)))


class ConstantShortcut(nn.Module):
    """The input itself is added: those channels cannot go, the others can."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.f = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 7, 3), nn.Linear(7, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.f(F.relu(self.b(F.relu(self.a(x)) + x)).mean((2, 3)))


@dataclass(frozen=True)
class Case:
    """A network, its input's shape, the sizes of its families, and for what is fixed a part of the reason."""

    make: Callable[[], nn.Module]
    families: dict[str, int]
    shape: tuple[int, ...] = RGB
    fixed: dict[str, str] = field(default_factory=dict)


OUTPUT = "output of the network"
CASES = {
    "lenet5": Case(
        lambda: lenet5((1, 8, 8)), {"conv1": 6, "conv2": 16, "fc1": 120, "fc2": 84}, (1, 8, 8), {"fc3": OUTPUT}
    ),
    "lenet5-caffe": Case(lenet5_caffe, {"conv1": 20, "conv2": 50, "fc1": 500}, (1, 28, 28), {"fc2": OUTPUT}),
    "lenet5-synthesis": Case(
        lenet5_synthesis,
        {"conv1": 32, "conv2": 32, "conv3": 64, "conv4": 64},
        (1, 28, 28),
        {"classifier": OUTPUT},
    ),
    "lenet-300-100": Case(lenet_300_100, {"fc1": 300, "fc2": 100}, (1, 28, 28), {"fc3": OUTPUT}),
    "resnet20": Case(
        lambda: resnet20(RGB),
        {
            "conv1": 16,
            **{f"stage{s}.{b}.conv1": width for s, width in ((1, 16), (2, 32), (3, 64)) for b in range(3)},
            "stage2.0.conv2": 32,
            "stage3.0.conv2": 64,
        },
        RGB,
        {"classifier": OUTPUT},
    ),
    "flatten": Case(Convolutional, {"c1": 8, "c2": 6, "f1": 20}, RGB, {"f2": OUTPUT}),
    "permute-flatten": Case(PermuteFlatten, {"c1": 8, "c2": 6, "f1": 20}, RGB, {"f2": OUTPUT}),
    "input-concat": Case(InputConcat, {"a": 9, "b": 8}, RGB, {"f": OUTPUT}),
    "flatten-concat": Case(FlattenConcat, {"a": 7, "b": 6}, RGB, {"f": OUTPUT}),
    "dense": Case(Dense, {"c": 12, "layers.0": 6, "layers.1": 6, "layers.2": 6}, RGB, {"f": OUTPUT}),
    "u-net": Case(UNet, {"down1": 6, "down2": 10, "up": 8}, RGB, {"out": OUTPUT}),
    "residual": Case(
        Residual,
        {"stem": 6, "identity.conv1": 6, "projected.conv1": 10, "projected.conv2": 10},
        RGB,
        {"f": OUTPUT},
    ),
    "used-twice": Case(UsedTwice, {"stem": 8}, RGB, {"f": OUTPUT}),
    "channel-scale": Case(ChannelScale, {"c": 8}, RGB, {"f": OUTPUT}),
    "squeeze-excite": Case(SqueezeExcite, {"c": 8, "squeeze": 4}, RGB, {"f": OUTPUT}),
    "hard-coded-view": Case(HardCodedView, {"c1": 8, "f1": 20}, RGB, {"f2": OUTPUT, "c2": "removal trial: "}),
    "unknown-operation": Case(UnknownOperation, {"b": 6}, RGB, {"f": OUTPUT, "a": "operation cumprod"}),
    "constant-shortcut": Case(ConstantShortcut, {"b": 7}, RGB, {"f": OUTPUT, "a": "add"}),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    """Each of the networks above."""
    return CASES[request.param]
