"""Evolutionary synthesis: offspring of one parent or several, drawn cluster by cluster and synapse by synapse.

    P(H_g | H_{g-1}, R_g) = prod_c [ P(s_{g,c} | W_{g-1}, R^c_g) * prod_{j in c} P(s_{g,j} | w_{g-1,j}, R^s_g) ]

Sources and formulas: `encoding.py`; environments R: `environment.py`. An absent synapse has probability 0. An offspring
is a sparsified clone of what its parents have in common (`frame.py`).

Departures, each an option:
* `sampling` "calibrated" (default): probabilities are scaled by one kappa for clusters and one for synapses, so that
  the *expected* size is the environment's share of the parents' mean; `kappas` set once are held instead. As printed
  ("raw") probabilities keep a share of their own, times the environment's.
* `sharpness` raises probabilities to a power. As printed (1) the weakest cluster still has 1/e of the strongest's
  chance, and late generations are close to random removal (lab/LOG.md).
* `spread` and `crowding` let the environment differ between families, see `removal.climate`.
* Without `synapses` (default) inheritance works on clusters alone: a masked zero in a dense tensor saves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from heredity.anatomy.anatomy import Kept
from heredity.anatomy.body import fresh_tensors
from heredity.anatomy.canonical import canonicalise
from heredity.errors import InputError
from heredity.measures.expected import Cost, Sizes
from heredity.rng import derive, generator, numpy_generator
from heredity.types import Tensors
from heredity.variation.encoding import Laid, Mating, mated, printed, scaled_to, truncated
from heredity.variation.environment import Environment, Probabilities, kappa_for, scaled
from heredity.variation.frame import Candidates, Frame, Matching, Weights, candidates_of, layers_of
from heredity.variation.operator import Masks, Operator, Organism
from heredity.variation.removal import climate, draw, remove


class Alphas(msgspec.Struct, frozen=True):
    """How much each parent counts, in the order of the parents; empty: all alike."""

    clusters: tuple[float, ...] = ()
    synapses: tuple[float, ...] = ()


class Kappas(msgspec.Struct, frozen=True):
    """By what the probabilities of clusters and of synapses are multiplied, where that is not to be calibrated."""

    clusters: float
    synapses: float = 1.0


class Synthesis(Operator, frozen=True, tag="synthesis"):
    """Synthesis from parents of one ancestor, the fittest first.

    `environment` is the clusters', R^c; `synapses` the synapses', R^s, or None to leave them alone. `cluster` says what
    lives or dies together: a filter with all that is coupled to it, or one kernel, a filter's weights for one input
    (then masks alone do it, and filters that lose all go). `cost` says what the share of filters is a share of.
    `truncation` is a share of the layer's largest magnitude.

    For several parents, `mating` and `alphas` make one strength of theirs; `matching` says which clusters are the same;
    `chi`, in (0, 1], is the share of parents that must have a cluster, or a synapse, for the offspring to have it.
    `weights` come from the fittest parent that has them, are the mean of those that have them, or are drawn anew.
    """

    environment: Environment
    synapses: Environment | None = None
    cluster: Literal["filter", "kernel"] = "filter"
    mating: Mating = "geometric"
    alphas: Alphas = Alphas()
    matching: Matching = "tags"
    chi: float = 1.0
    sampling: Literal["calibrated", "raw"] = "calibrated"
    kappas: Kappas | None = None
    sharpness: float = 1.0
    truncation: float = 0.0
    spread: float = 0.0
    crowding: float = 0.0
    cost: Cost = "params"
    weights: Weights = "fittest"

    def __post_init__(self) -> None:
        if not 0 < self.chi <= 1:
            raise InputError.of("a share chi of the parents in (0, 1]", self.chi, "1 is all of them")

    def conceive(self, parents: Sequence[Organism], seed: int) -> Organism:
        for alphas in filter(None, (self.alphas.clusters, self.alphas.synapses)):
            if len(alphas) < len(parents):
                raise InputError.of(
                    f"an alpha for each of {len(parents)} parents", len(alphas), "give as many, or none"
                )
        candidates = candidates_of(parents, self.chi, self.matching)
        kept: Kept = {}
        if self.cluster == "filter":
            kept = draw(rng := numpy_generator(seed), self._filter_chances(candidates, rng))
        frame = candidates.lay_out(kept)
        child = Organism(frame.genome, frame.inherited(self.weights))
        if self.cluster == "kernel" or self.synapses is not None or any(parent.masks for parent in parents):
            working, masks = canonicalise(frame.anatomy, self._masks(frame, seed))
            tensors = {n: t * masks[n] if n in masks else t for n, t in child.tensors.items()}
            child = remove(Organism(frame.genome, tensors, masks), frame.anatomy, working)
        return _reinitialised(child, seed) if self.weights == "fresh" else child

    def held(self, ancestor: Organism) -> Synthesis:
        """The same with the kappas that meet the environments for `ancestor`, held from now on (METHODS C)."""
        candidates = candidates_of([ancestor])
        if self.cluster == "filter":
            sizes = Sizes(candidates.whole.anatomy, self.cost)
            powers = self._filter_powers(candidates, numpy_generator(0), spread=0.0)
            clusters = kappa_for(sizes, powers, self.environment.share * sizes(ancestor.genome.sizes))
        else:
            clusters = self._kernels(candidates.lay_out({})).kappa(self.environment.share)
        synapses = 1.0 if self.synapses is None else self._synapses(candidates.lay_out({})).kappa(self.synapses.share)
        return msgspec.structs.replace(self, kappas=Kappas(clusters, synapses))

    def _filter_powers(self, candidates: Candidates, rng: np.random.Generator, spread: float) -> Probabilities:
        """By family `(candidates,)`: equation 6 of what the parents can pass on, sharpened, in their climate."""
        factor = climate(rng, candidates.genome.sizes, spread, self.crowding)
        powers: dict[str, NDArray[np.float64]] = {}
        for family, strengths in candidates.strengths(self.truncation).items():
            laid = Laid(torch.from_numpy(strengths), torch.from_numpy(1.0 - candidates.owns[family]))
            together = mated(laid, self.alphas.clusters, self.mating)
            powers[family] = factor[family] * printed(together, self.sharpness).numpy()
        return powers

    def _filter_chances(self, candidates: Candidates, rng: np.random.Generator) -> Probabilities:
        """By family `(candidates,)`: the chance of each filter to be passed on."""
        powers = self._filter_powers(candidates, rng, self.spread)
        if self.kappas is not None:
            kappa = self.kappas.clusters
        elif self.sampling == "raw":
            kappa = self.environment.share
        else:
            sizes = Sizes(candidates.whole.anatomy, self.cost)
            had = float(np.mean([sizes(parent.genome.sizes) for parent in candidates.parents]))
            kappa = kappa_for(sizes, powers, self.environment.share * had)
        return scaled(powers, kappa)

    def _masks(self, frame: Frame, seed: int) -> Masks:
        """Which synapses are passed on: kernel by kernel, one by one, or all."""
        among: Masks | None = None
        if self.cluster == "kernel":
            kernels = self._kernels(frame)
            kappa = self._kappa(kernels, self.environment, None if self.kappas is None else self.kappas.clusters)
            among = {
                name: _over(passed, frame.anatomy.shapes[name])
                for name, passed in kernels.tossed(kappa, numpy_generator(seed, "kernels")).items()
            }
        if self.synapses is None:
            common = {name: frame.laid(name).owners >= frame.needed for name in layers_of(frame.anatomy)}
            return common if among is None else {name: mask & among[name] for name, mask in common.items()}
        synapses = self._synapses(frame, among)
        kappa = self._kappa(synapses, self.synapses, None if self.kappas is None else self.kappas.synapses)
        return synapses.tossed(kappa, numpy_generator(seed, "synapses"))

    def _synapses(self, frame: Frame, among: Masks | None = None) -> Units:
        """Synapses, among those of a mask, with the powers of equation 7."""
        powers: dict[str, torch.Tensor] = {}
        live = 0.0
        for name in layers_of(frame.anatomy):
            laid = frame.laid(name)
            owners, strengths = laid.owners, mated(laid, self.alphas.synapses, self.mating)
            if among is not None:
                owners, strengths = owners * among[name], strengths * among[name]
            powers[name] = printed(strengths, self.sharpness) * (owners >= frame.needed)
            live += float(owners.sum(dtype=torch.float64))
        return Units(powers, live / len(frame.parents))

    def _kernels(self, frame: Frame) -> Units:
        """Kernels, `(out, in)` by weight, with the powers of equation 6."""
        powers: dict[str, torch.Tensor] = {}
        live = 0.0
        for name in layers_of(frame.anatomy):
            laid = frame.laid(name)
            planes = laid.planes
            if self.truncation:
                planes = torch.stack([truncated(plane, self.truncation) for plane in planes])
            planes = _by_kernel(planes.abs()).sum(3)
            kernels = Laid(planes, None if laid.lacks is None else _by_kernel(laid.lacks).amin(3))
            owners, strengths = kernels.owners, mated(kernels, self.alphas.clusters, self.mating)
            powers[name] = printed(strengths, self.sharpness) * (owners >= frame.needed)
            live += float(owners.sum(dtype=torch.float64))
        return Units(powers, live / len(frame.parents))

    def _kappa(self, units: Units, environment: Environment, held: float | None) -> float:
        if held is not None:
            return held
        return environment.share if self.sampling == "raw" else units.kappa(environment.share)


@dataclass(frozen=True)
class Units:
    """What is passed on one by one within the weights of layers: synapses, or kernels.

    `powers` are by weight, 0 where too few parents have a unit; `live` is how many a parent has on average.
    """

    powers: dict[str, torch.Tensor]
    live: float

    def kappa(self, share: float) -> float:
        """The kappa under which the expected number is this share of a parent's."""
        return scaled_to(share * self.live, list(self.powers.values()))

    def tossed(self, kappa: float, coins: np.random.Generator) -> Masks:
        """Whether each is passed on, by its own coin."""

        def uniform(shape: torch.Size) -> torch.Tensor:  # NumPy draws three times as fast as torch
            return torch.from_numpy(coins.random(tuple(shape), dtype=np.float32))

        return {name: uniform(p.shape) < kappa * p for name, p in self.powers.items()}


def _by_kernel(planes: torch.Tensor) -> torch.Tensor:
    """`(parents, out, in, positions)` of a layer's weights `(parents, out, in, ...)`."""
    return planes.reshape(*planes.shape[:3], -1)


def _over(kernels: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """What is so of kernels `(out, in)`, of all their synapses: `(out, in, ...)`."""
    return kernels.reshape(*kernels.shape, *[1] * (len(shape) - 2)).expand(*shape)


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
