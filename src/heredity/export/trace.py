"""The one way in which networks become graphs: `torch.export`, with a free batch size. All formats begin here."""

from __future__ import annotations

import contextlib
from typing import Protocol

import torch
from torch.export import Dim, ExportedProgram

from heredity.anatomy.body import Deployed
from heredity.anatomy.inputs import InputForm, example
from heredity.errors import ExportError
from heredity.export.quiet import expecting

BATCH = "batch"
"""What the free dimension is called."""


class Network(Protocol):
    """What can be exported: an individual (an `Organism`), or several that answer as one (an `Ensemble`)."""

    @property
    def inputs(self) -> InputForm:
        """What it takes."""
        ...

    def deployed(self) -> Deployed:
        """The module in evaluation mode, taking input as the user has it."""
        ...


def traced(network: Network) -> ExportedProgram:
    """A network as torch's graph: takes what the user has `(batch, ...)`, returns what the module returns.

    Running the network on stand-ins for tensors is tried first; it stumbles over `len(x)`, which Python wants to be a
    number, and which reading the network's bytecode ("strict") leaves free.

    Raises:
        ExportError: torch cannot, or only for one size of batch.
    """
    module, batch = network.deployed(), example(network.inputs, 2)

    def trace(strict: bool) -> ExportedProgram:
        with expecting("a network that torch can export", "change what it says, or name another"):
            return torch.export.export(module, (batch,), dynamic_shapes=({0: Dim(BATCH)},), strict=strict)

    try:
        return trace(strict=False)
    except ExportError:
        with contextlib.suppress(ExportError):
            return trace(strict=True)
        raise
