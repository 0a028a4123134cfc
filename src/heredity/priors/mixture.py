"""Mixtures of densities as priors on norms: penalty, gradient, responsibilities, and fitting one to norms.

    R(w) = - sum_g log sum_j alpha_j F_j(w_g; mu_j, sigma_j)               (patent JP7085158B2; the sign: METHODS D)
    dR/dw_g = - sum_j r_gj d log F_j / dw_g,   r_gj = alpha_j F_j / sum_k alpha_k F_k

For Gaussians the gradient is sum_j r_gj (w_g - mu_j) / sigma_j^2. The first component is that of unneeded groups, with
mean 0; the others are those of needed ones (claim 4 of US12159222B2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import torch

from heredity.errors import InputError
from heredity.priors.densities import DENSITIES, Family


class Component(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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


class Mixture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The components, that of unneeded groups first, whose mean is the least; their shares sum to 1.

    Raises:
        InputError: they do not, there are none, or they come in another order.
    """

    components: tuple[Component, ...]

    def __post_init__(self) -> None:
        total = sum(component.share for component in self.components)
        if abs(total - 1) > 1e-6:
            shares = ", ".join(f"{component.share:g}" for component in self.components) or "no components"
            raise InputError.of("shares alpha that sum to 1", shares, "correct the prior")
        means = [component.mean for component in self.components]
        if not 0 <= means[0] <= min(means):
            came = ", ".join(f"{mean:g}" for mean in means)
            raise InputError.of(
                "means mu of at least 0, that of unneeded groups, the least, first", came, "correct them"
            )

    @property
    def families(self) -> tuple[Family, ...]:
        """Of the components."""
        return tuple(component.family for component in self.components)

    def penalty(self, groups: int = 1) -> MixturePenalty:
        """The same for each of so many groups; for any number of them if for 1."""
        own = [(math.log(c.share / c.scale), c.mean, c.scale) for c in self.components]
        columns = torch.tensor(own, dtype=torch.float64).T.unsqueeze(-1)
        weights, means, scales = columns.expand(3, len(own), groups)
        return MixturePenalty(weights, means, scales, self.families)


@dataclass(frozen=True)
class MixturePenalty:
    """The mixtures of all groups at once, each component a row: `(components, groups)`, or `(components, 1)` for all.

    `weights` are ln(alpha/sigma). Norms are `(groups,)`, of the dtype and on the device of these; see `to`.
    """

    weights: torch.Tensor
    means: torch.Tensor
    scales: torch.Tensor
    families: tuple[Family, ...]

    def to(self, like: torch.Tensor) -> MixturePenalty:
        """The same in the dtype and on the device of another tensor."""
        return MixturePenalty(self.weights.to(like), self.means.to(like), self.scales.to(like), self.families)

    def terms(self, norms: torch.Tensor) -> torch.Tensor:
        """`(components, groups)`: log(alpha_j F_j)."""
        return self.weights + self._each("log", (norms - self.means) / self.scales)

    def responsibilities(self, norms: torch.Tensor) -> torch.Tensor:
        """`(components, groups)`: which component a group is of, in shares that sum to 1."""
        return self.terms(norms).softmax(0)

    def value(self, norms: torch.Tensor) -> torch.Tensor:
        """`(groups,)`: R, which is - log sum_j alpha_j F_j."""
        return -self.terms(norms).logsumexp(0)

    def slope(self, norms: torch.Tensor) -> torch.Tensor:
        """`(groups,)`: the derivative of R by the norm."""
        z = (norms - self.means) / self.scales
        shares = (self.weights + self._each("log", z)).softmax(0)
        return (shares / self.scales).mul_(self._each("slope", z)).sum(0).neg_()

    def _each(self, what: Literal["log", "slope"], z: torch.Tensor) -> torch.Tensor:
        """What the density of each component says of its row."""
        if len(set(self.families)) == 1:
            return getattr(DENSITIES[self.families[0]], what)(z)
        rows = zip(self.families, z, strict=True)
        return torch.stack([getattr(DENSITIES[family], what)(row) for family, row in rows])


def between(first: Mixture, last: Mixture, progress: float) -> Mixture:
    """The mixture on the way from one to another of the same families, after a share `progress` of it.

    Shares and means change evenly, scales by equal factors.
    """
    return Mixture(
        tuple(
            Component(
                a.share + progress * (b.share - a.share),
                a.mean + progress * (b.mean - a.mean),
                a.scale * (b.scale / a.scale) ** progress,
                a.family,
            )
            for a, b in zip(first.components, last.components, strict=True)
        )
    )


def joined(parts: Sequence[MixturePenalty]) -> MixturePenalty:
    """Those of some groups, and of more, side by side; components of the same kinds."""
    weights, means, scales = (
        torch.cat([getattr(part, name) for part in parts], 1) for name in ("weights", "means", "scales")
    )
    return MixturePenalty(weights, means, scales, parts[0].families)


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
        weights = mixture.penalty().responsibilities(values)
        mass = weights.sum(1).clamp_min(1e-9)
        shares = (mass / mass.sum()).clamp_min(1e-3)
        shares = shares / shares.sum()
        found: list[Component] = []
        for j, component in enumerate(mixture.components):
            mean = component.mean if j == 0 else float(weights[j] @ values / mass[j])
            away = values - mean
            if component.family == "laplace":
                scale = float(weights[j] @ away.abs() / mass[j])
            else:
                scale = math.sqrt(float(weights[j] @ away.square() / mass[j]) / VARIANCES[component.family])
            found.append(Component(float(shares[j]), mean, max(scale, least), component.family))
        mixture = Mixture(tuple(found))
    return mixture


VARIANCES: dict[Family, float] = {"gaussian": 1.0, "laplace": 2.0, "logistic": math.pi**2 / 3, "student-t": 2.0}
"""Of the standard forms."""
