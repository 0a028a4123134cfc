"""Single operations between a layer that makes channels and one that reads them: which clusters can go, and why not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.trace import trace

Operation = Callable[[torch.Tensor], torch.Tensor]


class Between(nn.Module):
    """Convolution `a` of 8 channels, `operation`, and whatever reads all that is left."""

    def __init__(self, operation: Operation, features: int) -> None:
        super().__init__()
        self.a, self.operation, self.out = nn.Conv2d(3, 8, 3, padding=1), operation, nn.Linear(features, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.operation(self.a(x)).flatten(1))


def between(operation: Operation) -> Anatomy:
    """The anatomy of the network with this operation on `(n, 8, 6, 6)`."""
    features = operation(torch.zeros(2, 8, 6, 6)).flatten(1).shape[1]
    return trace(Between(operation, features), (3, 6, 6))


def paired(x: torch.Tensor) -> torch.Tensor:
    """Channel i is added to channel i + 4: they go together."""
    a, b = x.chunk(2, 1)
    return a + b


HARMLESS: dict[str, Operation] = {
    "relu": F.relu,
    "in place": lambda x: x.add_(1).relu_(),
    "scalars": lambda x: 2 - x / 3,
    "clamp": lambda x: x.clamp(-1, 1),
    "dropout": lambda x: F.dropout(x, 0.5, False),
    "a square of itself": lambda x: x * x,
    "flip of positions": lambda x: x.flip(3),
    "permutation": lambda x: x.permute(3, 0, 1, 2).permute(1, 0, 3, 2),
    "a slice of positions": lambda x: x[:, :, 1:4, ::2],
    "padding": lambda x: F.pad(x, (1, 2, 0, 1)),
    "padding with a value": lambda x: F.pad(x, (1, 1), value=3.5),
    "reflection": lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"),
    "pooling": lambda x: F.avg_pool2d(F.max_pool2d(x, 2), 3, 1, 1),
    "adaptive pooling": lambda x: F.adaptive_max_pool2d(x, 2),
    "bilinear": lambda x: F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False),
    "mean over positions": lambda x: x.mean((2, 3)),
    "kept mean": lambda x: x - x.mean((2, 3), keepdim=True),
    "amax by name": lambda x: x.amax(dim=-1),
    "norm": lambda x: x.norm(2, dim=2),
    "stack": lambda x: torch.stack([x, x + 1], 2),
    "shuffle of positions": lambda x: F.pixel_unshuffle(x, 2),
    "channels turned round": lambda x: x.flip(1),
    "unbind and cat": lambda x: torch.cat([c[:, None] for c in x.unbind(1)][::-1], 1),
    "a list of tokens": lambda x: x.flatten(2).transpose(1, 2),
    "a broadcast position": lambda x: x + x[:, :, :1],
    "where": lambda x: torch.where(x > 0, x, 0.1 * x),
    "a product within each channel": lambda x: x @ x.transpose(2, 3),
    "softmax over positions": lambda x: x.softmax(-1),
    "instance norm": F.instance_norm,
    "a mask": lambda x: x.masked_fill(x.sum((2, 3), keepdim=True) > 0, -1.0),
    "the largest position": lambda x: x.max(dim=-1).values,
    "the larger of two": lambda x: torch.max(x, 0.1 * x),
    "layer norm over positions": lambda x: F.layer_norm(x, x.shape[2:]),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_operations_that_restrain_nobody(name: str) -> None:
    assert between(HARMLESS[name]).sizes == {"a": 8}


FIXING: dict[str, tuple[Operation, str]] = {
    "cumprod": (lambda x: x.cumprod(1), "operation cumprod is not understood"),
    "softmax": (lambda x: x.softmax(1), "softmax sees all of its channels"),
    "cumsum": (lambda x: x.cumsum(1), "cumsum sees all of its channels"),
    "layer norm": (lambda x: F.layer_norm(x, x.shape[1:]), "layer_norm sees all of its channels"),
    "length one": (lambda x: F.normalize(x), "normalize sees all of its channels"),
    "one group": (lambda x: F.group_norm(x, 1), "its channels go together or not at all"),
    "groups by number": (lambda x: F.group_norm(x, 4), "removal trial: "),
    "products of all channels": (
        lambda x: torch.einsum("nihw,njhw->nij", x, x),
        "its channels go together or not at all",
    ),
    "a product with a constant": (lambda x: x.movedim(1, -1) @ torch.ones(8, 2), "matmul with what no cluster owns"),
    "channels by number": (lambda x: x[:, 2:7], "removal trial: "),
    "channels by turns": (lambda x: x.roll(3, 1), "removal trial: "),
    "channels by counts": (lambda x: torch.cat(x.split([3, 5], 1), 1), "removal trial: "),
    "mean over channels": (lambda x: x.mean(1), "mean across clusters"),
    "mean over all": (lambda x: x.mean((1, 2, 3), keepdim=True), "mean across clusters"),
    "pooling across channels": (
        lambda x: F.max_pool2d(x.flatten(2).transpose(1, 2)[:, None], 2),
        "max_pool2d across clusters",
    ),
    "one channel to all": (lambda x: x * x[:, :1], "with broadcasting"),
    "a constant per channel": (lambda x: x + torch.ones(8, 1, 1), "add with what no cluster owns"),
    "written into a view": (lambda x: F.relu(x)[:, :4].mul_(2), "mul_ on a view"),
    "an index of floats": (lambda x: x.clone().index_fill(1, torch.tensor([0]), 1.0), "index_fill is not understood"),
}


@pytest.mark.parametrize("name", FIXING)
def test_what_is_fixed_is_fixed_by_name(name: str) -> None:
    operation, reason = FIXING[name]
    reasons = [fixed.reason for fixed in between(operation).fixed if fixed.name == "a"]
    assert any(reason in why for why in reasons), reasons


def test_padding_beside_channels_is_nobodys() -> None:
    """The shortcut of ResNets for CIFAR: new channels are zeros, so what they meet must stay."""

    class Padded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.out = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 6, 3, padding=1), nn.Linear(6, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.a(x)
            return self.out((F.pad(y, (0, 0, 0, 0, 1, 1)) + self.b(y)).mean((2, 3)))

    anatomy = trace(Padded(), (3, 8, 8))
    assert anatomy.sizes == {"a": 4}
    (fixed,) = (fixed for fixed in anatomy.fixed if fixed.name == "b")
    assert (fixed.clusters, fixed.reason) == (2, "add with what no cluster owns")


def test_only_the_channel_that_is_broadcast_must_stay() -> None:
    anatomy = between(FIXING["one channel to all"][0])
    assert anatomy.sizes == {"a": 7}


def test_channels_that_meet_are_one_cluster() -> None:
    anatomy = between(paired)
    assert anatomy.sizes == {"a": 4}
    made = next(s for s in anatomy.families[0].slices if s.tensor == "a.weight")
    assert made.positions.tolist() == [[0, 4], [1, 5], [2, 6], [3, 7]]


class Grouped(nn.Module):
    """A convolution of 8 channels that a grouped one reads."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.a, self.g, self.out = nn.Conv2d(3, 8, 3), layer, nn.LazyLinear(5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.g(self.a(x)).mean((2, 3)))


@pytest.mark.parametrize(
    ("layer", "groups"),
    [
        (nn.Conv2d(8, 8, 3, groups=4), 4),
        (nn.Conv2d(8, 12, 3, groups=4), 4),
        (nn.Conv2d(8, 8, 3, groups=8), 8),
        (nn.Conv2d(8, 24, 3, groups=8, bias=False), 8),
        (nn.ConvTranspose2d(8, 12, 3, groups=4), 4),
        (nn.ConvTranspose2d(8, 8, 3, groups=8), 8),
        (nn.GroupNorm(4, 8), 4),
        (nn.GroupNorm(8, 8), 8),
    ],
)
def test_groups_go_as_a_whole(layer: nn.Module, groups: int) -> None:
    network = Grouped(layer)
    network(torch.zeros(2, 3, 8, 8))  # the size of the last layer
    anatomy = trace(network, (3, 8, 8))
    assert anatomy.sizes == {"a": groups}
    assert [fixed.name for fixed in anatomy.fixed] == ["out"]


def test_a_depthwise_convolution_of_the_input_has_nothing_to_give() -> None:
    network = nn.Sequential(nn.Conv2d(3, 6, 3, groups=3), nn.Flatten(), nn.Linear(6 * 36, 5))
    anatomy = trace(network, (3, 8, 8))
    assert anatomy.families == ()
    assert anatomy.fixed[0].reason == "grouped convolution of what no cluster owns"


def test_a_computed_weight_fixes_what_it_reads() -> None:
    class Normed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.out = nn.Linear(4, 8), nn.Linear(8, 6), nn.Linear(6, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.out(F.linear(self.a(x), self.b.weight / self.b.weight.norm(), self.b.bias))

    anatomy = trace(Normed(), (4,))
    assert "a" not in anatomy.sizes
    assert "linear with a computed weight" in {fixed.reason for fixed in anatomy.fixed}


@pytest.mark.parametrize("dims", [1, 3])
def test_other_dimensions_and_transposed_convolutions(dims: int) -> None:
    conv, up, norm = {
        1: (nn.Conv1d, nn.ConvTranspose1d, nn.BatchNorm1d),
        3: (nn.Conv3d, nn.ConvTranspose3d, nn.BatchNorm3d),
    }[dims]
    module = nn.Sequential(
        conv(2, 6, 3), norm(6), up(6, 4, 2), nn.ReLU(), conv(4, 3, 1), nn.Flatten(), nn.LazyLinear(5)
    )
    module(torch.zeros(2, 2, *[5] * dims))
    anatomy = trace(module, (2, *[5] * dims))
    assert anatomy.sizes == {"0": 6, "2": 4, "4": 3}
    slices = {(s.tensor, s.dim, s.role) for s in anatomy.by_name["0"].slices}
    assert ("2.weight", 0, "read") in slices, "transposed convolutions store (in, out, ...)"
    assert ("2.weight", 1, "made") in {(s.tensor, s.dim, s.role) for s in anatomy.by_name["2"].slices}


def test_a_norm_of_its_own_position_folds_and_others_do_not() -> None:
    class Norms(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)
            self.folds, self.heard_twice, self.out = nn.BatchNorm2d(4), nn.BatchNorm2d(4), nn.Linear(4, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.b(F.relu(self.folds(self.a(x))))
            return self.out((self.heard_twice(y) + y).mean((2, 3)))

    assert dict(trace(Norms(), (3, 8, 8)).folds) == {"folds": "a.weight"}
