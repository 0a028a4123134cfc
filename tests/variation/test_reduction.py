from __future__ import annotations

import numpy as np
import pytest
import torch

from heredity.anatomy.body import anatomy_of, build
from heredity.errors import InputError
from heredity.measures.size import params
from heredity.priors.boundary import boundary
from heredity.priors.groups import groups_of
from heredity.priors.mixture import Component, Mixture
from heredity.priors.prior import GroupPrior, norms_by_family
from heredity.variation import Reduction
from heredity.variation.operator import Organism

TWO = Mixture((Component(0.5, 0, 0.3), Component(0.5, 2, 0.6)))


def norms_of(organism: Organism, prior: GroupPrior) -> dict[str, np.ndarray]:
    groups = groups_of(anatomy_of(organism.genome), prior.members)
    return dict(norms_by_family(groups, groups.norms(organism.tensors, prior.norm)))


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_the_share_that_is_asked_for_goes(lenet: Organism, share: float) -> None:
    child = Reduction(GroupPrior(share=share)).conceive([lenet], 0)
    gone = 1 - params(anatomy_of(child.genome)) / params(anatomy_of(lenet.genome))
    assert share <= gone < share + 0.02


def test_everybody_on_the_wrong_side_of_the_boundary_goes(lenet: Organism) -> None:
    prior = GroupPrior(mixtures={"": TWO}, norm="l2")
    edge = boundary(TWO)
    child = Reduction(prior).conceive([lenet], 0)
    for family, norms in norms_of(lenet, prior).items():
        stays = norms >= edge if (norms >= edge).any() else norms == norms.max()
        assert child.genome.tags[family] == tuple(t for t, s in zip(lenet.genome.tags[family], stays, strict=True) if s)
    assert child.genome != lenet.genome


def test_a_family_keeps_its_strongest(lenet: Organism) -> None:
    far = Mixture((Component(0.5, 0, 1e3), Component(0.5, 1e6, 1e3)))
    child = Reduction(GroupPrior(mixtures={"": far})).conceive([lenet], 0)
    assert set(child.genome.sizes.values()) == {1}
    for family, norms in norms_of(lenet, GroupPrior(share=0.5)).items():
        assert child.genome.tags[family] == (lenet.genome.tags[family][int(norms.argmax())],)


def test_what_is_zero_goes_without_a_trace(lenet: Organism) -> None:
    """Whole clusters, biases included, at zero: the reduced network computes what its parent does."""
    anatomy = anatomy_of(lenet.genome)
    tensors = {name: tensor.clone() for name, tensor in lenet.tensors.items()}
    for family in anatomy.families:
        for s in family.slices:
            unneeded = torch.from_numpy(s.positions[: family.size // 2].ravel())
            tensors[s.tensor].index_fill_(s.dim, unneeded, 0.0)
    parent = Organism(lenet.genome, tensors)
    kept = {family.name: np.arange(family.size // 2, family.size) for family in anatomy.families}
    share = 1 - params(anatomy.select(kept)) / params(anatomy)
    child = Reduction(GroupPrior(share=share - 1e-9)).conceive([parent], 0)
    assert child.genome.sizes == {name: len(own) for name, own in kept.items()}
    images = torch.rand(5, *lenet.genome.inputs.shape)
    small, large = (build(one.genome, one.tensors).eval()(images) for one in (child, parent))
    assert torch.allclose(small, large, atol=1e-5)


def test_a_prior_that_does_not_say_who_goes_is_refused() -> None:
    with pytest.raises(InputError, match="a prior that says who goes: a share, or a mixture; came neither"):
        Reduction(GroupPrior(kind="l2"))
