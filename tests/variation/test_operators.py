"""The contract in the docstring of `Operator`, for every operator."""

from __future__ import annotations

import math

import msgspec
import pytest
import torch

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.body import anatomy_of, build
from heredity.variation import AnyOperator, Cloning, MagnitudeRemoval, RandomRemoval, Synthesis
from heredity.variation.environment import Environment
from heredity.variation.operator import Operator, Organism, mask_digest, packed, weights_digest

HALF = Environment(0.5)
OPERATORS: dict[str, Operator] = {
    "cloning": Cloning(),
    "random": RandomRemoval(HALF),
    "random by macs": RandomRemoval(HALF, "macs", 0.4),
    "magnitude": MagnitudeRemoval(HALF, spread=0.3),
    "synthesis": Synthesis(HALF),
    "raw": Synthesis(HALF, sampling="raw", truncation=0.1),
    "synapses": Synthesis(HALF, HALF, sharpness=4.0, spread=0.4),
    "raw synapses": Synthesis(HALF, Environment(0.9), sampling="raw"),
    "reinitialised": Synthesis(HALF, HALF, weights="fresh"),
    "harsh": Synthesis(Environment(1e-6), Environment(1e-6)),
}


@pytest.fixture(params=OPERATORS)
def operator(request: pytest.FixtureRequest) -> Operator:
    return OPERATORS[request.param]


@pytest.fixture(params=["dense", "masked"])
def parent(request: pytest.FixtureRequest, founder) -> Organism:
    first = founder(0)
    return first if request.param == "dense" else Synthesis(Environment(0.8), Environment(0.6)).conceive([first], 5)


def weights(anatomy: Anatomy) -> int:
    return sum(math.prod(anatomy.shapes[name]) for name in anatomy.parameters)


def test_contract(operator: Operator, parent: Organism) -> None:
    before = weights_digest(parent), parent.genome.digest
    state = torch.get_rng_state()
    child, same = (operator.conceive([parent], 7) for _ in range(2))
    assert (weights_digest(child), child.genome) == (weights_digest(same), same.genome), "the seed decides"
    assert torch.equal(torch.get_rng_state(), state), "and nothing else"
    assert (weights_digest(parent), parent.genome.digest) == before, "parents are not changed"

    anatomy = anatomy_of(child.genome)
    assert {name: tuple(t.shape) for name, t in child.tensors.items()} == dict(anatomy.shapes)
    assert min(child.genome.sizes.values()) >= 1
    assert child.genome.masks == mask_digest(child.masks)
    for name, mask in child.masks.items():
        assert mask.dtype == torch.bool
        assert mask.shape == child.tensors[name].shape
    for family, tags in child.genome.tags.items():
        assert set(tags) <= set(parent.genome.tags[family])
        assert list(tags) == sorted(tags)
    out = build(child.genome, child.tensors).eval()(torch.rand(3, *child.genome.inputs.shape))
    assert out.shape == (3, 4)
    assert out.isfinite().all()


@pytest.mark.parametrize("name", sorted(OPERATORS.keys() - {"cloning", "harsh"}))  # these have one child, or a few
def test_other_seeds_give_others(name: str, founder) -> None:
    assert len({OPERATORS[name].conceive([founder(0)], seed).genome.digest for seed in range(4)}) == 4


def test_records_are_read_back_as_what_they_were(operator: Operator) -> None:
    assert msgspec.json.decode(msgspec.json.encode(operator), type=AnyOperator) == operator


def test_founding_follows_its_seed(founder) -> None:
    one, same, other = founder(1), founder(1), founder(2)
    assert weights_digest(one) == weights_digest(same) != weights_digest(other)
    assert one.genome == other.genome
    assert all(tags == tuple((0, i) for i in range(len(tags))) for tags in one.genome.tags.values())
    assert one.masks == {}


def test_a_clone_is_all_of_its_parent(founder) -> None:
    parent = Synthesis(Environment(0.8), Environment(0.6)).conceive([founder(0)], 5)
    clone = Cloning().conceive([parent], 1)
    assert weights_digest(clone) == weights_digest(parent)
    assert clone.genome == parent.genome


def test_digests_see_every_bit(lenet: Organism) -> None:
    def changed(name: str, value: torch.Tensor) -> str:
        return weights_digest(Organism(lenet.genome, lenet.tensors | {name: value}))

    bias = lenet.tensors["fc3.bias"]
    nudged = bias.clone()
    nudged[0] = torch.nextafter(bias[0], torch.tensor(9.0))
    masks = {"fc3.weight": torch.ones(4, 84, dtype=torch.bool)}
    fewer = {"fc3.weight": torch.ones(4, 84, dtype=torch.bool).index_fill(0, torch.tensor([3]), False)}
    digests = [
        weights_digest(lenet),
        changed("fc3.bias", nudged),
        changed("fc3.bias", bias.double()),
        changed("fc3.bias", bias[None]),
        weights_digest(Organism(lenet.genome, lenet.tensors, masks)),
        weights_digest(Organism(lenet.genome, lenet.tensors, fewer)),
    ]
    assert len(set(digests)) == len(digests)
    assert changed("fc3.bias", bias.repeat(2)[:4]) == weights_digest(lenet), "memory's layout is nothing"
    assert mask_digest({}) is None
    assert packed(torch.tensor([True] * 9 + [False])).tolist() == [0b11111111, 0b10000000]
