from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.inputs import InputForm
from heredity.anatomy.trace import trace
from heredity.development.loop import train
from heredity.development.prior import MOST_INSISTENT, RENEWED, Pull
from heredity.development.recipe import Recipe
from heredity.development.task import Split
from heredity.errors import DevelopmentError, InputError
from heredity.measures.size import params
from heredity.priors.dial import Dial
from heredity.priors.groups import Members, Norm, groups_of
from heredity.priors.mixture import Component, Mixture
from heredity.priors.prior import GroupPrior, norms_by_family, units_of
from heredity.priors.reading import CHANGES
from heredity.testing.networks import KINDS
from heredity.zoo import ZOO

FORM = InputForm((1, 8, 8))
TWO = Mixture((Component(0.3, 0, 0.2, "laplace"), Component(0.7, 1, 0.4, "student-t")))


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return ZOO["lenet5"]((1, 8, 8), 10)


@pytest.fixture
def anatomy(network: nn.Module) -> Anatomy:
    return trace(network, FORM)


def weights(network: nn.Module) -> dict[str, torch.Tensor]:
    return dict(network.named_parameters())


@pytest.mark.parametrize("members", ["rows", "columns", "clusters"])
@pytest.mark.parametrize("norm", ["l1", "l2", "rms", "max"])
@pytest.mark.parametrize("relative", [False, True])
def test_the_gradient_is_lambda_times_autograds(
    network: nn.Module, anatomy: Anatomy, members: Members, norm: Norm, relative: bool
) -> None:
    groups = groups_of(anatomy, members)
    units = units_of(groups, weights(network), norm) if relative else {}
    prior = GroupPrior(mixtures={"": TWO}, members=members, norm=norm, strength=0.7, settled=0.0, units=units)
    for weight in network.parameters():
        weight.grad = torch.ones_like(weight)
    Pull(prior, anatomy, network)(0.5)
    by_unit, counts = prior.scales(groups)
    scales = iter(zip(by_unit, counts, strict=True))
    total = torch.zeros(())
    for family in groups.families:
        for group in groups.gathered(weights(network), family):
            unit, count = next(scales)
            sizes = {
                "l1": group.abs().sum(),
                "l2": group.norm(),
                "rms": group.square().mean().sqrt(),
                "max": group.abs().max(),
            }
            size = sizes[norm] / unit
            total = total + count * penalty_of(size)
    expected = torch.autograd.grad(0.7 * total, list(network.parameters()), allow_unused=True)
    for weight, gradient in zip(network.parameters(), expected, strict=True):
        assert weight.grad is not None
        own = torch.zeros_like(weight) if gradient is None else gradient.float()
        assert torch.allclose(weight.grad - 1, own, rtol=1e-3, atol=1e-5)


def penalty_of(size: torch.Tensor) -> torch.Tensor:
    """- log sum alpha F, written out."""
    laplace = torch.distributions.Laplace(0.0, 0.2).log_prob(size)
    student = torch.distributions.StudentT(4.0, 1.0, 0.4).log_prob(size)
    return -torch.log(0.3 * laplace.exp() + 0.7 * student.exp())


@pytest.mark.parametrize("kind", KINDS)
def test_networks_of_every_kind_are_pulled(kind: str) -> None:
    """Tied weights, heads, gates, grouped and recurrent layers: whatever is of a group gets a finite gradient."""
    make, form = KINDS[kind]
    network = make()
    anatomy = trace(network, form)
    if not anatomy.families:
        pytest.skip("nothing in it can go")
    groups = groups_of(anatomy)
    for weight in network.parameters():
        weight.grad = torch.zeros_like(weight)
    units = units_of(groups, weights(network), "rms")
    Pull(GroupPrior(share=Dial(anatomy, "params").most / 2, units=units, settled=0.0), anatomy, network)(0.0)
    for name, weight in weights(network).items():
        assert weight.grad is not None
        assert weight.grad.isfinite().all(), name
    assert any(weight.grad.any() for name, weight in weights(network).items() if name in groups.places)


def test_what_is_not_trained_is_not_pulled(network: nn.Module, anatomy: Anatomy) -> None:
    network.get_submodule("fc1").requires_grad_(False)
    for weight in network.parameters():
        weight.grad = torch.zeros_like(weight) if weight.requires_grad else None
    Pull(GroupPrior(kind="l2", settled=0.0), anatomy, network)(0.5)
    pulled = {name for name, weight in weights(network).items() if weight.grad is not None and weight.grad.any()}
    assert pulled == set(groups_of(anatomy).places) - {"fc1.weight", "fc1.bias"}


def test_the_pull_rises(network: nn.Module, anatomy: Anatomy) -> None:
    pull = Pull(GroupPrior(kind="l2", strength=1.0, settled=0.5), anatomy, network)
    found: list[float] = []
    for progress in (0.0, 0.25, 0.5, 0.9):
        weight = network.get_parameter("fc1.bias")
        for each in network.parameters():
            each.grad = torch.zeros_like(each)
        pull(progress)
        assert weight.grad is not None
        found.append(float((weight.grad / weight.detach()).mean()))
    assert found[0] < 0.01 * found[2]
    assert found[1] == pytest.approx(found[2] / 4, rel=0.02)
    assert found[2] == pytest.approx(found[3])


@pytest.mark.parametrize("norm", ["l1", "l2", "rms", "max"])
def test_a_force_holds_for_some_steps_and_no_longer_than_a_reading(
    network: nn.Module, anatomy: Anatomy, norm: Norm
) -> None:
    """Where norms have doubled between two steps, slopes tell: those of group lasso by l2 are w/||w||."""
    pull = Pull(GroupPrior(kind="group-lasso", norm=norm, strength=1.0, settled=0.0), anatomy, network)
    weight, found = network.get_parameter("fc1.weight"), list[torch.Tensor]()
    steps = [*(0.001 * step for step in range(RENEWED + 1)), 0.5, 0.501, 0.9]
    for step, progress in enumerate(steps):
        for each in network.parameters():
            each.grad = torch.zeros_like(each)
        pull(progress)
        assert weight.grad is not None
        found.append(weight.grad.clone())
        if step in (0, RENEWED, len(steps) - 2):
            with torch.no_grad():
                for each in network.parameters():
                    each.mul_(2)
    held = 2.0 if norm in ("l2", "rms") else 1.0  # forces are factors of the weights, which have doubled
    for step in range(1, RENEWED):
        assert torch.allclose(found[step], held * found[0], rtol=1e-5)
    for step in (RENEWED, steps.index(0.5), steps.index(0.9)):
        assert torch.allclose(found[step], found[0], rtol=1e-4), "a norm's gradient does not depend on its size"


@pytest.mark.parametrize("norm", ["l1", "l2", "rms", "max"])
def test_who_has_to_go_learns_no_more_and_shrinks(network: nn.Module, anatomy: Anatomy, norm: Norm) -> None:
    """Once that is settled; nobody moves here, as nobody takes a step, so that they are pulled harder and harder."""
    groups = groups_of(anatomy)
    units = units_of(groups, weights(network), norm)
    prior = GroupPrior(share=0.5, norm=norm, units=units, strength=0.2, settled=0.1)
    pull = Pull(prior, anatomy, network)
    assert pull.late() == 0, "it is not known yet who goes"
    learnt = {name: torch.full_like(weight, 3.0) for name, weight in weights(network).items()}
    found: dict[float, dict[str, torch.Tensor]] = {}
    for progress in (step / 100 for step in range(100)):
        for name, weight in network.named_parameters():
            weight.grad = learnt[name].clone()
        pull(progress)
        found[progress] = {name: w.grad - learnt[name] for name, w in network.named_parameters() if w.grad is not None}
    own = weights(network)
    gone = {
        f: torch.isclose(found[0.99][f"{f}.bias"] + 3, 0.2 * MOST_INSISTENT * own[f"{f}.bias"], atol=1e-5)
        for f in anatomy.sizes
    }
    kept = {name: torch.nonzero(~which).flatten().numpy() for name, which in gone.items()}
    assert 1 - params(anatomy.select(kept)) / params(anatomy) == pytest.approx(0.5, abs=0.03)
    stays = ~torch.cat(list(gone.values()))
    assert pull.late() == (~stays).sum()
    for name, staying in groups.of_all(stays).items():
        going, weight = (staying == 0).expand_as(learnt[name]), network.get_parameter(name).detach()
        assert going.any()
        torch.testing.assert_close(
            (found[0.99][name] + learnt[name])[going], 0.2 * MOST_INSISTENT * weight[going], atol=1e-6, rtol=1e-5
        )
        assert not torch.allclose(found[0.09][name] + learnt[name], learnt[name] * staying), "they learnt until then"
        if norm == "rms":
            assert found[0.99][name][~going].abs().max() < 0.2, "others are pulled no harder than before"


def test_a_prior_without_strength_changes_nothing(network: nn.Module, anatomy: Anatomy) -> None:
    pull = Pull(GroupPrior(share=0.5, strength=0.0, settled=0.1), anatomy, network)
    for progress in (step / 20 for step in range(20)):
        for weight in network.parameters():
            weight.grad = torch.full_like(weight, 3.0)
        pull(progress)
        assert all(bool((weight.grad == 3.0).all()) for weight in network.parameters() if weight.grad is not None)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_a_dial_parts_the_needed_from_the_unneeded(network: nn.Module, anatomy: Anatomy, share: float) -> None:
    """After a training the share that was asked for is at zero, and the rest is far from it."""
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.rand(200, 1, 8, 8, generator=generator), torch.randint(0, 10, (200,), generator=generator)
    groups = groups_of(anatomy)
    prior = GroupPrior(share=share, strength=0.3, units=units_of(groups, weights(network), "rms"))
    pull = Pull(prior, anatomy, network)
    train(network, Split(images, labels), FORM, Recipe(steps=300, batch_size=20), seed=0, prior=pull)
    readings = pull.finish()
    assert CHANGES * 0.8 < len(readings) <= CHANGES + 2
    assert all(sum(reading.counts) == groups.count for reading in readings)
    assert readings[0].counts[0] == 0
    assert (readings[0].progress, readings[-1].progress) == (0.0, 1.0)
    assert len({reading.setting.threshold for reading in readings if reading.setting}) > CHANGES / 4
    norms = groups.norms(weights(network), "rms") / prior.scales(groups)[0]
    cut = Dial(anatomy, "params").cut(norms_by_family(groups, norms), share)
    gone = torch.cat([~torch.isin(torch.arange(n), torch.from_numpy(cut.kept[f])) for f, n in anatomy.sizes.items()])
    assert norms[gone].median() < 0.02
    assert readings[-1].counts[0] >= gone.sum() * 0.9
    assert norms[~gone].median() > 0.1
    assert 1 - params(anatomy.select(cut.kept)) / params(anatomy) == pytest.approx(share, abs=0.03)


def test_weights_that_are_not_finite_end_the_training_and_not_the_run(network: nn.Module, anatomy: Anatomy) -> None:
    pull = Pull(GroupPrior(share=0.5), anatomy, network)
    with torch.no_grad():
        network.get_parameter("fc1.weight")[3, 4] = torch.nan
    with pytest.raises(DevelopmentError, match="diverged: weights are not finite when 20% of the training is done"):
        pull(0.2)


def test_a_share_that_cannot_go_is_refused_at_once(network: nn.Module, anatomy: Anatomy) -> None:
    with pytest.raises(InputError, match="a share that can go"):
        Pull(GroupPrior(share=0.9999), anatomy, network)


def test_lambda_changes_evenly(network: nn.Module, anatomy: Anatomy) -> None:
    prior = GroupPrior(kind="l2", strength=1.0, strength_end=3.0, settled=0.0)
    pull = Pull(prior, anatomy, network)
    pulls: list[torch.Tensor] = []
    weight = network.get_parameter("conv1.weight")
    for progress in (0.0, 0.5, 0.999):
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)
        pull(progress)
        assert weight.grad is not None
        pulls.append(weight.grad)
    torch.testing.assert_close(pulls[1], 2 * pulls[0])
    torch.testing.assert_close(pulls[2], 2.998 * pulls[0])


def test_a_norm_of_ones_own(network: nn.Module, anatomy: Anatomy, tmp_path: Path) -> None:
    """L2 by a function of a file pulls as L2 does by its name."""
    file = tmp_path / "norms.py"
    file.write_text("def euclidean(weights):\n    return weights.norm(dim=1)\n")
    pulls: list[dict[str, torch.Tensor]] = []
    for norm in ("l2", f"{file}:euclidean"):
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)
        Pull(GroupPrior(mixtures={"": TWO}, norm=norm, settled=0.0), anatomy, network)(0.0)
        pulls.append({name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None})
    for name, pulled in pulls[0].items():
        torch.testing.assert_close(pulls[1][name], pulled, rtol=1e-3, atol=1e-5)


def test_each_mixture_has_its_readings(network: nn.Module, anatomy: Anatomy) -> None:
    """Every moment tells of all groups: those of a family with its own mixture by themselves, the others together."""
    alone = Mixture((Component(0.5, 0, 0.2), Component(0.5, 1, 0.2)))
    further = Mixture((alone.components[0], Component(0.5, 2, 0.2)))
    pull = Pull(GroupPrior(mixtures={"fc1": alone, "": alone}, later={"fc1": further}), anatomy, network)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    for progress in (0.0, 0.5):
        pull(progress)
    readings = pull.finish()
    assert [(reading.progress, reading.mixture) for reading in readings] == [
        (progress, name) for progress in (0.0, 0.5, 1.0) for name in ("", "fc1")
    ]
    sizes = {"fc1": anatomy.sizes["fc1"], "": sum(anatomy.sizes.values()) - anatomy.sizes["fc1"]}
    assert all(sum(reading.counts) == sizes[reading.mixture] for reading in readings)
    found = [(reading.mixture, reading.setting.threshold) for reading in readings[:4] if reading.setting]
    assert found == [("", 0.5), ("fc1", 0.5), ("", 0.5), ("fc1", 0.75)]
