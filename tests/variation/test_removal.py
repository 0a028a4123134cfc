from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.body import anatomy_of, build
from heredity.anatomy.build import tensors_of
from heredity.anatomy.trace import trace
from heredity.measures.expected import Sizes
from heredity.rng import numpy_generator
from heredity.variation.environment import Environment
from heredity.variation.operator import Operator, Organism, mask_digest
from heredity.variation.removal import (
    MagnitudeRemoval,
    RandomRemoval,
    climate,
    cluster_sums,
    draw,
    made_in,
    remove,
    sums_of,
)
from heredity.variation.synthesis import Synthesis


def survivors(parent: Organism, child: Organism, family: str) -> list[int]:
    return [parent.genome.tags[family].index(tag) for tag in child.genome.tags[family]]


def test_magnitude_keeps_the_strongest_filters(lenet: Organism) -> None:
    """Brute force: filters one by one, and as many as one share for all families leaves."""
    anatomy = anatomy_of(lenet.genome)
    child = MagnitudeRemoval(Environment(0.3)).conceive([lenet], 0)
    share = {name: child.genome.sizes[name] / size for name, size in lenet.genome.sizes.items()}
    assert max(share.values()) - min(share.values()) < 0.5 / 6 + 0.5 / 16, "equal but for rounding"
    counts = {name: float(n) for name, n in child.genome.sizes.items()}
    left = Sizes(anatomy, "params")(counts) / Sizes(anatomy, "params")({})
    assert left == pytest.approx(0.3, abs=0.02)
    for layer, count in child.genome.sizes.items():
        weight = lenet.tensors[f"{layer}.weight"]
        strength = [float(weight[i].abs().double().sum()) for i in range(len(weight))]
        strongest = sorted(range(len(weight)), key=lambda i: strength[i], reverse=True)[:count]
        assert survivors(lenet, child, layer) == sorted(strongest)


def test_random_removal_gives_all_the_same_chance(lenet: Organism) -> None:
    n = 200
    alive = np.zeros(16)
    share = []
    for seed in range(n):
        child = RandomRemoval(Environment(0.4)).conceive([lenet], seed)
        alive[survivors(lenet, child, "conv2")] += 1
        total = sum(t.numel() for t in child.tensors.values())
        share.append(total / sum(t.numel() for t in lenet.tensors.values()))
    chance = alive.sum() / 16 / n
    deviation = np.sqrt(chance * (1 - chance) / n)
    assert np.abs(alive / n - chance).max() < 4.5 * deviation
    assert np.mean(share) == pytest.approx(0.4, abs=4 * np.std(share) / np.sqrt(n))


def test_removed_clusters_are_gone_and_the_others_compute_on(founder) -> None:
    """Clusters that nobody reads go; weights, masks, and what they compute stay."""
    parent = founder(3)
    anatomy = anatomy_of(parent.genome)
    kept = {f.name: np.arange(f.size // 3, f.size) for f in anatomy.families}
    tensors = {name: tensor.clone() for name, tensor in parent.tensors.items()}
    for family in anatomy.families:
        for s in family.slices:
            if s.role == "read":
                gone = torch.from_numpy(s.positions[: family.size // 3].ravel())
                tensors[s.tensor].index_fill_(s.dim, gone, 0.0)
    masks = {name: tensors[name] != 0 for name in anatomy.positions}
    silenced = Organism(parent.genome.with_masks(mask_digest(masks)), tensors, masks)
    child = remove(silenced, anatomy, kept)
    x = torch.rand(4, *parent.genome.inputs.shape)
    with torch.no_grad():
        expected = build(silenced.genome, silenced.tensors).eval()(x)
        came = build(child.genome, child.tensors).eval()(x)
    assert torch.allclose(came, expected, rtol=1e-4, atol=1e-5)
    assert sum(t.numel() for t in child.tensors.values()) < 0.7 * sum(t.numel() for t in tensors.values())
    for name, mask in child.masks.items():
        assert torch.equal(mask, child.tensors[name] != 0)
    assert child.genome.masks == mask_digest(child.masks)


def test_a_cluster_of_several_filters_sums_over_all_of_them() -> None:
    class Pair(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.norm = torch.nn.Linear(3, 4), torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)
            self.out = torch.nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.out(self.norm(self.a(x) + self.b(x)))

    module = Pair()
    anatomy: Anatomy = trace(module, (3,))
    (family,) = anatomy.families
    tensors = tensors_of(module)
    by_hand = [float(tensors["a.weight"][i].abs().sum() + tensors["b.weight"][i].abs().sum()) for i in range(4)]
    came = cluster_sums(family, sums_of(made_in(anatomy), tensors))
    assert came == pytest.approx(by_hand, rel=1e-6)


def test_the_last_one_of_a_family_is_its_most_probable() -> None:
    kept = draw(numpy_generator(0), {"a": np.array([0.0, 0.0, 0.0]), "b": np.array([1e-12, 2e-12, 1e-12])})
    assert kept["a"].tolist() == [0]
    assert kept["b"].tolist() == [1]


def test_coins_follow_their_probabilities() -> None:
    p = np.array([0.0, 0.1, 0.5, 0.9, 1.0])
    rng, heads = numpy_generator(1), np.zeros(5)
    for _ in range(2000):
        heads[draw(rng, {"a": p})["a"]] += 1
    assert heads[0] == 0
    assert heads[4] == 2000
    assert np.abs(heads / 2000 - p).max() < 4.5 * np.sqrt(0.25 / 2000)


def test_climates_are_log_normal_around_what_crowding_leaves(lenet: Organism) -> None:
    families = lenet.genome.sizes
    assert set(climate(numpy_generator(0), families, 0.0, 0.0).values()) == {1.0}
    sizes = np.array([6, 16, 120, 84])
    crowded = climate(numpy_generator(0), families, 0.0, 0.5)
    assert list(crowded.values()) == pytest.approx(sizes**-0.5), "the larger a family, the harder"
    logs = np.log([list(climate(numpy_generator(i), families, 0.4, 0.5).values()) for i in range(500)])
    assert np.abs(logs.mean(0) + 0.5 * np.log(sizes)).max() < 4.5 * 0.4 / np.sqrt(500)
    assert logs.std(0) == pytest.approx(np.full(4, 0.4), rel=0.15)
    assert np.abs(np.corrcoef(logs.T) - np.eye(4)).max() < 0.2, "families differ independently"


@pytest.mark.parametrize("operator", [RandomRemoval, MagnitudeRemoval, Synthesis])
def test_crowding_spares_narrow_families(operator: Callable[..., Operator], lenet: Organism) -> None:
    """At the same share of the whole, the six filters of the first layer lose less than the 120 of the third."""

    def shares(crowding: float) -> np.ndarray:
        children = [operator(Environment(0.3), crowding=crowding).conceive([lenet], seed) for seed in range(20)]
        kept = np.mean([list(child.genome.sizes.values()) for child in children], axis=0)
        return kept / [6, 16, 120, 84]

    even, spared = shares(0.0), shares(0.5)
    assert spared[0] > even[0] + 0.1
    assert spared[0] >= spared[1] > spared[2]
