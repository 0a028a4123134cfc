"""Small networks, each with one way of coupling channels, and what a person finds in them by reading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from torch import nn

from heredity.testing.networks import (
    ChannelScale,
    ConstantShortcut,
    ConvNeXtBlock,
    Convolutional,
    Dense,
    FlattenConcat,
    Groups,
    HardCodedView,
    Heads,
    InputConcat,
    PermuteFlatten,
    Recurrent,
    Residual,
    Sequence1d,
    Shuffles,
    SqueezeExcite,
    Transformer,
    UNet,
    UnknownOperation,
    UsedTwice,
    Volume,
)
from heredity.zoo.lenet import lenet5, lenet5_caffe, lenet5_synthesis, lenet_300_100
from heredity.zoo.resnet import resnet20

RGB = (3, 16, 16)


@dataclass(frozen=True)
class Case:
    """A network, its input's shape, the sizes of its families, and for what is fixed a part of the reason."""

    make: Callable[[], nn.Module]
    families: dict[str, int]
    shape: tuple[int, ...] = RGB
    fixed: dict[str, str] = field(default_factory=dict)


OUTPUT = "output of the network"
RESIDUAL_STREAM = (
    "patches",
    "first.self_attn.out_proj",
    "first.linear2",
    "second.self_attn.out_proj",
    "second.linear2",
)
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
    "groups": Case(Groups, {"a": 8, "b": 3, "c": 4}, (3, 8, 8), {"f": OUTPUT}),
    "sequence": Case(Sequence1d, {"a": 10, "b": 8}, (4, 12), {"f": OUTPUT}),
    "volume": Case(Volume, {"a": 6, "b": 8, "up": 7}, (2, 6, 6, 6), {"f": OUTPUT}),
    "shuffles": Case(Shuffles, {"a": 6, "c": 2, "d": 6, "e": 7}, (3, 8, 8), {"f": OUTPUT}),
    "convnext-block": Case(
        ConvNeXtBlock,
        {"wide": 20},
        RGB,
        {"f": OUTPUT, **dict.fromkeys(("stem", "depthwise", "narrow"), "layer_norm sees all")},
    ),
    "transformer": Case(
        Transformer,
        {"first.self_attn": 3, "first.linear1": 20, "second.self_attn": 4, "second.linear1": 16},
        RGB,
        {
            "f": OUTPUT,
            **dict.fromkeys(RESIDUAL_STREAM, "add with what no cluster owns"),
        },
    ),
    "heads": Case(
        Heads, {"qkv": 4}, (4, 6), {"f": OUTPUT, "embed": "layer_norm sees all", "out": "layer_norm sees all"}
    ),
    "recurrent": Case(Recurrent, {"lstm": 6, "gru": 7}, (5, 4), {"f": OUTPUT}),
    "hard-coded-view": Case(HardCodedView, {"c1": 8, "f1": 20}, RGB, {"f2": OUTPUT, "c2": "removal trial: "}),
    "unknown-operation": Case(UnknownOperation, {"b": 6}, RGB, {"f": OUTPUT, "a": "operation cumprod"}),
    "constant-shortcut": Case(ConstantShortcut, {"b": 7}, RGB, {"f": OUTPUT, "a": "add"}),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    """Each of the networks above."""
    return CASES[request.param]
