"""Operators: how an offspring comes from its parents. Pure functions of (settings, parents, seed)."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import torch

from heredity.anatomy.body import Deployed, deploy
from heredity.anatomy.genome import Genome
from heredity.anatomy.inputs import InputForm
from heredity.types import Tensors

Masks = dict[str, torch.Tensor]
"""By weight: a boolean plane of the weight's shape; False marks an absent synapse."""

Moments = tuple[Tensors, ...]
"""What an optimiser remembers by parameter, if anything: means of gradients and of their squares, and their steps."""


@dataclass(frozen=True)
class Organism:
    """A genome with its weights, and the masks of its absent synapses, if any: what parents give and newborns are.

    `moments` go along where parents were trained in a litter, and where an offspring's weights are its parent's.
    """

    genome: Genome
    tensors: Tensors
    masks: Masks = field(default_factory=dict)
    moments: Moments = ()

    @property
    def inputs(self) -> InputForm:
        """What its network takes."""
        return self.genome.inputs

    def deployed(self) -> Deployed:
        """Its network in evaluation mode, taking input as the user has it."""
        return deploy(self.genome, self.tensors)


def packed(mask: torch.Tensor) -> np.ndarray:
    """A mask's plane, eight synapses to a byte."""
    return np.packbits(mask.cpu().numpy().ravel())


def mask_digest(masks: Masks) -> str | None:
    """Digest of all masks, as genomes carry it; None without masks."""
    if not masks:
        return None
    state = hashlib.sha256()
    for name in sorted(masks):
        state.update(f"{name}{tuple(masks[name].shape)}".encode() + packed(masks[name]).tobytes())
    return state.hexdigest()[:16]


def weights_digest(organism: Organism) -> str:
    """Digest of an organism's weights, masks and moments: equal for equal bits, on every machine of one byte order."""
    state = hashlib.sha256((mask_digest(organism.masks) or "").encode())
    for plane in (organism.tensors, *organism.moments):
        for name in sorted(plane):
            tensor = plane[name].detach().cpu().contiguous()
            state.update(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode() + tensor.numpy().tobytes())
    return state.hexdigest()[:16]


class Operator(msgspec.Struct, frozen=True):
    """Settings of one way to conceive; plain data, recorded with every birth.

    Contract: `conceive` depends on its arguments alone (`seed` seeds every draw), never changes its parents, and gives
    every family at least one cluster. Tensors that are returned may share memory with the parents'.
    """

    @abstractmethod
    def conceive(self, parents: Sequence[Organism], seed: int) -> Organism:
        """The newborn: genome, initial weights, masks."""
