"""Cluster-driven genetic encoding: from the strength of clusters and synapses to their chances of being passed on.

Source: Shafiee & Wong, "Evolutionary Synthesis of Deep Neural Networks via Synaptic Cluster-driven Genetic Encoding"
(arXiv 1609.01360); formulas as printed in Chung, Shafiee, Wong, ICCVW 2017 (arXiv 1709.02043), for several parents in
the same and in Chung, Fieguth, Wong, "Mitigating Architectural Mismatch".

    cluster (eq. 6):  P(s_{g,c} | W) = exp( sum_{i in c} trunc(w_i) / Z - 1 )
    synapse (eq. 7):  P(s_{g,j} | w) = exp( w_j / z - 1 )
    several parents:  W and w are mated: prod_k alpha_k W_k (sexual, gene tags), or sum_k alpha_k W_k (two parents)

w are magnitudes; trunc sets those below a threshold to zero; Z is the largest cluster's strength and z the largest
magnitude of a layer, so that probabilities lie in [1/e, 1]. Products have units of their own, magnitudes to the number
of parents: so Z and z are taken after mating; or the geometric mean is, which several numbers of parents share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch

Mating = Literal["product", "geometric", "linear"]
"""How the strengths of several parents become one."""


@dataclass(frozen=True)
class Laid:
    """What all parents have in some place: `planes (parents, ...)`, zero where one has no cluster or no synapse.

    `lacks` is 1 where a parent has nothing, else 0; None: all have everything.
    """

    planes: torch.Tensor
    lacks: torch.Tensor | None

    @cached_property
    def owners(self) -> torch.Tensor:
        """`(...)`: how many parents have each element."""
        if self.lacks is None:
            return torch.full(self.planes.shape[1:], float(len(self.planes)))
        return len(self.planes) - self.lacks.sum(0)

    @property
    def first(self) -> torch.Tensor:
        """`(...)`: of each element, what the first has who has it; zero if nobody has."""
        if self.lacks is None:
            return self.planes[0]
        joined = self.planes[-1]
        for k in reversed(range(len(self.planes) - 1)):
            joined = torch.addcmul(self.planes[k], self.lacks[k], joined)
        return joined

    @property
    def mean(self) -> torch.Tensor:
        """`(...)`: of each element, the mean of those who have it; zero if nobody has."""
        return self.planes.sum(0) / self.owners.clamp_min(1)


def truncated(weights: torch.Tensor, share: float) -> torch.Tensor:
    """A layer's weights with what is below this share of their largest magnitude set to zero."""
    magnitudes = weights.abs()
    return torch.where(magnitudes < share * magnitudes.amax(), 0.0, weights)


def mated(laid: Laid, alphas: Sequence[float], mating: Mating) -> torch.Tensor:
    """The strength that parents give together, elementwise; of those alone who have the element, 0 if nobody has.

    Magnitudes of what they have count. `alphas`, above 0, weigh the parents; empty: all alike.
    """
    weights = laid.planes
    if len(weights) == 1:
        return weights[0].abs()
    if alphas:
        weights = weights * torch.tensor(alphas[: len(weights)], dtype=weights.dtype).reshape(
            -1, *[1] * (weights.dim() - 1)
        )
    if mating == "linear":
        return weights.abs().sum(0)
    if laid.lacks is None:
        product = weights.prod(0).abs_()
    else:  # who has nothing gives a factor of 1
        product = (weights + laid.lacks).prod(0).abs_() * laid.owners.clamp_max(1)
    return product if mating == "product" else product.log_().div_(laid.owners.clamp_min(1)).exp_()


def printed(strengths: torch.Tensor, sharpness: float = 1.0) -> torch.Tensor:
    """Equations 6 and 7: strengths of one layer to probabilities in [1/e, 1], all alike if all are zero.

    `sharpness` is a power that they are raised to.
    """
    largest = float(strengths.max())
    return strengths.mul(sharpness / (largest if largest > 0 else 1.0)).sub_(sharpness).exp_()


def scaled_to(target: float, probabilities: Sequence[torch.Tensor]) -> float:
    """The kappa with sum(min(1, kappa p)) = target, or under which all are certain if they are too few (METHODS A).

    The sum is concave and piecewise linear in kappa: each step solves the piece on which the last one ended, and comes
    closer from below.
    """
    kappa, certain, rest = 0.0, 0, sum(float(p.sum()) for p in probabilities)
    while rest > 0 and (step := (target - certain) / rest) > kappa * (1 + 1e-7):
        kappa, limit = step, 1 / step
        certain = sum(int(torch.count_nonzero(p >= limit)) for p in probabilities)
        rest = sum(float(p.clamp_max(limit).sum()) for p in probabilities) - certain * limit
    return kappa
