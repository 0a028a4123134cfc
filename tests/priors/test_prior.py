from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.body import anatomy_of
from heredity.anatomy.inputs import InputForm
from heredity.anatomy.trace import trace
from heredity.errors import InputError
from heredity.priors.boundary import boundary
from heredity.priors.densities import DENSITIES, Family
from heredity.priors.dial import Dial, layer_adaptive
from heredity.priors.groups import Members, Norm, groups_of
from heredity.priors.mixture import Component, Mixture, fitted
from heredity.priors.prior import GroupPrior, norms_by_family, tailored, units_of
from heredity.priors.reading import SHARP, in_force, set_by
from heredity.testing.organisms import founder
from heredity.variation.removal import remove
from heredity.zoo import ZOO

TWO = Mixture((Component(0.5, 0, 0.2), Component(0.5, 1, 0.2)))
ONE = Mixture((Component(1.0, 0.0, 0.3),))


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    return trace(ZOO["lenet5"]((1, 8, 8), 10), InputForm((1, 8, 8)))


@pytest.fixture(scope="module")
def weights(anatomy: Anatomy) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = {name: anatomy.shapes[name] for name in sorted(anatomy.parameters)}
    return {n: torch.randn(s, generator=generator) / math.sqrt(math.prod(s[1:])) for n, s in shapes.items()}


@pytest.mark.parametrize("norm", ["l2", "rms"])
def test_units_make_a_gaussian_at_zero_weight_decay(
    anatomy: Anatomy, weights: dict[str, torch.Tensor], norm: Norm
) -> None:
    """lambda w/sigma^2 for every weight, whatever its layer and the size of its group."""
    groups = groups_of(anatomy, "rows")
    prior = GroupPrior(norm=norm, mixtures={"": ONE}, units=units_of(groups, weights, norm))
    units, counts = prior.scales(groups)
    norms = groups.norms(weights, norm)
    slopes = prior.penalty(groups).slope(norms / units) * counts / units
    gradients = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    groups.pull(weights, gradients, norm, groups.forces(weights, norm, norms, slopes))
    for name in ("conv2.weight", "fc1.weight", "fc2.bias"):
        assert torch.allclose(gradients[name], weights[name] / 0.09, rtol=1e-4, atol=1e-6), name


def test_units_are_mean_norms(anatomy: Anatomy, weights: dict[str, torch.Tensor]) -> None:
    groups = groups_of(anatomy)
    units = units_of(groups, weights, "l1")
    norms = norms_by_family(groups, groups.norms(weights, "l1"))
    assert units == pytest.approx({name: float(own.mean()) for name, own in norms.items()}, rel=1e-5)
    silent = {**weights, "conv1.weight": weights["conv1.weight"] * 0, "conv1.bias": weights["conv1.bias"] * 0}
    assert units_of(groups_of(anatomy, "rows"), silent, "l1")["conv1"] == 1.0


@pytest.mark.parametrize("norm", ["rms", "max"])  # which do not know a group's size
@pytest.mark.parametrize(
    ("model", "members"), [("lenet5", "clusters"), ("lenet5", "columns"), ("lenet5", "rows"), ("resnet20", "clusters")]
)
def test_by_a_dial_nobody_is_weaker_or_stronger_for_those_who_go(model: str, members: Members, norm: Norm) -> None:
    """Groups that stay measure what they will once the others, whose own weights are zero, are gone."""
    parent = founder(model)
    anatomy = anatomy_of(parent.genome)
    groups = groups_of(anatomy, members)
    units = {name: unit / 100 for name, unit in units_of(groups, parent.tensors, norm).items()}  # who lives does wholly
    prior = GroupPrior(norm=norm, members=members, units=units, share=0.5)
    kept = {name: np.arange(0, n, 2) for name, n in anatomy.sizes.items()}
    child = remove(parent, anatomy, kept)
    alive = torch.cat([torch.arange(n) % 2 == 0 for n in anatomy.sizes.values()] + [torch.ones(1, dtype=torch.bool)])
    silent = dict(parent.tensors)
    for name, by_dim in groups.places.items():
        for dim, place in by_dim.items():
            silent[name] = silent[name].index_fill(dim, torch.nonzero(~alive[place]).flatten(), 0.0)
    before = prior.relative(groups, silent)
    after = prior.relative(groups_of(anatomy_of(child.genome), members), child.tensors)
    assert torch.allclose(before[alive[:-1]], after, rtol=1e-4)


def test_who_goes_is_a_matter_of_norms_by_a_dial_and_of_scores_without(
    anatomy: Anatomy, weights: dict[str, torch.Tensor]
) -> None:
    groups = groups_of(anatomy)
    units = units_of(groups, weights, "rms")
    mixture, lasso = (GroupPrior(kind=kind, share=0.5, units=units) for kind in ("mixture", "group-lasso"))
    by_norms = norms_by_family(groups, mixture.relative(groups, weights))
    np.testing.assert_equal(mixture.ranks(groups, weights), by_norms)
    by_scores = layer_adaptive(norms_by_family(groups, lasso.relative(groups, weights)))
    np.testing.assert_equal(lasso.ranks(groups, weights), by_scores)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("families", [(a, b) for a in DENSITIES for b in DENSITIES])
def test_a_dial_sets_the_boundary_to_its_threshold(
    anatomy: Anatomy, share: float, families: tuple[Family, Family]
) -> None:
    rng = np.random.default_rng(0)
    norms = {name: 0.2 + rng.random(count) for name, count in anatomy.sizes.items()}
    dial = Dial(anatomy, "params")
    setting = set_by(GroupPrior(share=share, families=families, strength=0.3), dial, norms)
    first, second = setting.mixture.components
    assert setting.threshold == dial.cut(norms, share).threshold
    assert (first.mean, first.scale) == (0, setting.threshold / SHARP)
    assert second.mean > setting.threshold
    assert boundary(setting.mixture) == pytest.approx(setting.threshold, rel=1e-6)
    assert setting.strength == pytest.approx(0.3 * first.scale**2)


def test_l2_and_group_lasso(anatomy: Anatomy) -> None:
    groups = groups_of(anatomy)
    norms = torch.rand(groups.count, generator=torch.Generator().manual_seed(0))
    cases = [
        (GroupPrior(kind="l2"), norms**2 / 2, norms),
        (GroupPrior(kind="group-lasso"), norms, torch.ones_like(norms)),
        (GroupPrior(kind="group-lasso", sized=True), norms * groups.elements.sqrt(), groups.elements.sqrt()),
    ]
    for prior, value, slope in cases:
        found = prior.penalty(groups)
        assert torch.allclose(found.value(norms), value.float())
        assert torch.allclose(found.slope(norms), slope.float())


def test_mixtures_may_differ_by_family(anatomy: Anatomy) -> None:
    groups = groups_of(anatomy)
    other = Mixture((Component(0.2, 0, 0.1), Component(0.8, 2, 0.5)))
    norms = torch.rand(groups.count, generator=torch.Generator().manual_seed(0))
    found = GroupPrior(mixtures={"": TWO, "fc1": other}).penalty(groups)
    for name, own in groups.families.items():
        mixture = other if name == "fc1" else TWO
        expected = mixture.penalty().to(norms)
        assert torch.allclose(found.value(norms)[own], expected.value(norms[own]))
        assert torch.allclose(found.slope(norms)[own], expected.slope(norms[own]))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"later": {"": TWO}}, "mixtures, which are fitted or become others later; came none"),
        ({"fitted": True, "share": 0.5}, "mixtures, which are fitted or become others later; came none"),
        ({"mixtures": {"": TWO}, "later": {"": ONE}}, "later mixtures of the same components .*; came others for all"),
        ({"mixtures": {"": TWO}, "later": {"fc1": TWO}}, "later mixtures of the same .*; came others for fc1"),
        ({"share": 0.5, "mixtures": {"": TWO}}, "either mixtures or a share to remove; came both"),
        ({"share": 1.0}, r"a share to remove in \(0, 1\); came 1.0"),
        ({"share": 0.5, "strength": -1.0}, "a strength of at least 0"),
        ({"share": 0.5, "strengths": {"fc1": math.inf}}, "a strength of at least 0"),
        ({"share": 0.5, "strengths": {"fc1": 0.0}}, "strengths above 0 beside a share, .*; came 0 for fc1"),
        ({"share": 0.5, "settled": 1.5}, r"settled, a share in \[0, 1\]; came 1.5"),
        ({"share": 0.5, "units": {"fc1": 0.0}}, "units above 0"),
    ],
)
def test_what_is_no_prior(given: dict[str, object], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        GroupPrior(**given)


def test_what_does_not_fit_the_network(anatomy: Anatomy) -> None:
    groups = groups_of(anatomy)
    for prior, expected in (
        (GroupPrior(mixtures={"fc9": TWO}), "mixtures of families of the network; came fc9; choose among conv1"),
        (GroupPrior(mixtures={"fc1": TWO}), "mixtures of all families; came none of conv1; add it"),
        (GroupPrior(share=0.5, units={"fc9": 1.0}), "units of families of the network; came fc9"),
        (GroupPrior(share=0.5, units={"fc1": 1.0}), "units of all families; came none of conv1"),
        (GroupPrior(share=0.5, strengths={"fc9": 1.0}), "strengths of families of the network; came fc9"),
        (GroupPrior(), "either mixtures or a share to remove; came neither"),
        (GroupPrior(mixtures={"": TWO, "fc1": ONE}), "components of the same kinds in all .*; came others of fc1"),
    ):
        with pytest.raises(InputError, match=expected):
            prior.check(groups)


def test_strengths_differ_by_family(anatomy: Anatomy) -> None:
    groups = groups_of(anatomy)
    _, counts = GroupPrior(kind="l2", strengths={"fc1": 3.0, "conv1": 0.0}).scales(groups)
    for name, own in groups.families.items():
        assert (counts[own] == {"fc1": 3.0, "conv1": 0.0}.get(name, 1.0)).all()


def test_mixtures_become_what_is_said_for_later(anatomy: Anatomy) -> None:
    last = Mixture((Component(0.8, 0, 0.05), Component(0.2, 2, 0.8)))
    prior = GroupPrior(mixtures={"": TWO, "fc1": TWO}, later={"": last})
    assert prior.mixtures_at(0.0)[""] == TWO
    assert prior.mixtures_at(1.0)[""].components == pytest.approx(last.components)
    halfway = prior.mixtures_at(0.5)
    assert halfway["fc1"] == TWO
    for found, share, mean, scale in zip(halfway[""].components, (0.65, 0.35), (0, 1.5), (0.1, 0.4), strict=True):
        assert (found.share, found.mean, found.scale) == pytest.approx((share, mean, scale))
    groups = groups_of(anatomy)
    norms = torch.rand(groups.count, generator=torch.Generator().manual_seed(0))
    own = groups.families["conv1"]
    for progress in (0.0, 0.5):
        expected = prior.mixtures_at(progress)[""].penalty().to(norms).slope(norms[own])
        assert torch.allclose(prior.penalty(groups, progress).slope(norms)[own], expected)


def test_settings_are_of_each_mixture() -> None:
    last = Mixture((Component(0.8, 0, 0.05), Component(0.2, 2, 0.8)))
    prior = GroupPrior(mixtures={"": TWO, "fc1": TWO}, later={"": last}, strength=0.3)
    found = in_force(prior, 0.5)
    assert {name: setting.mixture for name, setting in found.items()} == prior.mixtures_at(0.5)
    assert found[""] != found["fc1"]
    for setting in found.values():
        assert (setting.threshold, setting.strength) == (boundary(setting.mixture), 0.3)
    assert in_force(GroupPrior(mixtures={"": ONE}), 0.0) == {}


def test_every_group_is_under_one_mixture(anatomy: Anatomy) -> None:
    groups = groups_of(anatomy)
    every = dict.fromkeys(anatomy.sizes, TWO)
    for mixtures in ({"": TWO}, {"": TWO, "fc1": TWO, "conv1": TWO}, every, {"": TWO, **every}):
        parts = GroupPrior(mixtures=mixtures).parts(groups)
        assert torch.cat(list(parts.values())).sort().values.tolist() == list(range(groups.count))
        assert parts.keys() <= mixtures.keys()
        for name in parts.keys() - {""}:
            assert parts[name].tolist() == list(range(groups.count))[groups.families[name]]
    assert GroupPrior(share=0.5).parts(groups).keys() == {""}


def test_norms_of_one_kind_leave_a_mixture_as_it_is(anatomy: Anatomy, weights: dict[str, torch.Tensor]) -> None:
    """From a needed component with next to nothing, all groups are the other's."""
    first = Mixture((Component(0.5, 0, 2.0), Component(0.5, 0.0, 0.001)))
    found = tailored(GroupPrior(mixtures={"": first}, fitted=True), anatomy, weights)
    norms = GroupPrior().relative(groups_of(anatomy), weights)
    assert found is not None
    assert found.mixtures == {"": first}, fitted(norms, first)


@pytest.mark.parametrize(
    ("prior", "expected"),
    [
        (GroupPrior(), 0.1),
        (GroupPrior(kind="l2"), 1e-3),
        (GroupPrior(kind="group-lasso", sized=True), 3e-5),
        (GroupPrior(kind="l2", strength=0.5), 0.5),
        (GroupPrior(kind="l2", strength_end=0.5), 0.2505),
    ],
)
def test_lambda_is_what_is_usual_of_its_kind_unless_given(prior: GroupPrior, expected: float) -> None:
    assert prior.strength_at(0.5) == pytest.approx(expected)


def test_a_prior_is_tailored_to_the_network_it_is_for(anatomy: Anatomy, weights: dict[str, torch.Tensor]) -> None:
    groups = groups_of(anatomy)
    found = tailored(GroupPrior(mixtures={"": TWO, "fc1": TWO}, fitted=True), anatomy, weights)
    assert found is not None
    assert found.units == units_of(groups, weights, "rms")
    dialled, cut = (tailored(GroupPrior(kind=kind, share=0.5), anatomy, weights) for kind in ("mixture", "l2"))
    assert getattr(dialled, "units", None) == found.units
    assert getattr(cut, "units", None) == found.units
    norms = groups.norms(weights, "rms") / found.scales(groups)[0]
    own = groups.families["fc1"]
    rest = torch.cat([norms[: own.start], norms[own.stop :]])
    assert found.mixtures == {"": fitted(rest, TWO), "fc1": fitted(norms[own], TWO)}
    assert not found.fitted
    most = Dial(anatomy, "params").most
    assert getattr(tailored(GroupPrior(share=0.9999), anatomy, weights), "share", None) == most
    assert getattr(tailored(GroupPrior(share=0.5, units=found.units), anatomy, weights), "units", None) == found.units
    least = anatomy.select({name: np.array([0]) for name in anatomy.sizes})
    one = {name: weights[name][tuple(slice(n) for n in least.shapes[name])] for name in weights}
    assert tailored(GroupPrior(share=0.5), least, one) is None
