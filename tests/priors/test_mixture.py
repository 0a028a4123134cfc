from __future__ import annotations

import itertools

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from heredity.errors import InputError
from heredity.priors.densities import DENSITIES, Family
from heredity.priors.mixture import Component, Mixture, fitted, joined

FAMILIES: list[Family] = list(DENSITIES)
NORMS = torch.linspace(0, 4, 41, dtype=torch.float64)


@st.composite
def mixtures(draw: st.DrawFn) -> Mixture:
    count = draw(st.integers(1, 4))
    shares = torch.tensor([draw(st.floats(0.05, 1)) for _ in range(count)], dtype=torch.float64)
    shares = (shares / shares.sum()).tolist()
    return Mixture(
        tuple(
            Component(
                share,
                0.0 if k == 0 else draw(st.floats(0, 3, allow_subnormal=False)),
                draw(st.floats(0.05, 2)),
                draw(st.sampled_from(FAMILIES)),
            )
            for k, share in enumerate(shares)
        )
    )


def naive(mixture: Mixture, norm: float) -> float:
    """- log sum_j alpha_j F_j, without care."""
    total = 0.0
    for c in mixture.components:
        z = torch.tensor((norm - c.mean) / c.scale, dtype=torch.float64)
        total += c.share * float(DENSITIES[c.family].log(z).exp()) / c.scale
    return -float(torch.tensor(total, dtype=torch.float64).log())


@given(mixtures(), st.floats(0, 4, allow_subnormal=False))
def test_the_penalty_is_the_formula(mixture: Mixture, norm: float) -> None:
    found = mixture.penalty().value(torch.tensor([norm], dtype=torch.float64))
    expected = naive(mixture, norm)
    if expected < 600:  # else the naive sum underflows
        assert found.item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(mixtures())
def test_the_gradient_is_autograds_and_that_of_finite_differences(mixture: Mixture) -> None:
    kinks = [c.mean for c in mixture.components if c.family == "laplace"]
    norms = NORMS[[all(abs(float(n) - kink) > 1e-5 for kink in kinks) for n in NORMS]].clone().requires_grad_()
    penalty = mixture.penalty()
    penalty.value(norms).sum().backward()
    assert norms.grad is not None
    found = penalty.slope(norms.detach())
    assert torch.allclose(found, norms.grad, rtol=1e-9, atol=1e-9)
    h = 1e-6
    above, below = (penalty.value(norms.detach() + d) for d in (h, -h))
    assert torch.allclose(found, (above - below) / (2 * h), rtol=1e-3, atol=1e-3)


def test_far_from_all_modes_nothing_is_lost() -> None:
    mixture = Mixture((Component(0.5, 0, 0.01), Component(0.5, 1, 0.01)))
    far = torch.tensor([1e3, 1e5], dtype=torch.float64)
    assert mixture.penalty().value(far).isfinite().all()
    assert torch.allclose(mixture.penalty().slope(far), (far - 1) / 1e-4)


def test_one_gaussian_at_zero_is_weight_decay() -> None:
    mixture = Mixture((Component(1.0, 0.0, 0.3),))
    assert torch.allclose(mixture.penalty().slope(NORMS), NORMS / 0.09)


def test_parameters_may_differ_group_by_group() -> None:
    alike = [
        Mixture((Component(a, 0, s), Component(1 - a, m, s, "laplace"))) for a, m, s in ((0.3, 1, 0.2), (0.6, 2, 0.5))
    ]
    both = joined([mixture.penalty() for mixture in alike])
    norms = torch.tensor([0.4, 1.1], dtype=torch.float64)
    for what in ("value", "slope", "terms", "responsibilities"):
        found = getattr(both, what)(norms)
        for k, mixture in enumerate(alike):
            expected = getattr(mixture.penalty(), what)(norms[k : k + 1])
            assert torch.allclose(found[..., k], expected[..., 0])


@pytest.mark.parametrize(("first", "second"), list(itertools.product(FAMILIES, FAMILIES)))
def test_fitting_finds_what_norms_were_drawn_from(first: Family, second: Family) -> None:
    generator = torch.Generator().manual_seed(0)

    def drawn(family: Family, n: int) -> torch.Tensor:
        """By inverting the distribution of the standard form on a grid."""
        z = torch.linspace(-60, 60, 200_001, dtype=torch.float64)
        below = DENSITIES[family].log(z).exp().cumsum(0)
        return z[torch.searchsorted(below, below[-1] * torch.rand(n, generator=generator, dtype=torch.float64))]

    norms = torch.cat([0.1 * drawn(first, 3000), 2 + 0.2 * drawn(second, 7000)])
    start = Mixture((Component(0.5, 0.0, 0.5, first), Component(0.5, 1.5, 0.5, second)))
    low, high = fitted(norms, start).components
    assert low.mean == 0
    assert low.share == pytest.approx(0.3, abs=0.03)
    assert high.mean == pytest.approx(2, abs=0.05)
    assert low.scale == pytest.approx(0.1, rel=0.35)
    assert high.scale == pytest.approx(0.2, rel=0.35)


def test_fitting_gaussians_never_lowers_their_likelihood() -> None:
    norms = torch.rand(500, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mixture = Mixture((Component(0.5, 0.0, 0.1), Component(0.5, 1.0, 0.1)))
    last = float("inf")
    for _ in range(20):
        mixture = fitted(norms, mixture, rounds=1)
        now = float(mixture.penalty().value(norms).mean())
        assert now <= last + 1e-9
        last = now


@pytest.mark.parametrize("norms", [torch.ones(1), torch.full((5,), 0.7)])
def test_what_cannot_be_fitted_stays(norms: torch.Tensor) -> None:
    start = Mixture((Component(0.5, 0.0, 0.5), Component(0.5, 1.5, 0.5)))
    assert fitted(norms, start) == start


def test_what_is_no_mixture() -> None:
    good = Component(0.5, 0.0, 0.1)
    with pytest.raises(InputError, match=r"shares alpha that sum to 1; came 0\.5, 0\.4; correct the prior"):
        Mixture((good, Component(0.4, 1.0, 0.1)))
    with pytest.raises(InputError, match="sum to 1; came no components"):
        Mixture(())
    for scale in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="a scale sigma above 0"):
            Component(0.5, 0.0, scale)
    for share in (0.0, -0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match="a share alpha in"):
            Component(share, 0.0, 0.1)
