"""torch's own format: a program made by `torch.export`, loaded again, run, and compared with the module.

A `.pt2` file is a zip archive: the graph as JSON (`models/model.json`), the weights as raw bytes (`data/weights/`), and
torch's notes on both. Whoever loads it needs torch alone, neither heredity nor the network's source. Nothing of ours
is pickled; torch keeps a place for pickled sample inputs, which is left empty.
"""

from __future__ import annotations

import io

import torch
from torch.fx import GraphModule

from heredity.export.compare import Answer, check_equal
from heredity.export.quiet import expecting
from heredity.export.trace import Network, traced

TOLERANCE = 1e-5
"""Largest difference between a program's outputs and its module's, as a share of max(1, largest output): both run the
same kernels."""


def convert(network: Network) -> bytes:
    """A network as a program file's content: what `to_onnx` takes and gives, the batch size free.

    It has yet to be compared with its module (`check`). The same network gives the same bytes.

    Raises:
        ExportError: torch cannot export it.
    """
    program, buffer = traced(network), io.BytesIO()
    program.example_inputs = None
    for part in program.graph_module.modules():
        for node in part.graph.nodes if isinstance(part, GraphModule) else ():
            node.meta.pop("stack_trace", None)  # it holds the paths of this machine
    with expecting("a network that torch can save", "export it in another format"):
        torch.export.save(program, buffer)
    return buffer.getvalue()


def check(content: bytes, network: Network) -> float:
    """Load a program, compare it with the module, and give the largest difference.

    Raises:
        ExportError: it does not run, or they differ.
    """
    return check_equal(_answer_of(content), network, "a program", TOLERANCE)


def _answer_of(content: bytes) -> Answer:
    runs = "a program that torch can run", "change what it says, or use another format"
    with expecting(*runs):
        module = torch.export.load(io.BytesIO(content)).module()

    def answer(batch: torch.Tensor) -> torch.Tensor:
        with expecting(*runs), torch.no_grad():
            return module(batch)

    return answer
