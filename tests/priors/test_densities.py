from __future__ import annotations

import pytest
import scipy.stats
import torch

from heredity.priors.densities import DENSITIES, FREEDOM, Family
from heredity.priors.mixture import VARIANCES

ORACLES = {
    "gaussian": scipy.stats.norm,
    "laplace": scipy.stats.laplace,
    "logistic": scipy.stats.logistic,
    "student-t": scipy.stats.t(FREEDOM),
}
Z = torch.cat([torch.linspace(-40, 40, 321, dtype=torch.float64), torch.tensor([-600, 600], dtype=torch.float64)])


@pytest.mark.parametrize("family", DENSITIES)
def test_logarithms_are_scipys(family: Family) -> None:
    expected = torch.from_numpy(ORACLES[family].logpdf(Z.numpy()))
    assert torch.allclose(DENSITIES[family].log(Z), expected, rtol=1e-12)
    assert pytest.approx(ORACLES[family].var()) == VARIANCES[family]


@pytest.mark.parametrize("family", DENSITIES)
def test_slopes_are_autograds(family: Family) -> None:
    z = Z[Z != 0].clone().requires_grad_()
    DENSITIES[family].log(z).sum().backward()
    assert z.grad is not None
    assert torch.allclose(DENSITIES[family].slope(z.detach()), z.grad, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("family", DENSITIES)
def test_slopes_at_the_mode_are_zero(family: Family) -> None:
    assert DENSITIES[family].slope(torch.zeros(1)).item() == 0
