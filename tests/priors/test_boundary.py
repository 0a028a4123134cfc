from __future__ import annotations

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import assume, given

from heredity.errors import InputError
from heredity.priors.boundary import boundary, log_odds_for, parts_sides
from heredity.priors.densities import DENSITIES, Family
from heredity.priors.mixture import Component, Mixture

FAMILIES: list[Family] = list(DENSITIES)
FINE = 40_000


@st.composite
def pairs(draw: st.DrawFn, families: list[Family]) -> Mixture:
    share = draw(st.floats(0.02, 0.98))
    mean = draw(st.floats(0.2, 3))
    scales = st.floats(0.05, 1)
    first = Component(share, 0.0, draw(scales), draw(st.sampled_from(families)))
    return Mixture((first, Component(1 - share, mean, draw(scales), draw(st.sampled_from(families)))))


def brute_force(mixture: Mixture) -> float:
    """The last norm at which a group is rather of the first component, and just above it is not."""
    norms = torch.linspace(0, far(mixture), FINE, dtype=torch.float64)
    unneeded = mixture.penalty().responsibilities(norms)[0] > 0.5
    falls = torch.nonzero(unneeded[:-1] & ~unneeded[1:]).flatten()
    if len(falls):
        return float(norms[falls[-1]])
    return math.inf if unneeded[0] else 0.0


def far(mixture: Mixture) -> float:
    """Where all is said."""
    return max(component.mean + 30 * component.scale for component in mixture.components)


@given(pairs(FAMILIES))
def test_the_boundary_is_brute_forces(mixture: Mixture) -> None:
    expected, found = brute_force(mixture), boundary(mixture)
    margin = max(far(mixture) / FINE, 1e-3)
    near = torch.tensor([max(found - margin, 0), found + margin] if found < math.inf else [0.0], dtype=torch.float64)
    decided = (mixture.penalty().responsibilities(near)[0] - 0.5).abs().min() > 1e-6
    assume(decided and not 10 * margin > found > 0)  # a turn between two looks of either, or sides that hardly differ
    assume(not far(mixture) < found < math.inf)  # beyond what brute force looks at
    assert found == pytest.approx(expected, abs=2 * margin) if expected < math.inf else found == math.inf


def test_components_that_all_have_their_mode_at_zero() -> None:
    mixture = Mixture((Component(0.412, 0, 0.121), Component(0.447, 0, 0.0226, "logistic"), Component(0.141, 0, 1.61)))
    assert boundary(mixture) == pytest.approx(brute_force(mixture), abs=0.005)
    assert boundary(mixture) > 0.3


def test_sides_that_are_one() -> None:
    needed = Mixture((Component(0.001, 0, 1), Component(0.999, 1, 0.3)))
    unneeded = Mixture((Component(0.999, 0, 5), Component(0.001, 0.1, 1)))
    parted = Mixture((Component(0.5, 0, 0.3), Component(0.5, 1, 0.3)))
    assert [parts_sides(mixture) for mixture in (needed, unneeded, parted)] == [False, False, True]


@given(st.floats(0.05, 0.95), st.floats(0.2, 3), st.floats(0.05, 1))
def test_gaussians_of_equal_scale_have_the_closed_form(share: float, mean: float, scale: float) -> None:
    mixture = Mixture((Component(share, 0.0, scale), Component(1 - share, mean, scale)))
    t = mean / 2 + scale**2 / mean * math.log(share / (1 - share))
    assert boundary(mixture) == pytest.approx(max(t, 0.0), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_boundary_above_the_mean_of_needed_groups(family: Family) -> None:
    """Where hardly any group is needed, a norm must be large to be one of these."""
    mixture = Mixture((Component(0.97, 0, 0.2, family), Component(0.03, 0.4, 1, family)))
    found = boundary(mixture)
    assert 0.4 < found < 2
    assert found == pytest.approx(brute_force(mixture), abs=1e-3)
    spike_and_slab = Mixture((Component(0.5, 0, 0.1, family), Component(0.5, 0, 1, family)))
    assert boundary(spike_and_slab) == pytest.approx(brute_force(spike_and_slab), abs=1e-3)


def test_three_components() -> None:
    mixture = Mixture((Component(0.4, 0, 0.1), Component(0.3, 1, 0.1), Component(0.3, 2, 0.3, "student-t")))
    assert boundary(mixture) == pytest.approx(brute_force(mixture), abs=1e-3)


def test_a_larger_share_moves_the_boundary_up() -> None:
    found = [
        boundary(Mixture((Component(share, 0, 0.2), Component(1 - share, 1, 0.3, "logistic"))))
        for share in (0.1, 0.3, 0.5, 0.7, 0.9)
    ]
    assert found == sorted(found)
    assert found[0] < found[-1]


@given(pairs(FAMILIES), st.floats(0.2, 0.8))
def test_the_dial_turned_backwards(mixture: Mixture, place: float) -> None:
    """With the shares that log odds give, the first component ends at the threshold."""
    first, second = mixture.components
    threshold = place * second.mean
    odds = log_odds_for(threshold, first, second)
    assume(abs(odds) < 20)
    share = 1 / (1 + math.exp(-odds))
    turned = Mixture(
        (
            Component(share, 0.0, first.scale, first.family),
            Component(1 - share, second.mean, second.scale, second.family),
        )
    )
    at = torch.tensor([threshold], dtype=torch.float64)
    assert turned.penalty().responsibilities(at)[0, 0].item() == pytest.approx(0.5, abs=1e-6)  # 1 - share keeps no more


def test_equal_gaussians_have_the_closed_odds() -> None:
    odds = log_odds_for(0.7, Component(0.5, 0, 0.2), Component(0.5, 1, 0.2))
    assert odds == pytest.approx((0.7 - 0.5) * 1 / 0.04)


def test_one_component_has_no_boundary() -> None:
    with pytest.raises(InputError, match="a mixture of two components or more; came one"):
        boundary(Mixture((Component(1.0, 0.0, 1.0),)))
