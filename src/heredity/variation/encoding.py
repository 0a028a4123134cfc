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

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from heredity.anatomy.anatomy import Anatomy
from heredity.variation.removal import cluster_sums

Mating = Literal["product", "geometric", "linear"]
"""How the strengths of several parents become one."""


def cluster_strengths(
    anatomy: Anatomy, planes: Mapping[str, torch.Tensor], truncation: float = 0.0
) -> dict[str, NDArray[np.float64]]:
    """By family `(parents, clusters)`: sums of the magnitudes above `truncation`, a share of the layer's largest.

    `planes` are weights `(parents, *shape)` by name.
    """
    if truncation:
        planes = {name: truncated(plane, truncation) for name, plane in planes.items()}
    return {family.name: cluster_sums(family, planes) for family in anatomy.families}


def truncated(planes: torch.Tensor, share: float) -> torch.Tensor:
    """Weights `(parents, *shape)` with what is below this share of a parent's largest magnitude set to zero."""
    magnitudes = planes.abs()
    limits = share * magnitudes.flatten(1).amax(1)
    return torch.where(magnitudes < limits.reshape(-1, *[1] * (planes.dim() - 1)), 0.0, planes)


def mated(strengths: torch.Tensor, has: torch.Tensor | None, alphas: Sequence[float], mating: Mating) -> torch.Tensor:
    """The strength that parents give together, elementwise; of those alone who have the element, 0 if nobody has.

    `strengths` are magnitudes `(parents, *shape)`, zero where a parent has nothing; `has` says where each has anything,
    None: everywhere. `alphas` weigh the parents; empty: all alike.
    """
    if len(strengths) == 1:
        return strengths[0]
    if alphas:
        strengths = strengths * torch.tensor(alphas[: len(strengths)], dtype=strengths.dtype).reshape(
            -1, *[1] * (strengths.dim() - 1)
        )
    if mating == "linear":
        return strengths.sum(0)
    owners = len(strengths)
    if has is None:
        product = strengths.prod(0)
    else:
        owners = count(has)
        product = torch.where(has, strengths, 1.0).prod(0) * (owners > 0)
        owners = owners.clamp_min(1).to(product.dtype)
    return product if mating == "product" else product ** (1 / owners)


def count(has: torch.Tensor) -> torch.Tensor:
    """`(*shape)`, uint8: how many parents have each element, of `(parents, *shape)`."""
    return has.view(torch.uint8).sum(0, dtype=torch.uint8)


def printed(strengths: torch.Tensor, sharpness: float = 1.0) -> torch.Tensor:
    """Equations 6 and 7: strengths of one layer to probabilities in [1/e, 1], all alike if all are zero.

    `sharpness` is a power that they are raised to.
    """
    largest = float(strengths.max())
    return strengths.div(largest if largest > 0 else 1.0).sub_(1).mul_(sharpness).exp_()


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
