"""The one way in which networks become graphs: `torch.export`, with a free batch size. All formats begin here.

Of recordings the number of frames is free, too, where the network leaves it free.
"""

from __future__ import annotations

import contextlib
from typing import Protocol

import torch
from msgspec import UNSET
from torch.export import Dim, ExportedProgram

from heredity.anatomy.body import Deployed
from heredity.anatomy.inputs import InputForm, example
from heredity.errors import ExportError
from heredity.export.quiet import expecting

BATCH, FRAMES = "batch", "frames"
"""What free dimensions are called."""

FEWEST = 20
"""Frames, at least: torch will not leave it open whether a strided network answers once or more often."""

Free = dict[int, Dim]
"""Free dimensions by their number."""


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

    Raises:
        ExportError: torch cannot, or only for one size of batch.
    """
    if network.inputs.audio is not UNSET:
        with contextlib.suppress(ExportError):
            return _traced(network, {0: Dim(BATCH), 2: Dim(FRAMES, min=FEWEST)})
    return _traced(network, {0: Dim(BATCH)})


def free_dimensions(program: ExportedProgram) -> Free:
    """The dimensions of a graph's input that were left free, by the names that they shall have."""
    taken = next(node for node in program.graph.nodes if node.name in program.graph_signature.user_inputs)
    shape = taken.meta["val"].shape
    known = {0: Dim(BATCH), 2: Dim(FRAMES, min=FEWEST)}
    return {d: known[d] for d, size in enumerate(shape) if isinstance(size, torch.SymInt)}


def _traced(network: Network, free: Free) -> ExportedProgram:
    """The graph with these dimensions free.

    Running the network on stand-ins for tensors is tried first; it stumbles over `len(x)`, which Python wants to be a
    number, and which reading the network's bytecode ("strict") leaves free.

    Raises:
        ExportError: torch cannot.
    """
    module, batch = network.deployed(), example(network.inputs, 2)

    def trace(strict: bool) -> ExportedProgram:
        with expecting("a network that torch can export", "change what it says, or name another"):
            return torch.export.export(module, (batch,), dynamic_shapes=(free,), strict=strict)

    try:
        return trace(strict=False)
    except ExportError:
        with contextlib.suppress(ExportError):
            return trace(strict=True)
        raise
