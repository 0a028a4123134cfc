from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.trace import trace
from heredity.measures.expected import Sizes
from heredity.measures.size import macs, params
from heredity.zoo.lenet import lenet5
from heredity.zoo.resnet import ResNet


@functools.cache
def anatomy(name: str) -> Anatomy:
    if name == "lenet5":
        return trace(lenet5((1, 8, 8)), (1, 8, 8))
    return trace(ResNet(3, 5, blocks=1), (3, 8, 8))


@given(st.sampled_from(["lenet5", "residual"]), st.integers(0, 2**32))
def test_the_size_of_whole_counts_is_exact(name: str, seed: int) -> None:
    rng, body = np.random.default_rng(seed), anatomy(name)
    kept = {f.name: np.sort(rng.permutation(f.size)[: rng.integers(1, f.size + 1)]) for f in body.families}
    counts = {family: float(len(where)) for family, where in kept.items()}
    small = body.select(kept)
    assert Sizes(body, "params")(counts) == pytest.approx(params(small), rel=1e-12)
    assert Sizes(body, "macs")(counts) == pytest.approx(macs(small), rel=1e-12)
    assert Sizes(body, "clusters")(counts) == sum(small.sizes.values())


def test_families_side_by_side_along_one_dimension_add_up() -> None:
    class Side(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Linear(2, 3), nn.Linear(2, 4), nn.Linear(7, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.c(torch.cat([self.a(x), self.b(x)], 1))

    body = trace(Side(), (2,))
    before = 3 * 3 + 4 * 3 + 7 * 2 + 2
    after = 1.5 * 3 + 3 * 3 + 4.5 * 2 + 2
    assert Sizes(body, "params")({"a": 1.5, "b": 3.0}) == pytest.approx(after)
    assert Sizes(body, "params")({}) == before
    assert Sizes(body, "clusters")({"a": 1.5}) == 1.5 + body.sizes["b"]
