"""Evolutionary synthesis with cluster-driven genetic encoding.

Source: Shafiee & Wong, "Evolutionary Synthesis of Deep Neural Networks via Synaptic Cluster-driven Genetic Encoding"
(arXiv 1609.01360); formulas as printed in Chung, Shafiee, Wong, ICCVW 2017 (arXiv 1709.02043).

    P(H_g | H_{g-1}, R_g) = prod_c [ P(s_{g,c} | W_{g-1}, R^c_g) * prod_{j in c} P(s_{g,j} | w_{g-1,j}, R^s_g) ]
    cluster (eq. 6):  P(s_{g,c} | W) = exp( sum_{i in c} trunc(w_i) / Z - 1 )
    synapse (eq. 7):  P(s_{g,j} | w) = exp( w_j / z - 1 )

w are magnitudes; trunc sets those below a threshold to zero; Z is the largest cluster sum and z the largest magnitude
of a layer, so that probabilities lie in [1/e, 1]. An absent synapse has probability 0.

Departures, each an option:
* `sampling` "calibrated" (default): probabilities are scaled by one kappa so that the *expected* size is the
  environment's share of the parent. As printed ("raw") they keep a share of their own, times the environment's.
* `sharpness` raises probabilities to a power. As printed (1) the weakest cluster still has 1/e of the strongest's
  chance, and late generations are close to random removal (lab/LOG.md).
* `spread` and `crowding` let the environment differ between families, see `removal.climate`.
* Without `synapses` (default) inheritance works on clusters alone: a masked zero in a dense tensor saves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.body import anatomy_of, fresh_tensors
from heredity.anatomy.canonical import canonicalise
from heredity.rng import derive, generator, numpy_generator
from heredity.types import Tensors
from heredity.variation.environment import Environment, Probabilities, scale_to_share
from heredity.variation.operator import Masks, Operator, Organism
from heredity.variation.removal import climate, cluster_sums, draw, remove


class Synthesis(Operator, frozen=True, tag="synthesis"):
    """Asexual synthesis: one parent, the offspring a stochastically sparsified clone of it.

    `environment` is the clusters', R^c; `synapses` the synapses', R^s, or None to leave them alone. `cost` says what
    the clusters' share is a share of: "params" or "macs". `truncation` is a share of the layer's largest magnitude.
    """

    environment: Environment
    synapses: Environment | None = None
    sampling: Literal["calibrated", "raw"] = "calibrated"
    sharpness: float = 1.0
    truncation: float = 0.0
    spread: float = 0.0
    crowding: float = 0.0
    cost: str = "params"
    inherit: bool = True

    def conceive(self, parents: Sequence[Organism], seed: int) -> Organism:
        (parent,) = parents
        rng, anatomy = numpy_generator(seed), anatomy_of(parent.genome)
        printed = cluster_probabilities(anatomy, parent.tensors, self.truncation)
        factor = climate(rng, anatomy.families, self.spread, self.crowding)
        chances = {name: factor[name] * p**self.sharpness for name, p in printed.items()}
        if self.sampling == "calibrated":
            chances = scale_to_share(anatomy, chances, self.environment.share, self.cost)
        else:
            chances = {name: np.minimum(1.0, self.environment.share * p) for name, p in chances.items()}
        child = remove(parent, anatomy, draw(rng, chances))
        if self.synapses is not None:
            child = _thin(child, self, self.synapses.share, seed)
        return child if self.inherit else _reinitialised(child, seed)


def cluster_probabilities(anatomy: Anatomy, tensors: Tensors, truncation: float = 0.0) -> Probabilities:
    """Eq. 6 by family: `(clusters,)` in [1/e, 1]; a family whose weights are all zero is uniform."""
    found: dict[str, NDArray[np.float64]] = {}
    for family in anatomy.families:
        weights = tensors
        if truncation:
            names = {s.tensor for s in family.slices}
            weights = tensors | {n: _truncated(tensors[n], truncation) for n in names}
        sums = cluster_sums(family, weights)
        found[family.name] = np.exp(sums / (sums.max() or 1.0) - 1)
    return found


def _truncated(weight: torch.Tensor, share: float) -> torch.Tensor:
    return torch.where(weight.abs() < share * weight.abs().max(), 0.0, weight)


def synapse_probabilities(weight: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Eq. 7 for one layer, of the weight's shape, in [1/e, 1]; 0 where a synapse is absent already."""
    magnitude = weight.abs().double()
    probability = torch.exp(magnitude / magnitude.max().clamp_min(1e-300) - 1)
    return probability if mask is None else probability * mask


def _thin(child: Organism, settings: Synthesis, share: float, seed: int) -> Organism:
    """Passes on synapses of the surviving clusters one by one, and removes clusters that are left without any."""
    anatomy = anatomy_of(child.genome)
    printed = {
        name: synapse_probabilities(child.tensors[name], child.masks.get(name)) ** settings.sharpness
        for name in sorted(anatomy.positions)
        if any(s.tensor == name for family in anatomy.families for s in family.slices)
    }
    if settings.sampling == "calibrated":
        live = sum(int((p > 0).sum()) for p in printed.values())
        kappa = _kappa(torch.cat([p.flatten() for p in printed.values()]), share * live)
        chances = {name: (kappa * p).clamp_max(1.0) for name, p in printed.items()}
    else:
        chances = {name: (share * p).clamp_max(1.0) for name, p in printed.items()}
    coins = generator(seed, "synapses")
    masks: Masks = {n: torch.rand(p.shape, generator=coins, dtype=torch.float64) < p for n, p in chances.items()}
    tensors = child.tensors | {name: child.tensors[name] * mask for name, mask in masks.items()}
    kept, masks = canonicalise(anatomy, masks)
    return remove(Organism(child.genome, tensors, masks), anatomy, kept)


def _kappa(probabilities: torch.Tensor, target: float) -> float:
    """The kappa with sum(min(1, kappa p)) = target, exactly: sorted, the k largest are cut off at 1."""
    ordered = probabilities.sort(descending=True).values
    rest = ordered.flip(0).cumsum(0).flip(0)
    kappas = (target - torch.arange(len(ordered), dtype=torch.float64)) / rest.clamp_min(1e-300)
    reached = (kappas * ordered <= 1).nonzero()
    if len(reached):
        return max(float(kappas[reached[0, 0]]), 0.0)
    return 1 / max(float(ordered[ordered > 0].min()), 1e-300)


def _reinitialised(child: Organism, seed: int) -> Organism:
    """The same shape with new weights, drawn at the scale of those the constructor gives the ancestor."""
    first = fresh_tensors(child.genome.constructor, derive(seed, "weights"))
    coins = generator(seed, "weights")
    tensors: Tensors = {}
    for name, tensor in child.tensors.items():
        if tensor.dim() > 1:
            shrunk = tensor[0].numel() / first[name][0].numel()  # fewer inputs, larger weights
            spread = float(first[name].std()) / max(shrunk, 1e-12) ** 0.5
            tensors[name] = torch.randn(tensor.shape, generator=coins) * spread
        else:
            tensors[name] = first[name].mean().expand(tensor.shape).clone()
        if name in child.masks:
            tensors[name] = tensors[name] * child.masks[name]
    return Organism(child.genome, tensors, child.masks)
