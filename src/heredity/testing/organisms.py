"""Organisms to try operators on: small networks of every kind, in float64, and what they compute."""

from __future__ import annotations

import numpy as np
import torch

from heredity.anatomy.body import anatomy_of, ancestor, build, fresh_tensors
from heredity.anatomy.constructor import describe
from heredity.anatomy.inputs import InputForm, example
from heredity.testing.networks import KINDS
from heredity.variation.operator import Organism, mask_digest
from heredity.variation.removal import remove

SMALL: dict[str, tuple[str, InputForm]] = {
    **{name: (f"heredity.testing.networks:{name}", form) for name, (_, form) in KINDS.items()},
    "lenet5": ("lenet5", InputForm((1, 8, 8))),
    "resnet20": ("resnet20", InputForm((3, 16, 16))),
}
"""By name: a model's reference, and what it takes."""

TOLERANCE = 1e-9
"""Of outputs in float64, relative to the largest: what changes less changes nothing."""


def founder(name: str, seed: int = 0) -> Organism:
    """One of `SMALL`, with norms and biases that say something."""
    reference, form = SMALL[name]
    return found(reference, form, seed)


def found(reference: str, form: InputForm, seed: int = 0) -> Organism:
    """A network that takes inputs of this form, with norms and biases that say something."""
    constructor = describe(reference, {} if ":" in reference else {"input_shape": form.shape, "n_classes": 10})
    coins = torch.Generator().manual_seed(seed)
    tensors = {
        name: 0.5 + torch.rand(t.shape, generator=coins, dtype=torch.float64) if t.dim() == 1 else t.double()
        for name, t in fresh_tensors(constructor, seed).items()
    }
    return Organism(ancestor(constructor, form).genome, tensors)


def halved(organism: Organism, seed: int = 0) -> Organism:
    """With half of the clusters of every family, at random."""
    rng, sizes = np.random.default_rng(seed), organism.genome.sizes
    kept = {name: np.sort(rng.permutation(n)[: max(1, n // 2)]) for name, n in sizes.items()}
    return remove(organism, anatomy_of(organism.genome), kept)


def masked(organism: Organism, share: float = 0.5) -> Organism:
    """With so many of the synapses of every layer, at random."""
    coins = torch.Generator().manual_seed(0)
    layers = [n for n in sorted(anatomy_of(organism.genome).positions) if organism.tensors[n].dim() > 1]
    masks = {name: torch.rand(organism.tensors[name].shape, generator=coins) < share for name in layers}
    tensors = {n: t * masks[n] if n in masks else t for n, t in organism.tensors.items()}
    return Organism(organism.genome.with_masks(mask_digest(masks)), tensors, masks)


def outputs(organism: Organism) -> torch.Tensor:
    """What it computes for three examples."""
    network = build(organism.genome, {n: t.clone() for n, t in organism.tensors.items()}).double().eval()
    with torch.no_grad():
        return network(example(organism.genome.inputs, 3, 0, torch.float64))


def apart(one: Organism, other: Organism) -> float:
    """The largest difference of what two compute, relative to the largest output."""
    expected, came = outputs(one), outputs(other)
    if came.shape != expected.shape:
        return float("inf")
    return float((came - expected).abs().max() / max(1.0, float(expected.abs().max())))
