from __future__ import annotations

import functools

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.build import load, tensors_of
from heredity.anatomy.plan import IndexPlan, Kinship, Layout
from heredity.anatomy.trace import trace
from heredity.zoo.resnet import ResNet


def _numbered(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A plane of every tensor's shape in which each element is its own number."""
    return {name: torch.arange(t.numel()).reshape(t.shape) for name, t in tensors.items()}


def test_one_plan_moves_weights_masks_and_moments_alike() -> None:
    network = ResNet(3, 5, blocks=1)
    anatomy = trace(network, (3, 8, 8))
    optimiser = torch.optim.AdamW(network.parameters())
    network(torch.randn(4, 3, 8, 8)).square().sum().backward()
    optimiser.step()
    weights = tensors_of(network)
    moments = {name: optimiser.state[p]["exp_avg_sq"] for name, p in network.named_parameters()}
    masks = {name: p > 0 for name, p in network.named_parameters()}
    rng = np.random.default_rng(0)
    kept = {f.name: np.sort(rng.permutation(f.size)[: f.size // 2]) for f in anatomy.families}
    plan = anatomy.plan(kept)
    came_from = plan.apply(_numbered(weights))
    assert any(came_from[name].numel() < weights[name].numel() for name in weights)
    for planes in (weights, moments, masks):
        for name, child in plan.apply(planes).items():
            assert torch.equal(child, planes[name].flatten()[came_from[name]])
            assert tuple(child.shape) == anatomy.select(kept).shapes[name]


def test_positions_come_in_the_childs_order_and_others_stay() -> None:
    plan = IndexPlan({"w": {0: np.array([2, 0]), 1: np.array([1])}})
    w = torch.arange(12).reshape(3, 4)
    child = plan.apply({"w": w, "other": w})
    assert child["w"].tolist() == [[9], [1]]
    assert child["other"] is w
    assert torch.equal(w, torch.arange(12).reshape(3, 4))


def test_loading_keeps_shared_parameters_shared() -> None:
    shared = nn.Linear(4, 4)
    network = nn.Sequential(shared, nn.ReLU(), shared, nn.BatchNorm1d(4))
    network[0].weight.requires_grad_(False)
    tensors = {name: torch.ones(2, *t.shape[1:]) for name, t in tensors_of(network).items() if t.dim()}
    load(network, tensors)
    assert network[0].weight is network[2].weight
    assert not network[0].weight.requires_grad
    assert network[0].bias.requires_grad
    assert network[3].running_var.shape == (2,)
    for name, tensor in tensors_of(network).items():
        assert torch.equal(tensor, tensors[name])


@functools.cache
def _small() -> Anatomy:
    return trace(ResNet(3, 5, blocks=1), (3, 8, 8))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**20), shares=st.lists(st.floats(0.2, 1.0), min_size=2, max_size=4))
def test_relatives_are_laid_out_as_their_ancestors_elements_say(seed: int, shares: list[float]) -> None:
    anatomy, rng = _small(), np.random.default_rng(seed)
    ancestor = _numbered({name: torch.empty(shape) for name, shape in anatomy.shapes.items()})
    plans: list[IndexPlan] = []
    for share in shares:
        kept = {f.name: np.flatnonzero(rng.random(f.size) < share) for f in anatomy.families}
        plans.append(anatomy.plan({name: own if len(own) else np.array([0]) for name, own in kept.items()}))
    own, *relatives = ({name: t.float() for name, t in plan.apply(ancestor).items()} for plan in plans)
    masks = [{n: torch.from_numpy(rng.random(t.shape) < 0.7) for n, t in r.items() if t.dim() > 1} for r in relatives]
    layout = Layout(anatomy.alike, {name: tuple(t.shape) for name, t in own.items()})
    planes, lacks = Kinship(layout, plans[0], plans[1:], anatomy.shapes).gather(relatives, masks)
    for k, (relative, mask) in enumerate(zip(relatives, masks, strict=True)):
        for name, numbers in own.items():
            has = torch.isin(numbers, relative[name])
            alive = torch.isin(numbers, relative[name][mask[name]]) if name in mask else has
            assert torch.equal(layout.part(planes[k], name), torch.where(has, numbers, 0.0))
            assert lacks is not None
            assert torch.equal(layout.part(lacks[k], name), 1.0 - alive.float())
