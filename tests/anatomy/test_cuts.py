"""Cuts are told where a few weights read what a layer returns, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from heredity.anatomy.cuts import Cut, cuts_of
from heredity.anatomy.inputs import InputForm

Forward = Callable[["Layers", torch.Tensor], torch.Tensor]


class Layers(nn.Module):
    """Some layers, and what is done with them."""

    def __init__(self, forward: Forward) -> None:
        super().__init__()
        self.a, self.b, self.relu, self.pool = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.ReLU(), nn.AvgPool2d(2)
        self.grouped, self.same, self.f = nn.Conv2d(4, 4, 1, groups=4), nn.Identity(), nn.Linear(4, 5)
        self.written, self._forward = nn.ReLU(inplace=True), forward

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._forward(self, x)


def cuts(forward: Forward) -> dict[str, Cut]:
    return cuts_of(Layers(forward), InputForm((3, 6, 6)))


def headed(net: Layers, x: torch.Tensor) -> torch.Tensor:
    return net.f(x.mean((2, 3)))


def test_readers_are_met_by_way_of_what_a_relu_passes() -> None:
    found = cuts(lambda net, x: net.f(F.max_pool2d(net.relu(net.a(x)), 4).flatten(1)))
    assert found["a"] == Cut(("f.weight",), rectified=True, negative=True)
    assert found["relu"] == Cut(("f.weight",), rectified=False, negative=False)
    assert found["a"].takes_identity
    assert found["relu"].takes_identity
    assert "f" not in found


def test_all_readers_count() -> None:
    def both(net: Layers, x: torch.Tensor) -> torch.Tensor:
        y = net.pool(net.a(x))
        return headed(net, net.b(y.relu())) + F.linear(y.relu().mean((2, 3)), net.more)

    network = Layers(both)
    network.more = nn.Parameter(torch.ones(5, 4))
    assert cuts_of(network, InputForm((3, 6, 6)))["pool"] == Cut(("b.weight", "more"), rectified=True, negative=True)


@pytest.mark.parametrize(
    ("forward", "takes"),
    [
        (lambda net, x: headed(net, net.a(x).relu()), True),
        (lambda net, x: headed(net, net.written(net.a(x))), True),
        (lambda net, x: headed(net, net.a(x)), False),
        (lambda net, x: headed(net, net.pool(net.a(x)).relu()), False),
        (lambda net, x: headed(net, F.leaky_relu(net.a(x))), None),
        (lambda net, x: headed(net, (y := net.a(x)).relu() + y), None),
        (lambda net, x: headed(net, net.grouped(net.a(x).relu())), None),
        (lambda net, x: net.f(net.a(x).relu().view(len(x), 4, -1).mean(2)), None),
        (lambda net, x: net.a(x).relu(), None),
        (lambda net, x: headed(net, net.b(net.a(x).relu()) * net.b(net.a(x).relu())), None),
    ],
)
def test_whether_an_identity_may_follow(forward: Forward, takes: bool | None) -> None:
    found = cuts(forward).get("a")
    assert (None if found is None else found.takes_identity) == takes


def test_layers_that_return_what_they_take_have_no_cut() -> None:
    """Who reads what they take cannot be told from who reads what they return."""
    assert {"same", "written"}.isdisjoint(cuts(lambda net, x: headed(net, net.written(net.same(net.a(x))))))


def test_what_was_written_into_may_be_negative() -> None:
    found = cuts(lambda net, x: headed(net, net.pool(net.relu(net.a(x)).sub_(1))))
    assert found["pool"].negative
    assert not cuts(lambda net, x: headed(net, net.pool(net.relu(net.a(x)))))["pool"].negative
