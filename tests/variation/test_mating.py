"""Offspring of several parents, against what is found element by element in the ancestor's own coordinates."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import msgspec
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings

from heredity.anatomy.body import anatomy_of, ancestor
from heredity.anatomy.genome import positions
from heredity.errors import InputError
from heredity.measures.expected import Sizes
from heredity.variation.encoding import Laid, mated, printed
from heredity.variation.environment import Environment
from heredity.variation.frame import candidates_of, needed_of
from heredity.variation.operator import Organism
from heredity.variation.synthesis import Alphas, Kappas, Synthesis

ALL = Environment(1.0)
CERTAIN = Kappas(1e9, 1e9)
"""Every candidate lives."""


def unlike(parent: Organism, seed: int) -> Organism:
    """The same genome after a life of its own."""
    coins = torch.Generator().manual_seed(seed)
    tensors = {n: t + 0.1 + torch.rand(t.shape, generator=coins) for n, t in parent.tensors.items()}
    masks = parent.masks
    return Organism(parent.genome, tensors | {n: tensors[n] * mask for n, mask in masks.items()}, masks)


def relatives(first: Organism, n: int, *, share: float = 0.6, synapses: float | None = None) -> list[Organism]:
    operator = Synthesis(Environment(share), None if synapses is None else Environment(synapses))
    return [unlike(operator.conceive([first], seed), seed) for seed in range(n)]


def unrolled(organism: Organism) -> dict[str, np.ndarray]:
    """Every tensor in the ancestor's shape, NaN where the organism has no cluster or no synapse."""
    first = ancestor(organism.genome.constructor, organism.genome.inputs)
    gathers = first.anatomy.plan(positions(organism.genome, first.genome)).gathers
    found: dict[str, np.ndarray] = {}
    for name, tensor in organism.tensors.items():
        shape = first.anatomy.shapes[name]
        values = tensor.numpy().astype(np.float64)
        if name in organism.masks:
            values = np.where(organism.masks[name].numpy(), values, np.nan)
        found[name] = np.full(shape, np.nan)
        where = [gathers.get(name, {}).get(d, np.arange(length)) for d, length in enumerate(shape)]
        found[name][np.ix_(*where)] = values
    return found


def owned(parents: list[Organism], family: str) -> dict[tuple[int, int], int]:
    counts: dict[tuple[int, int], int] = {}
    for parent in parents:
        for tag in parent.genome.tags[family]:
            counts[tag] = counts.get(tag, 0) + 1
    return counts


@pytest.mark.parametrize("chi", [0.2, 0.5, 0.6, 1.0])
def test_a_cluster_is_a_candidate_where_enough_parents_have_it(founder, chi: float) -> None:
    parents = relatives(founder(0), 5)
    child = Synthesis(ALL, chi=chi, kappas=CERTAIN).conceive(parents, 1)
    needed = math.ceil(chi * 5 - 1e-9)
    for family, tags in child.genome.tags.items():
        common = sorted(tag for tag, count in owned(parents, family).items() if count >= needed)
        assert list(tags) == common or (not common and len(tags) == 1)


@pytest.mark.parametrize("synapses", [None, 0.7])
@pytest.mark.parametrize("chi", [0.4, 1.0])
def test_weights_come_from_the_fittest_who_has_them(founder, chi: float, synapses: float | None) -> None:
    parents = relatives(founder(0), 3, synapses=synapses)
    child = Synthesis(ALL, ALL if synapses else None, chi=chi, kappas=CERTAIN).conceive(parents, 1)
    mine, theirs = unrolled(child), [unrolled(parent) for parent in parents]
    for name, values in mine.items():
        candidates = np.stack([own[name] for own in theirs])
        first = np.full(values.shape, np.nan)
        for own in candidates[::-1]:
            first = np.where(np.isnan(own), first, own)
        has = ~np.isnan(values)
        known = has & ~np.isnan(first)
        assert np.array_equal(values[known], first[known].astype(np.float32))
        assert (values[has & np.isnan(first)] == 0).all(), "between clusters that no parent had both of"
        if name in child.masks:
            count = (~np.isnan(candidates)).sum(0)
            assert not (has & (count < needed_of(3, chi))).any(), "a synapse needs its share of parents too"


def test_weights_may_be_the_mean_of_those_who_have_them(founder) -> None:
    parents = relatives(founder(0), 3)
    child = Synthesis(ALL, chi=0.4, kappas=CERTAIN, weights="mean").conceive(parents, 1)
    mine, theirs = unrolled(child), [unrolled(parent) for parent in parents]
    for name, values in mine.items():
        candidates = np.stack([own[name] for own in theirs])
        has = ~np.isnan(values) & ~np.isnan(candidates).all(0)
        expected = np.nanmean(candidates[:, has], 0)
        assert values[has] == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_without_tags_clusters_are_matched_by_their_place(founder) -> None:
    parents = relatives(founder(0), 2)
    numbered = [
        Organism(
            msgspec.structs.replace(
                p.genome, tags={f: tuple((0, i) for i in range(len(tags))) for f, tags in p.genome.tags.items()}
            ),
            p.tensors,
        )
        for p in parents
    ]
    by_place = Synthesis(Environment(0.7), matching="position").conceive(parents, 3)
    by_tags = Synthesis(Environment(0.7)).conceive(numbered, 3)
    assert by_place.genome == by_tags.genome
    assert all(torch.equal(by_place.tensors[name], by_tags.tensors[name]) for name in by_tags.tensors)
    assert by_place.genome.sizes != Synthesis(Environment(0.7)).conceive(parents, 3).genome.sizes


@given(st.integers(1, 5), st.integers(0, 99), st.sampled_from(["product", "geometric", "linear"]), st.booleans())
def test_strengths_together(m: int, seed: int, mating, weighted: bool) -> None:
    """Against the printed formulas, element by element; over those parents who have the element."""
    rng = np.random.default_rng(seed)
    strengths, has = rng.uniform(0.01, 2, (m, 6)), rng.random((m, 6)) < 0.7
    alphas = rng.uniform(0.2, 1, m) if weighted else np.ones(m)
    laid = Laid(torch.from_numpy(strengths * has), torch.from_numpy(1.0 - has))
    came = mated(laid, alphas.tolist(), mating).numpy()
    for j in range(6):
        own = [(alphas[k] if m > 1 else 1) * strengths[k, j] for k in range(m) if has[k, j]]
        product = math.prod(own) if own else 0.0
        expected = {
            "product": product,
            "geometric": product ** (1 / len(own)) if own else 0.0,
            "linear": sum(own),
        }[mating]
        assert came[j] == pytest.approx(expected, rel=1e-9)


def test_a_product_has_its_own_normaliser() -> None:
    strengths = torch.tensor([[0.1, 0.2], [0.3, 0.3]])
    p = printed(mated(Laid(strengths, None), [0.5, 0.5], "product"))
    assert p.tolist() == pytest.approx([math.exp(0.03 / 0.06 - 1), 1.0])


def test_what_is_common_decides_when_nothing_else_does(founder) -> None:
    """Parents that are one and the same give what one parent gives."""
    (parent,) = relatives(founder(0), 1, synapses=0.7)
    one = Synthesis(Environment(0.7), Environment(0.8), sharpness=2.0).conceive([parent], 4)
    five = Synthesis(Environment(0.7), Environment(0.8), sharpness=2.0).conceive([parent] * 5, 4)
    assert one.genome.tags == five.genome.tags
    assert all(float((mask ^ five.masks[name]).float().mean()) < 0.01 for name, mask in one.masks.items())


@pytest.mark.parametrize("chi", [0.4, 1.0])
def test_the_environment_is_a_share_of_the_parents_mean(lenet: Organism, chi: float) -> None:
    parents = relatives(lenet, 3, share=0.8)
    operator = Synthesis(Environment(0.6), chi=chi)
    sizes = [Sizes(anatomy_of(o.genome), "params")({}) for o in parents]
    came = [Sizes(anatomy_of(operator.conceive(parents, seed).genome), "params")({}) for seed in range(80)]
    candidates = candidates_of(parents, chi)
    largest = Sizes(candidates.whole.anatomy, "params")(candidates.genome.sizes)
    assert np.mean(came) == pytest.approx(min(0.6 * np.mean(sizes), largest), rel=0.05)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1000), st.integers(2, 5), st.sampled_from([0.2, 0.6, 1.0]), st.sampled_from(["filter", "kernel"]))
def test_any_mating_gives_a_sound_newborn(founder, seed: int, m: int, chi: float, cluster) -> None:
    """Also of parents that have hardly anything in common: a family keeps at least one cluster."""
    parents = [
        unlike(Synthesis(Environment(0.1), Environment(0.5)).conceive([founder(0)], seed + k), k) for k in range(m)
    ]
    child = Synthesis(Environment(0.5), Environment(0.7), chi=chi, cluster=cluster).conceive(parents, seed)
    anatomy = anatomy_of(child.genome)
    assert {name: tuple(t.shape) for name, t in child.tensors.items()} == dict(anatomy.shapes)
    assert min(child.genome.sizes.values()) >= 1
    assert all(not child.tensors[name][~mask].any() for name, mask in child.masks.items())


class TestKernels:
    def test_whole_kernels_go(self, founder) -> None:
        """Between filters that live on, a kernel is there with all its synapses, or not at all."""
        parent = founder(0)
        child = Synthesis(Environment(0.6), cluster="kernel", sharpness=2.0).conceive([parent], 2)
        total = live = 0
        for name, mask in child.masks.items():
            by_kernel = mask.reshape(*mask.shape[:2], -1)
            assert torch.equal(by_kernel.any(2), by_kernel.all(2))
            live += int(by_kernel.any(2).sum())
            total += parent.tensors[name].shape[:2].numel()
        assert live / total == pytest.approx(0.6, abs=0.08)

    def test_strong_ones_live(self, lenet: Organism) -> None:
        def heard(sharpness: float) -> float:
            child = Synthesis(Environment(0.5), cluster="kernel", sharpness=sharpness).conceive([lenet], 3)
            return sum(float(child.tensors[name].abs().sum()) for name in child.masks)

        assert heard(8.0) > 1.1 * heard(1.0)

    def test_then_synapses_of_those_that_live(self, founder) -> None:
        child = Synthesis(Environment(0.6), Environment(0.5), cluster="kernel").conceive([founder(0)], 2)
        total = sum(t.numel() for name, t in founder(0).tensors.items() if name in child.masks)
        assert sum(int(mask.sum()) for mask in child.masks.values()) / total == pytest.approx(0.3, abs=0.06)


class TestHeld:
    @pytest.mark.parametrize("crowding", [0.0, 0.5])
    def test_kappas_meet_the_environments_on_the_ancestor(self, founder, crowding: float) -> None:
        first = founder(0)
        operator = Synthesis(Environment(0.6), Environment(0.7), cost="clusters", crowding=crowding).held(first)
        assert operator.kappas is not None
        children = [operator.conceive([first], seed) for seed in range(40)]
        clusters = sum(first.genome.sizes.values())
        assert np.mean([sum(c.genome.sizes.values()) for c in children]) / clusters == pytest.approx(0.6, abs=0.03)
        held = msgspec.structs.replace(operator, environment=Environment(0.1), synapses=Environment(0.1))
        assert held.conceive([first], 3).genome == operator.conceive([first], 3).genome, "environments say no more"

    def test_of_kernels(self, founder) -> None:
        first = founder(0)
        operator = Synthesis(Environment(0.6), cluster="kernel").held(first)
        assert (
            operator.conceive([first], 3).genome
            == Synthesis(Environment(0.6), cluster="kernel").conceive([first], 3).genome
        )


def test_strangers_are_refused(founder, lenet: Organism) -> None:
    other = Organism(
        msgspec.structs.replace(lenet.genome, inputs=msgspec.structs.replace(lenet.genome.inputs, std=(2.0,))),
        lenet.tensors,
    )
    with pytest.raises(
        InputError, match="expected parents of one ancestor; came descendants of lenet5 and of lenet5; mate"
    ):
        Synthesis(ALL).conceive([lenet, other], 0)


@pytest.mark.parametrize("chi", [0.0, -0.1, 1.01, math.nan])
def test_a_chi_that_is_no_share_is_refused(chi: float) -> None:
    with pytest.raises(InputError, match=r"expected a share chi of the parents in \(0, 1\]; came"):
        Synthesis(ALL, chi=chi)


def test_too_few_alphas_are_refused(founder) -> None:
    operator = Synthesis(ALL, alphas=Alphas(clusters=(0.5, 0.5)))
    operator.conceive([founder(0)], 0)
    with pytest.raises(InputError, match="expected an alpha for each of 3 parents; came 2; give as many, or none"):
        operator.conceive([founder(0)] * 3, 0)
