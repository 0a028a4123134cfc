from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.trace import trace
from heredity.errors import InputError
from heredity.measures.expected import Sizes
from heredity.variation.environment import Environment, scale_to_share
from heredity.zoo.lenet import lenet5
from heredity.zoo.resnet import ResNet


@functools.cache
def anatomy(name: str) -> Anatomy:
    if name == "lenet5":
        return trace(lenet5((1, 8, 8)), (1, 8, 8))
    return trace(ResNet(3, 5, blocks=1), (3, 8, 8))


def weights(anatomy: Anatomy) -> int:
    return sum(math.prod(anatomy.shapes[name]) for name in anatomy.parameters)


@given(
    st.sampled_from(["lenet5", "residual"]),
    st.sampled_from(["params", "macs", "clusters"]),
    st.floats(0.002, 1.0),
    st.integers(0, 2**32),
)
def test_scaling_meets_the_share_with_one_factor(name: str, cost: str, share: float, seed: int) -> None:
    """Against a root found by Brent's method: the same probabilities, and the share where it can be met."""
    rng, body = np.random.default_rng(seed), anatomy(name)
    drawn = {f.name: rng.uniform(0.1, 1.0, f.size) for f in body.families}
    scaled = scale_to_share(body, drawn, share, cost)

    def excess(kappa: float) -> float:
        counts = {n: max(1.0, float(np.minimum(1, kappa * w).sum())) for n, w in drawn.items()}
        return Sizes(body, cost)(counts) / Sizes(body, cost)({}) - share

    kappa = 0.0 if excess(0.0) >= 0 else brentq(excess, 0.0, 10.0, xtol=1e-14) if excess(10.0) > 0 else 10.0
    for family, p in scaled.items():
        assert p.min() >= 0
        assert p.max() <= 1
        assert p == pytest.approx(np.minimum(1, kappa * drawn[family]), abs=1e-6)


def test_a_share_below_the_smallest_network_leaves_the_smallest() -> None:
    body = anatomy("lenet5")
    drawn = {f.name: np.full(f.size, 1.0) for f in body.families}
    for p in scale_to_share(body, drawn, 1e-9, "params").values():
        assert p.sum() <= 1 + 1e-6


def test_zero_weights_stay_zero() -> None:
    body = anatomy("lenet5")
    drawn = {f.name: np.linspace(0, 1, f.size) for f in body.families}
    for p in scale_to_share(body, drawn, 0.9, "params").values():
        assert p[0] == 0
        assert p[-1] == 1
    nothing = {f.name: np.zeros(f.size) for f in body.families}
    assert all((p == 0).all() for p in scale_to_share(body, nothing, 0.5, "params").values())


def test_two_readings_of_one_environment() -> None:
    assert Environment(0.7).share == Environment(0.3, "scarcity").share == pytest.approx(0.7)
    assert Environment(0.0, "scarcity").share == Environment(1.0).share == 1.0


@pytest.mark.parametrize(
    ("value", "reading"), [(0.0, "keep"), (1.1, "keep"), (-0.1, "keep"), (math.nan, "keep"), (1.0, "scarcity")]
)
def test_environments_that_leave_nothing_are_refused(value: float, reading: str) -> None:
    with pytest.raises(InputError, match=r"expected an environment that leaves a share in \(0, 1\]; came .*; change"):
        Environment(value, reading)
