"""Small networks, each with one way of coupling channels: what every rule of the body is tried on.

A new rule of the anatomy comes with a network here, and is then met by all tests of removal, masking, storing and
exporting. `KINDS` names them; each is built by `heredity.testing.networks:NAME` without arguments.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from heredity.anatomy.inputs import InputForm
from heredity.zoo.resnet import BasicBlock

CLASSES = 5
"""Outputs of each."""


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
    """Channels are flattened last, not first."""

    def flat(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


class HardCodedView(nn.Module):
    """A number of features written into a view: the channels before it must stay."""

    def __init__(self) -> None:
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 32, 3, padding=1)
        self.f1, self.f2 = nn.Linear(512, 20), nn.Linear(20, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.c2(F.max_pool2d(F.relu(self.c1(x)), 2))), 2)
        return self.f2(F.relu(self.f1(x.view(-1, 512))))


class InputConcat(nn.Module):
    """What is made is read beside the input itself."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.f = nn.Conv2d(3, 9, 3, padding=1), nn.Conv2d(12, 8, 3), nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.f(F.relu(self.b(torch.cat([x, F.relu(self.a(x))], 1))).mean((2, 3)))


class FlattenConcat(nn.Module):
    """Two flattened maps side by side."""

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
    """A scale for each channel, and one for all."""

    def __init__(self) -> None:
        super().__init__()
        self.c, self.f = nn.Conv2d(3, 8, 3), nn.Linear(8, 5)
        self.scale = nn.Parameter(torch.rand(1, 8, 1, 1))
        self.gain = nn.Parameter(torch.rand(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.f(F.relu(self.c(x) * self.scale * self.gain).mean((2, 3)))


class SqueezeExcite(nn.Module):
    """A gate for each channel, computed from all (Hu et al. 2018)."""

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


class Groups(nn.Module):
    """A depthwise convolution, one of groups of four, a group norm, and a transposed one of groups."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.depthwise = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 16, 3, padding=1, groups=8, bias=False)
        self.norm, self.b = nn.BatchNorm2d(16), nn.Conv2d(16, 12, 1)
        self.grouped, self.group_norm = nn.Conv2d(12, 24, 3, padding=1, groups=3), nn.GroupNorm(6, 24)
        self.c, self.up = nn.Conv2d(24, 8, 1), nn.ConvTranspose2d(8, 12, 2, stride=2, groups=4)
        self.f = nn.Linear(12, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.b(F.relu(self.norm(self.depthwise(self.a(x)))))
        x = F.relu(self.group_norm(self.grouped(x)))
        return self.f(F.relu(self.up(self.c(x))).mean((2, 3)))


class Sequence1d(nn.Module):
    """Convolutions along time, a norm by example, learned slopes, and a gate of halves."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.norm, self.slope = nn.Conv1d(4, 10, 3), nn.InstanceNorm1d(10, affine=True), nn.PReLU(10)
        self.b, self.f = nn.Conv1d(10, 16, 3, dilation=2), nn.Linear(8, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.f(F.glu(self.b(self.slope(self.norm(self.a(x)))), 1).amax(2))


class Volume(nn.Module):
    """Convolutions in space, down and up again."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.norm, self.b = nn.Conv3d(2, 6, 3), nn.BatchNorm3d(6), nn.Conv3d(6, 8, 2, stride=2)
        self.up, self.f = nn.ConvTranspose3d(8, 7, 2, stride=2), nn.Linear(7, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool3d(F.relu(self.norm(self.a(x))), 1)
        return self.f(F.adaptive_avg_pool3d(F.relu(self.up(F.relu(self.b(x)))), 1).flatten(1))


class Shuffles(nn.Module):
    """Halves that go apart and come together shuffled; pixels that become channels and channels pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 12, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.c, self.d = nn.Conv2d(12, 8, 1), nn.Conv2d(2, 6, 3, padding=1)
        self.e, self.f = nn.Conv2d(24, 7, 1), nn.Linear(7, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept, changed = F.relu(self.a(x)).chunk(2, 1)
        x = torch.cat([kept, F.relu(self.b(changed))], 1)
        n, channels, height, width = x.shape
        x = x.view(n, 2, channels // 2, height, width).transpose(1, 2).reshape(n, channels, height, width)
        x = F.relu(self.d(F.pixel_shuffle(self.c(x), 2)))
        return self.f(F.relu(self.e(F.pixel_unshuffle(x, 2))).mean((2, 3)))


class ConvNeXtBlock(nn.Module):
    """A layer norm over channels, which must all stay, and a wide layer inside that may shrink."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.depthwise = nn.Conv2d(3, 8, 4, stride=4), nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.norm, self.wide, self.narrow = nn.LayerNorm(8), nn.Linear(8, 20), nn.Linear(20, 8)
        self.scale, self.f = nn.Parameter(torch.full((8,), 0.1)), nn.Linear(8, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.scale * self.narrow(F.gelu(self.wide(y)))
        return self.f((x + y.permute(0, 3, 1, 2)).mean((2, 3)))


class Transformer(nn.Module):
    """torch's own encoder layers: heads and feed-forward units, with positions and a token of the class."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.token = nn.Conv2d(3, 12, 4, stride=4), nn.Parameter(torch.randn(1, 1, 12))
        self.position = nn.Parameter(torch.randn(1, 17, 12))
        self.first = nn.TransformerEncoderLayer(12, 3, 20, batch_first=True, norm_first=True)
        self.second = nn.TransformerEncoderLayer(12, 4, 16, activation="gelu")
        self.f = nn.Linear(12, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.position
        return self.f(self.second(self.first(x).transpose(0, 1))[0])


class Heads(nn.Module):
    """Attention written by hand, with the number of heads in its views, and a table of biases between positions."""

    def __init__(self) -> None:
        super().__init__()
        self.num_heads, self.head_dim, self.attn_dim = 4, 3, 12
        self.embed, self.qkv, self.norm = nn.Linear(6, 10), nn.Linear(10, 36), nn.LayerNorm(10)
        self.between, self.out = nn.Parameter(torch.randn(16, 4)), nn.Linear(12, 10)
        self.f = nn.Linear(10, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, tokens, _ = x.shape
        x = self.embed(x)
        q, k, v = self.qkv(self.norm(x)).reshape(n, tokens, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) * self.head_dim**-0.5
        scores = scores + self.between.view(tokens, tokens, self.num_heads).permute(2, 0, 1)
        y = (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, tokens, self.attn_dim)
        return self.f(F.relu(x + self.out(y)).mean(1))


class Recurrent(nn.Module):
    """Two layers of LSTM in both directions, a GRU, and its last state."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 6, num_layers=2, bidirectional=True, batch_first=True)
        self.gru, self.f = nn.GRU(12, 7), nn.Linear(7, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x, _ = self.lstm(x)
        _, last = self.gru(x.transpose(0, 1))
        return self.f(last[0])


class Tokens(nn.Module):
    """An embedding that is read by one layer and whose table, turned round, is the weight of another."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.a = nn.Embedding(11, 8), nn.Linear(8, 8)
        self.tied, self.f = nn.Linear(8, 11, bias=False), nn.Linear(11, CLASSES)
        self.tied.weight = self.embed.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.f(F.relu(self.tied(F.relu(self.a(self.embed(x))))).mean(1))


IMAGE = InputForm((3, 16, 16))
KINDS: dict[str, tuple[Callable[[], nn.Module], InputForm]] = {
    "Convolutional": (Convolutional, IMAGE),
    "PermuteFlatten": (PermuteFlatten, IMAGE),
    "InputConcat": (InputConcat, IMAGE),
    "FlattenConcat": (FlattenConcat, IMAGE),
    "Dense": (Dense, IMAGE),
    "UNet": (UNet, IMAGE),
    "Residual": (Residual, IMAGE),
    "UsedTwice": (UsedTwice, IMAGE),
    "ChannelScale": (ChannelScale, IMAGE),
    "SqueezeExcite": (SqueezeExcite, IMAGE),
    "Groups": (Groups, InputForm((3, 8, 8))),
    "Sequence1d": (Sequence1d, InputForm((4, 12))),
    "Volume": (Volume, InputForm((2, 6, 6, 6))),
    "Shuffles": (Shuffles, InputForm((3, 8, 8))),
    "ConvNeXtBlock": (ConvNeXtBlock, IMAGE),
    "Transformer": (Transformer, IMAGE),
    "Heads": (Heads, InputForm((4, 6))),
    "Recurrent": (Recurrent, InputForm((5, 4))),
    "Tokens": (Tokens, InputForm((6,), vocabulary=11)),
}
"""Small networks of every kind by name: their constructor, and what they take."""
