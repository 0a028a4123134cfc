"""Mixtures of densities as priors on norms: penalty, gradient, responsibilities, and fitting one to norms.

    R(w) = - sum_g log sum_j alpha_j F_j(w_g; mu_j, sigma_j)               (patent JP7085158B2; the sign: METHODS D)
    dR/dw_g = - sum_j r_gj d log F_j / dw_g,   r_gj = alpha_j F_j / sum_k alpha_k F_k

For Gaussians the gradient is sum_j r_gj (w_g - mu_j) / sigma_j^2. The first component is that of unneeded groups, with
mean 0; the others are those of needed ones (claim 4 of US12159222B2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import torch

from heredity.errors import InputError
from heredity.priors.densities import DENSITIES, Family


class Component(msgspec.Struct, frozen=True):
    """One density of a mixture: its `share` alpha of the groups, and mu and sigma in the units of the norms."""

    share: float
    mean: float
    scale: float
    family: Family = "gaussian"

    def __post_init__(self) -> None:
        if not 0 < self.scale < math.inf:
            raise InputError.of("a scale sigma above 0", self.scale, "correct the prior")
        if not 0 < self.share <= 1 or not math.isfinite(self.mean):
            came = f"{self.share} and {self.mean}"
            raise InputError.of("a share alpha in (0, 1] and a finite mean mu", came, "correct the prior")


class Mixture(msgspec.Struct, frozen=True):
    """The components, that of unneeded groups first; their shares sum to 1.

    Raises:
        InputError: they do not, or there are none.
    """

    components: tuple[Component, ...]

    def __post_init__(self) -> None:
        total = sum(component.share for component in self.components)
        if abs(total - 1) > 1e-6:
            shares = ", ".join(f"{component.share:g}" for component in self.components) or "no components"
            raise InputError.of("shares alpha that sum to 1", shares, "correct the prior")

    @property
    def parameters(self) -> torch.Tensor:
        """`(3, components)`: log alpha, mu, sigma."""
        own = [(math.log(c.share), c.mean, c.scale) for c in self.components]
        return torch.tensor(own, dtype=torch.float64).T

    @property
    def families(self) -> tuple[Family, ...]:
        """Of the components."""
        return tuple(component.family for component in self.components)


def terms(norms: torch.Tensor, parameters: torch.Tensor, families: Sequence[Family]) -> torch.Tensor:
    """`(groups, components)`: log(alpha_j F_j). `parameters` are `(3, components)`, or `(3, groups, components)`."""
    return _terms(_standard(norms, parameters), parameters, families)


def penalty(norms: torch.Tensor, parameters: torch.Tensor, families: Sequence[Family]) -> torch.Tensor:
    """`(groups,)`: - log sum_j alpha_j F_j; see `terms`."""
    return -terms(norms, parameters, families).logsumexp(-1)


def slope(norms: torch.Tensor, parameters: torch.Tensor, families: Sequence[Family]) -> torch.Tensor:
    """`(groups,)`: the derivative of `penalty` by the norm."""
    z = _standard(norms, parameters)
    slopes = torch.stack([DENSITIES[family].slope(z[..., j]) for j, family in enumerate(families)], -1)
    shares = _terms(z, parameters, families).movedim(-1, 0).softmax(0).movedim(0, -1)  # much faster than softmax(-1)
    return -(shares * slopes / parameters[2]).sum(-1)


def _standard(norms: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
    """`(groups, components)`: z = (w - mu) / sigma."""
    return (norms.unsqueeze(-1) - parameters[1]) / parameters[2]


def _terms(z: torch.Tensor, parameters: torch.Tensor, families: Sequence[Family]) -> torch.Tensor:
    logs = torch.stack([DENSITIES[family].log(z[..., j]) for j, family in enumerate(families)], -1)
    return logs + (parameters[0] - parameters[2].log())


def responsibilities(norms: torch.Tensor, parameters: torch.Tensor, families: Sequence[Family]) -> torch.Tensor:
    """`(groups, components)`: which component a group is of, in shares that sum to 1."""
    return terms(norms, parameters, families).softmax(-1)


def fitted(norms: torch.Tensor, first: Mixture, rounds: int = 50) -> Mixture:
    """The mixture of the same families that expectation maximisation finds in these norms `(n,)`, from `first` on.

    The mean of the first component stays where it is. Exact for Gaussians; for the others means and scales are those of
    weighted moments: mean absolute deviation for the Laplace, variance over that of the standard form for the rest.
    No scale gets below a thousandth of the norms' own, no share below a thousandth.
    """
    values = norms.detach().double()
    if len(values) < 2 or float(values.std()) == 0:
        return first
    least = 1e-3 * float(values.std())
    mixture = first
    for _ in range(rounds):
        weights = responsibilities(values, mixture.parameters, mixture.families)
        mass = weights.sum(0).clamp_min(1e-9)
        shares = (mass / mass.sum()).clamp_min(1e-3)
        shares = shares / shares.sum()
        found: list[Component] = []
        for j, component in enumerate(mixture.components):
            mean = component.mean if j == 0 else float(weights[:, j] @ values / mass[j])
            away = values - mean
            if component.family == "laplace":
                scale = float(weights[:, j] @ away.abs() / mass[j])
            else:
                scale = math.sqrt(float(weights[:, j] @ away.square() / mass[j]) / VARIANCES[component.family])
            found.append(Component(float(shares[j]), mean, max(scale, least), component.family))
        mixture = Mixture(tuple(found))
    return mixture


VARIANCES: dict[Family, float] = {"gaussian": 1.0, "laplace": 2.0, "logistic": math.pi**2 / 3, "student-t": 2.0}
"""Of the standard forms."""
