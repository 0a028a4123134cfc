"""The one way in which networks become graphs: `torch.export`, with a free batch size. All formats begin here."""

from __future__ import annotations

import contextlib

import torch
from torch.export import Dim, ExportedProgram

from heredity.anatomy.body import deploy
from heredity.anatomy.inputs import example
from heredity.errors import ExportError
from heredity.export.quiet import expecting
from heredity.variation.operator import Organism

BATCH = "batch"
"""What the free dimension is called."""


def traced(organism: Organism) -> ExportedProgram:
    """An individual as torch's graph: takes what the user has `(batch, ...)`, returns what the module returns.

    Running the network on stand-ins for tensors is tried first; it stumbles over `len(x)`, which Python wants to be a
    number, and which reading the network's bytecode ("strict") leaves free.

    Raises:
        ExportError: torch cannot, or only for one size of batch.
    """
    network, batch = deploy(organism.genome, organism.tensors), example(organism.genome.inputs, 2)

    def trace(strict: bool) -> ExportedProgram:
        with expecting("a network that torch can export", "change what it says, or name another"):
            return torch.export.export(network, (batch,), dynamic_shapes=({0: Dim(BATCH)},), strict=strict)

    try:
        return trace(strict=False)
    except ExportError:
        with contextlib.suppress(ExportError):
            return trace(strict=True)
        raise
