from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.body import anatomy_of
from heredity.anatomy.trace import trace
from heredity.types import Tensors
from heredity.variation.encoding import printed, scaled_to, truncated
from heredity.variation.environment import Environment, scale_to_share
from heredity.variation.operator import Organism
from heredity.variation.removal import cluster_sums, made_in, sums_of
from heredity.variation.synthesis import Synthesis


def cluster_probabilities(anatomy: Anatomy, tensors: Tensors, truncation: float = 0.0) -> dict[str, np.ndarray]:
    sums = sums_of(made_in(anatomy), {name: truncated(tensor, truncation) for name, tensor in tensors.items()})
    strengths = {family.name: torch.from_numpy(cluster_sums(family, sums)) for family in anatomy.families}
    return {family: printed(own).numpy() for family, own in strengths.items()}


def organism(seed: int, lenet: Organism) -> Organism:
    """The LeNet with filters of very different strength, so that probabilities differ."""
    coins = torch.Generator().manual_seed(seed)
    tensors = dict(lenet.tensors)
    for name, tensor in tensors.items():
        if tensor.dim() > 1:
            scale = torch.rand(len(tensor), *[1] * (tensor.dim() - 1), generator=coins) * 2
            tensors[name] = tensor * scale
    return Organism(lenet.genome, tensors)


TINY = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
WEIGHTS = {
    "0.weight": torch.tensor([[1.0, -2.0], [0.5, 0.0], [-4.0, 2.0]]),
    "0.bias": torch.tensor([100.0, 0.0, 0.0]),
    "2.weight": torch.full((2, 3), 50.0),
    "2.bias": torch.zeros(2),
}


class TestFormulas:
    def test_equation_6(self) -> None:
        """Sums of magnitudes 3, .5, 6; their largest is 6. Biases, and what reads the cluster, do not count."""
        p = cluster_probabilities(trace(TINY, (2,)), WEIGHTS)["0"]
        assert p == pytest.approx([math.exp(3 / 6 - 1), math.exp(0.5 / 6 - 1), 1.0])

    def test_equation_6_truncated(self) -> None:
        """Below .3 of the layer's largest magnitude, 4, weights count as zero: 2, 0, 6 are left."""
        p = cluster_probabilities(trace(TINY, (2,)), WEIGHTS, truncation=0.3)["0"]
        assert p == pytest.approx([math.exp(2 / 6 - 1), math.exp(-1), 1.0])

    def test_equation_7(self) -> None:
        weight = WEIGHTS["0.weight"]
        p = printed(weight.abs())
        assert p.tolist() == [pytest.approx([math.exp(w / 4 - 1) for w in row]) for row in ([1, 2], [0.5, 0], [4, 2])]

    def test_a_dead_layer_is_uniform(self) -> None:
        tensors = {**WEIGHTS, "0.weight": torch.zeros(3, 2)}
        assert len(set(cluster_probabilities(trace(TINY, (2,)), tensors)["0"])) == 1
        assert printed(torch.zeros(2, 2)).unique().tolist() == [pytest.approx(math.exp(-1))]


@given(st.integers(0, 2**32), st.integers(1, 40), st.floats(0.01, 1.0), st.booleans())
def test_kappa_against_bisection(seed: int, n: int, share: float, with_dead: bool) -> None:
    p = torch.rand(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 0.9 + 0.1
    if with_dead:
        p[: n // 2] = 0
    live = int((p > 0).sum())
    target = share * live
    low, high = 0.0, 20.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if float((middle * p).clamp_max(1).sum()) < target else (low, middle)
    kappa = scaled_to(target, [p[: n // 3], p[n // 3 :]])
    assert kappa >= 0
    assert float((kappa * p).clamp_max(1).sum()) == pytest.approx(target, rel=1e-9)
    assert (kappa * p).clamp_max(1).tolist() == pytest.approx((high * p).clamp_max(1).tolist(), abs=1e-6)


def test_kappa_beyond_all() -> None:
    p = torch.tensor([0.5, 0.25, 0.0], dtype=torch.float64)
    assert (scaled_to(5.0, [p]) * p).clamp_max(1).tolist() == [1, 1, 0]
    assert scaled_to(0.0, [p]) == 0
    assert scaled_to(0.0, [torch.zeros(3, dtype=torch.float64)]) >= 0


def share_of(child: Organism, parent: Organism) -> float:
    return sum(t.numel() for t in child.tensors.values()) / sum(t.numel() for t in parent.tensors.values())


@pytest.mark.parametrize(
    "settings",
    [
        {"environment": Environment(0.5)},
        {"environment": Environment(0.7, "scarcity")},
        {"environment": Environment(0.5), "sharpness": 4.0},
        {"environment": Environment(0.4), "sharpness": 4.0, "spread": 0.4},
    ],
)
def test_calibrated_sampling_meets_the_environments_share(settings: dict, lenet: Organism) -> None:
    parent, operator = organism(1, lenet), Synthesis(**settings)
    shares = [share_of(operator.conceive([parent], seed), parent) for seed in range(120)]
    assert np.mean(shares) == pytest.approx(operator.environment.share, abs=4 * np.std(shares) / np.sqrt(120))


def test_raw_sampling_keeps_the_formulas_share_times_the_environments(lenet: Organism) -> None:
    parent = organism(1, lenet)
    printed = cluster_probabilities(anatomy_of(parent.genome), parent.tensors)
    sizes = np.array(
        [
            list(Synthesis(Environment(0.7), sampling="raw").conceive([parent], seed).genome.sizes.values())
            for seed in range(150)
        ]
    )
    for column, (name, size) in enumerate(parent.genome.sizes.items()):
        p = 0.7 * printed[name]
        deviation = np.sqrt((p * (1 - p)).sum() / 150)
        assert sizes[:, column].mean() == pytest.approx(p.sum(), abs=4.5 * deviation), f"{name} of {size}"


def test_clusters_survive_by_their_probability_and_sharpness_makes_it_steeper(lenet: Organism) -> None:
    parent, n = organism(1, lenet), 120
    anatomy = anatomy_of(parent.genome)
    printed = cluster_probabilities(anatomy, parent.tensors)
    spreads = []
    for sharpness in (1.0, 4.0):
        operator, alive = Synthesis(Environment(0.5), sharpness=sharpness), np.zeros(120)
        for seed in range(n):
            child = operator.conceive([parent], seed)
            alive[[tag[1] for tag in child.genome.tags["fc1"]]] += 1
        powers = {name: p**sharpness for name, p in printed.items()}
        expected = scale_to_share(anatomy, powers, 0.5, "params")["fc1"]
        assert np.abs(alive / n - expected).max() < 4.5 * np.sqrt(0.25 / n)
        spreads.append(np.corrcoef(alive / n, printed["fc1"])[0, 1] * (alive / n).std())
    assert spreads[1] > 1.4 * spreads[0]


def test_multiplications_may_be_what_is_scarce(lenet: Organism) -> None:
    parent = organism(1, lenet)
    operator = Synthesis(Environment(0.5), cost="macs")
    whole = anatomy_of(parent.genome)

    def macs(o: Organism) -> float:
        shapes = anatomy_of(o.genome).shapes
        return sum(math.prod(shapes[name]) * times for name, times in whole.positions.items())

    shares = [macs(operator.conceive([parent], seed)) / macs(parent) for seed in range(120)]
    assert np.mean(shares) == pytest.approx(0.5, abs=4 * np.std(shares) / np.sqrt(120))


class TestSynapses:
    def test_live_synapses_meet_the_share(self, lenet: Organism) -> None:
        """Clusters are left alone, so what is lost is synapses, and hardly a cluster loses them all."""
        parent = organism(1, lenet)
        operator = Synthesis(Environment(1.0), Environment(0.6))
        child = operator.conceive([parent], 3)
        live = sum(int(mask.sum()) for mask in child.masks.values())
        total = sum(parent.tensors[name].numel() for name in child.masks)
        assert set(child.masks) == {f"{layer}.weight" for layer in ("conv1", "conv2", "fc1", "fc2", "fc3")}
        assert live / total == pytest.approx(0.6, abs=4.5 * math.sqrt(0.25 / total) + 1e-3)

    def test_sharpness_spares_the_strong(self, lenet: Organism) -> None:
        def heard(sharpness: float) -> float:
            operator = Synthesis(Environment(1.0), Environment(0.5), sharpness=sharpness)
            child = operator.conceive([lenet], 3)
            return sum(float(child.tensors[name].abs().sum()) for name in child.masks)

        assert heard(8.0) > 1.1 * heard(1.0), "of as many synapses"

    def test_raw_keeps_by_the_formula(self, lenet: Organism) -> None:
        parent = organism(1, lenet)
        child = Synthesis(Environment(1.0), Environment(0.8), sampling="raw").conceive([parent], 3)
        # every cluster had chance exp(.. - 1) too, so judge the survivors by their own synapses
        clusters = {name: [tag[1] for tag in tags] for name, tags in child.genome.tags.items()}
        weight = parent.tensors["fc2.weight"][clusters["fc2"]][:, clusters["fc1"]]
        expected = 0.8 * printed(weight.abs())
        live = float(child.masks["fc2.weight"].sum())
        assert live == pytest.approx(float(expected.sum()), abs=4.5 * math.sqrt(weight.numel() / 4))

    def test_the_absent_stay_absent_through_generations(self, founder) -> None:
        parent = founder(0)
        operator = Synthesis(Environment(0.8), Environment(0.7), sharpness=2.0, spread=0.3)
        for generation in range(5):
            # masked weights would come back if anything but the mask were asked
            trained = {name: t + 10.0 for name, t in parent.tensors.items()}
            child = operator.conceive([Organism(parent.genome, trained, parent.masks)], generation)
            anatomy = anatomy_of(parent.genome)
            kept = {
                name: np.array([parent.genome.tags[name].index(tag) for tag in tags])
                for name, tags in child.genome.tags.items()
            }
            plan = anatomy.plan(kept)
            for name, inherited in plan.apply(parent.masks).items():
                assert not (child.masks[name] & ~inherited).any()
            for name, mask in child.masks.items():
                assert (child.tensors[name][~mask] == 0).all()
                assert torch.equal(child.tensors[name][mask], plan.apply(trained)[name][mask])
            before = sum(int(m.sum()) for m in parent.masks.values()) or math.inf
            assert sum(int(m.sum()) for m in child.masks.values()) < before
            for family in anatomy_of(child.genome).families:
                made, read = (
                    sum(
                        child.masks[s.tensor].movedim(s.dim, 0).flatten(1).sum(1).numpy()[s.positions].sum(1)
                        for s in family.slices
                        if s.role == role and s.tensor in child.masks
                    )
                    for role in ("made", "read")
                )
                assert family.size == 1 or (np.all(made > 0) and np.all(read > 0)), "no cluster is idle"
            parent = child

    def test_without_synapses_nothing_is_masked(self, lenet: Organism) -> None:
        assert Synthesis(Environment(0.5)).conceive([lenet], 1).masks == {}


class TestReinitialised:
    def test_the_shape_stays_and_the_weights_are_new(self, founder) -> None:
        parent = founder(0)
        inheriting = Synthesis(Environment(0.5), Environment(0.7))
        fresh = Synthesis(Environment(0.5), Environment(0.7), weights="fresh")
        one, other = (operator.conceive([parent], 4) for operator in (inheriting, fresh))
        assert one.genome == other.genome
        for name, mask in other.masks.items():
            assert torch.equal(mask, one.masks[name])
            assert (other.tensors[name][~mask] == 0).all()
            if mask.sum() > 1:
                assert not torch.equal(other.tensors[name], one.tensors[name])

    def test_fewer_inputs_have_larger_weights(self, lenet: Organism) -> None:
        child = Synthesis(Environment(0.3), weights="fresh").conceive([lenet], 4)
        weight, first = child.tensors["fc2.weight"], lenet.tensors["fc2.weight"]
        expected = float(first.std()) * math.sqrt(first.shape[1] / weight.shape[1])
        assert float(weight.std()) == pytest.approx(expected, rel=0.15)
        assert weight.shape[1] < first.shape[1]
