from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import heredity
from heredity.errors import InputError


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 24), nn.ReLU(), nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, 3))


def trained(prior: heredity.Regulariser, net: nn.Module, steps: int = 400) -> None:
    """A loop of one's own, on three clouds of points."""
    labels = torch.arange(60) % 3
    inputs = torch.randn(60, 1, 4, 4, generator=torch.Generator().manual_seed(1)) + labels[:, None, None, None]
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    for step in range(steps):
        optimiser.zero_grad()
        F.cross_entropy(net(inputs), labels).backward()
        prior(step / steps)
        optimiser.step()
    assert (net(inputs).argmax(1) == labels).float().mean() > 0.9


def test_the_share_goes_and_nobody_notices() -> None:
    net = network()
    prior = heredity.Regulariser(net, (1, 4, 4), heredity.GroupPrior(share=0.5))
    trained(prior, net)
    with warnings.catch_warnings(action="error"):
        small, inputs = prior.reduced(), torch.randn(8, 1, 4, 4)
    whole, left = (sum(p.numel() for p in one.parameters()) for one in (net, small))
    assert 0.5 <= 1 - left / whole < 0.56
    with torch.no_grad():
        assert torch.allclose(net(inputs), small(inputs), atol=0.05)
    assert small.training


def test_who_goes_is_said_by_a_mixture_too() -> None:
    net = network()
    mixture = heredity.Mixture((heredity.Component(0.5, 0.0, 0.1), heredity.Component(0.5, 1.0, 0.3)))
    prior = heredity.Regulariser(net, (1, 4, 4), heredity.GroupPrior(mixtures={"": mixture}))
    with torch.no_grad():
        for name in ("1.weight", "1.bias"):
            net.get_parameter(name)[:10] = 0
        net.get_parameter("3.weight")[:, :10] = 0
    assert prior.reduced().get_parameter("1.weight").shape == (14, 16)


@pytest.mark.parametrize(
    ("prior", "expected"),
    [
        (heredity.GroupPrior(share=0.9999), "a share that can go; came 99.99 %"),
        (heredity.GroupPrior(share=0.5, strengths={"fc9": 2.0}), "strengths of families of the network; came fc9"),
        (heredity.GroupPrior(share=1e-5), "a share that can go; came 0.001 %, where clusters are .*; ask for 3.2 %"),
        (heredity.GroupPrior(share=0.5, norm="nowhere.py:norm"), "a norm reference that can be imported"),
        (heredity.GroupPrior(share=0.5, cost="bytes"), "fields of a prior .* came Invalid enum value 'bytes'"),
        (heredity.GroupPrior(share=0.5, families="xy"), "fields of a prior .* came Expected `array`, got `str`"),
    ],
)
def test_what_does_not_fit_is_refused(prior: heredity.GroupPrior, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        heredity.Regulariser(network(), (1, 4, 4), prior)


@pytest.mark.parametrize("progress", [0.2, 1.5, float("nan")])
def test_a_progress_that_begins_anew_is_refused(progress: float) -> None:
    prior = heredity.Regulariser(network(), (1, 4, 4), heredity.GroupPrior(share=0.5))
    prior(0.5)
    with pytest.raises(InputError, match=r"a progress from 0\.5, where it was, to 1; came .*all epochs"):
        prior(progress)


def test_a_network_is_reduced_to_itself_whoever_else_has_a_prior() -> None:
    """Two of equal tensors, in whose loops settings are compared."""
    slopes, priors = [0.01, 1.0], list[heredity.Regulariser]()
    for slope in slopes:
        net = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.LeakyReLU(slope), nn.Linear(8, 3))
        priors.append(heredity.Regulariser(net, (1, 4, 4), heredity.GroupPrior(share=0.49)))
    assert [prior.reduced().get_submodule("2").negative_slope for prior in priors] == slopes


def test_a_prior_that_does_not_say_who_goes_reduces_nobody() -> None:
    prior = heredity.Regulariser(network(), (1, 4, 4), heredity.GroupPrior(kind="group-lasso"))
    with pytest.raises(InputError, match="a prior that says who goes: a share, or a mixture; came neither"):
        prior.reduced()


def test_frozen_weights_are_not_waited_for() -> None:
    """Who is made by frozen weights alone falls silent by those that read it."""
    net = network()
    net.get_submodule("1").requires_grad_(False)
    prior = heredity.Regulariser(net, (1, 4, 4), heredity.GroupPrior(share=0.4))
    trained(prior, net)
    small, inputs = prior.reduced(), torch.randn(8, 1, 4, 4)
    with torch.no_grad():
        assert torch.allclose(net(inputs), small(inputs), atol=0.05)
    assert not small.get_parameter("1.weight").requires_grad


def test_what_cannot_fall_silent_is_refused() -> None:
    net = network()
    net.requires_grad_(False).get_submodule("5").requires_grad_(True)
    with pytest.raises(InputError, match="clusters of all families; came none in family"):
        heredity.Regulariser(net, (1, 4, 4), heredity.GroupPrior(share=0.4))
    net.get_parameter("1.bias").requires_grad_(True)
    net.get_parameter("3.bias").requires_grad_(True)
    with pytest.raises(
        InputError, match="can bring to zero; came 1, frozen both where it is made and where it is read"
    ):
        heredity.Regulariser(net, (1, 4, 4), heredity.GroupPrior(share=0.4))
    heredity.Regulariser(net, (1, 4, 4), heredity.GroupPrior(kind="l2"))


def test_a_removal_that_is_felt_is_warned_of() -> None:
    net = network()
    prior = heredity.Regulariser(net, (1, 4, 4), heredity.GroupPrior(share=0.5))
    net(torch.randn(4, 1, 4, 4)).sum().backward()
    prior(0.0)
    with pytest.warns(UserWarning, match=r"\d+ groups that go are not at zero, so their removal is felt; train longer"):
        prior.reduced()


def test_a_network_of_double_precision() -> None:
    net = network().double()
    prior = heredity.Regulariser(net, (1, 4, 4), heredity.GroupPrior(share=0.5))
    net(torch.randn(4, 1, 4, 4, dtype=torch.double)).sum().backward()
    prior(0.0)
    with pytest.warns(UserWarning, match="removal is felt"):
        assert prior.reduced().get_parameter("1.weight").dtype == torch.double
