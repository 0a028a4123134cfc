from __future__ import annotations

import functools
import itertools

import numpy as np
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import nn

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.canonical import canonicalise
from heredity.anatomy.trace import trace

WIDTHS = (3, 4, 3, 2)
WEIGHTS = ("0.weight", "2.weight", "4.weight")


@functools.cache
def anatomy() -> Anatomy:
    """3 inputs, hidden layers of 4 and 3 clusters, 2 outputs."""
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    return trace(module, (3,))


def drawn(seed: int, share: float) -> dict[str, torch.Tensor]:
    coins = torch.Generator().manual_seed(seed)
    shapes = {name: anatomy().shapes[name] for name in WEIGHTS}
    return {name: torch.rand(shape, generator=coins) < share for name, shape in shapes.items()}


def on_a_path(masks: dict[str, torch.Tensor]) -> tuple[set[int], set[int]]:
    """Brute force: the hidden clusters that lie on a path of live synapses from an input to an output."""
    first, second = set(), set()
    alive = [masks.get(name, torch.ones(anatomy().shapes[name], dtype=torch.bool)) for name in WEIGHTS]
    for i in range(3):
        for a in range(4):
            for b in range(3):
                for o in range(2):
                    if alive[0][a, i] and alive[1][b, a] and alive[2][o, b]:
                        first.add(a)
                        second.add(b)
    return first, second


@given(st.integers(0, 2**32), st.sampled_from([0.2, 0.4, 0.6, 0.9]), st.sets(st.sampled_from(WEIGHTS)))
@example(0, 0.0, set())
def test_clusters_on_live_paths_stay(seed: int, share: float, unmasked: set[str]) -> None:
    masks = {name: mask for name, mask in drawn(seed, share).items() if name not in unmasked}
    before = {name: mask.clone() for name, mask in masks.items()}
    kept, left = canonicalise(anatomy(), masks)
    assert all(torch.equal(masks[name], before[name]) for name in masks), "what is given stays as it was"
    paths = dict(zip(("0", "2"), on_a_path(masks), strict=True))
    for name, where in kept.items():
        assert len(where) >= 1
        assert where.tolist() == sorted(set(where.tolist()))
        if paths[name]:
            assert where.tolist() == sorted(paths[name])
    for name, mask in left.items():
        assert not (mask & ~masks[name]).any(), "the dead do not rise"
    for name, layer, dim in (("0", "0.weight", 0), ("0", "2.weight", 1), ("2", "2.weight", 0), ("2", "4.weight", 1)):
        gone = np.setdiff1d(np.arange(anatomy().sizes[name]), kept[name])
        if layer in left:
            assert not left[layer].index_select(dim, torch.from_numpy(gone)).any()


@given(st.integers(0, 2**32), st.sampled_from([0.3, 0.5]))
def test_it_is_done_when_it_is_done(seed: int, share: float) -> None:
    kept, masks = canonicalise(anatomy(), drawn(seed, share))
    again, same = canonicalise(anatomy(), masks)
    paths = dict(zip(("0", "2"), on_a_path(masks), strict=True))
    for name in kept:
        if paths[name]:
            assert again[name].tolist() == kept[name].tolist()
            assert all(torch.equal(same[weight], masks[weight]) for weight in masks)


@functools.cache
def deep() -> Anatomy:
    widths = (3, 4, 3, 4, 3, 2)
    layers = [m for a, b in itertools.pairwise(widths) for m in (nn.Linear(a, b), nn.ReLU())]
    return trace(nn.Sequential(*layers[:-1]), (3,))


@given(st.integers(0, 2**32))
@example(5720)  # a family whose last two clusters die at once, after its first
def test_no_family_dies_out(seed: int) -> None:
    coins = torch.Generator().manual_seed(seed)
    share = (0.1, 0.2, 0.3, 0.4)[seed % 4]
    masks = {
        name: torch.rand(deep().shapes[name], generator=coins) < share
        for name in deep().positions
        if torch.rand((), generator=coins) < 0.8
    }
    kept, _ = canonicalise(deep(), masks)
    assert min(len(where) for where in kept.values()) >= 1


def test_without_masks_everything_stays() -> None:
    kept, masks = canonicalise(anatomy(), {})
    assert {name: len(where) for name, where in kept.items()} == {"0": 4, "2": 3}
    assert masks == {}


def test_shared_channels_are_dead_only_when_all_their_makers_are() -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.a(x)
            return self.c(y + self.b(y))

    body = trace(Residual(), (3,))
    masks = {name: torch.ones(body.shapes[name], dtype=torch.bool) for name in ("a.weight", "b.weight", "c.weight")}
    masks["a.weight"][0] = False  # cluster 0 is still made by b
    masks["a.weight"][1] = masks["b.weight"][1] = False  # cluster 1 by nobody
    masks["c.weight"][:, 2] = False  # cluster 2 is still read by b
    kept, _ = canonicalise(body, masks)
    assert kept["a"].tolist() == [0, 2, 3]
