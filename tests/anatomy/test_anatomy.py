from __future__ import annotations

import functools
import math

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from heredity.anatomy.anatomy import Anatomy, Kept
from heredity.anatomy.body import Ancestor, anatomy_of, ancestor
from heredity.anatomy.constructor import describe
from heredity.anatomy.genome import Genome, positions
from heredity.anatomy.inputs import InputForm
from heredity.zoo.resnet import ResNet


@functools.cache
def residual() -> Ancestor:
    """One block a stage: identity and projected shortcuts, batch norms, families of several makers."""
    form = InputForm((3, 8, 8))
    return ancestor(describe(lambda: ResNet(3, 5, blocks=1), {}), form)


@st.composite
def selections(draw: st.DrawFn) -> list[Kept]:
    """Random removals one after the other, each among what the one before has left."""
    sizes, steps = dict(residual().anatomy.sizes), []
    for _ in range(draw(st.integers(1, 4))):
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        kept = {}
        for name in draw(st.lists(st.sampled_from(sorted(sizes)), unique=True)):
            count = int(rng.integers(1, sizes[name] + 1))
            kept[name] = np.sort(rng.permutation(sizes[name])[:count])
            sizes[name] = count
        steps.append(kept)
    return steps


def plain(anatomy: Anatomy) -> object:
    families = [(f.name, [(s.tensor, s.dim, s.role, s.positions.tolist()) for s in f.slices]) for f in anatomy.families]
    return families, dict(anatomy.shapes), dict(anatomy.positions), anatomy.outputs, dict(anatomy.folds)


@given(selections())
@settings(max_examples=40)
def test_selections_compose(steps: list[Kept]) -> None:
    first = residual()
    anatomy, genome = first.anatomy, first.genome
    composed = {family.name: np.arange(family.size) for family in first.anatomy.families}
    for kept in steps:
        anatomy, genome = anatomy.select(kept), genome.select(kept)
        composed |= {name: composed[name][where] for name, where in kept.items()}
        assert anatomy.sizes == genome.sizes
    assert plain(anatomy) == plain(first.anatomy.select(composed))
    assert genome == first.genome.select(composed)
    for name, where in positions(genome, first.genome).items():
        assert where.tolist() == composed[name].tolist()
    assert plain(anatomy_of(genome)) == plain(anatomy)


@given(selections())
@settings(max_examples=40)
def test_genomes_stay_sorted_and_survive_json(steps: list[Kept]) -> None:
    genome = functools.reduce(Genome.select, steps, residual().genome)
    for tags in genome.tags.values():
        assert list(tags) == sorted(set(tags))
    again = msgspec.json.decode(msgspec.json.encode(genome), type=Genome)
    assert again == genome
    assert again.digest == genome.digest
    reordered = msgspec.structs.replace(genome, tags=dict(reversed(genome.tags.items())))
    assert reordered.digest == genome.digest, "the order of families in memory means nothing"


@given(selections())
@settings(max_examples=20)
def test_shapes_count_what_is_kept(steps: list[Kept]) -> None:
    """One block a stage by hand: every weight's shape from the sizes of the families around it."""
    genome = functools.reduce(Genome.select, steps, residual().genome)
    n, shapes = genome.sizes, anatomy_of(genome).shapes
    widths = {0: n["conv1"], 1: n["conv1"], 2: n["stage2.0.conv2"], 3: n["stage3.0.conv2"]}
    assert shapes["conv1.weight"] == (widths[0], 3, 3, 3)
    assert shapes["classifier.weight"] == (5, widths[3])
    for stage in (1, 2, 3):
        inner, prefix = n[f"stage{stage}.0.conv1"], f"stage{stage}.0"
        assert shapes[f"{prefix}.conv1.weight"] == (inner, widths[stage - 1], 3, 3)
        assert shapes[f"{prefix}.bn1.running_var"] == (inner,)
        assert shapes[f"{prefix}.conv2.weight"] == (widths[stage], inner, 3, 3)
        if stage > 1:
            assert shapes[f"{prefix}.shortcut.0.weight"] == (widths[stage], widths[stage - 1], 1, 1)


def test_families_that_are_not_named_stay_whole() -> None:
    anatomy = residual().anatomy
    assert anatomy.plan({}).gathers == {}
    assert plain(anatomy.select({})) == plain(anatomy)
    everything = {family.name: np.arange(family.size) for family in anatomy.families}
    assert anatomy.plan(everything).gathers == {}


def test_the_mutable_share_counts_weights_that_shrink() -> None:
    anatomy = residual().anatomy
    total = sum(math.prod(anatomy.shapes[name]) for name in anatomy.parameters)
    assert anatomy.mutable_share == (total - 5) / total, "all but the five biases of the classifier"
