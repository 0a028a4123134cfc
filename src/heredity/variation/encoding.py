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
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from heredity.anatomy.anatomy import Anatomy
from heredity.types import Tensors
from heredity.variation.removal import cluster_sums

Mating = Literal["product", "geometric", "linear"]
"""How the strengths of several parents become one."""


def cluster_strengths(anatomy: Anatomy, tensors: Tensors, truncation: float = 0.0) -> dict[str, NDArray[np.float64]]:
    """By family `(clusters,)`: sums of the magnitudes above `truncation`, a share of the layer's largest."""
    if truncation:
        tensors = {name: truncated(tensor, truncation) for name, tensor in tensors.items()}
    return {family.name: cluster_sums(family, tensors) for family in anatomy.families}


def truncated(weight: torch.Tensor, share: float) -> torch.Tensor:
    """A weight with what is below this share of its largest magnitude set to zero."""
    return torch.where(weight.abs() < share * weight.abs().max(), 0.0, weight)


def mated(strengths: torch.Tensor, has: torch.Tensor, alphas: Sequence[float], mating: Mating) -> torch.Tensor:
    """The strength that parents give together, elementwise; of those alone who have the element, 0 if nobody has.

    `strengths` are magnitudes `(parents, *shape)`, `has` says where each parent has anything, `alphas` weigh the
    parents; empty: all alike.
    """
    if len(strengths) == 1:
        return strengths[0]
    if alphas:
        strengths = strengths * torch.tensor(alphas[: len(strengths)], dtype=strengths.dtype).reshape(
            -1, *[1] * (strengths.dim() - 1)
        )
    if mating == "linear":
        return (strengths * has).sum(0)
    owners = has.sum(0)
    product = torch.where(has, strengths, 1.0).prod(0) * (owners > 0)
    return product if mating == "product" else product ** (1 / owners.clamp_min(1).to(product.dtype))


def printed(strengths: torch.Tensor) -> torch.Tensor:
    """Equations 6 and 7: strengths of one layer to probabilities in [1/e, 1]; all alike if all are zero."""
    largest = strengths.max()
    return torch.exp(strengths / torch.where(largest > 0, largest, 1.0) - 1)


def scaled_to(target: float, probabilities: Sequence[torch.Tensor]) -> float:
    """The kappa with sum(min(1, kappa p)) = target, or under which all are certain if they are too few (METHODS A).

    The sum is concave and piecewise linear in kappa: each step solves the piece on which the last one ended, and comes
    closer from below.
    """
    together = torch.cat([p.flatten() for p in probabilities]) if probabilities else torch.zeros(0)
    total = float(together.sum(dtype=torch.float64))
    kappa, certain, rest = 0.0, 0.0, total
    while rest > 0 and (step := (target - certain) / rest) > kappa * (1 + 1e-12):
        kappa = step
        reached = kappa * together >= 1
        certain, rest = float(reached.sum()), total - float((together * reached).sum(dtype=torch.float64))
    return kappa
