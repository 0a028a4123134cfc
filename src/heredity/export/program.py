"""torch's own format: a program made by `torch.export`, loaded again, run, and compared with the module.

A `.pt2` file is a zip archive: the graph as JSON (`models/model.json`), the weights as raw bytes (`data/weights/`), and
torch's notes on both. Whoever loads it needs torch alone, neither heredity nor the network's source. Nothing of ours
is pickled; torch keeps a place for pickled sample inputs, which is left empty.
"""

from __future__ import annotations

import io

import torch
from torch.fx import GraphModule

from heredity.errors import ExportError
from heredity.export.compare import Answer, check_equal
from heredity.export.quiet import cause_of, quiet
from heredity.export.trace import traced
from heredity.variation.operator import Organism

TOLERANCE = 1e-5
"""Largest difference between a program's outputs and its module's, as a share of max(1, largest output): both run the
same kernels."""


def convert(organism: Organism) -> bytes:
    """An individual as a program file's content: what `to_onnx` takes and gives, the batch size free.

    It has yet to be compared with its module (`check`). The same organism gives the same bytes.

    Raises:
        ExportError: torch cannot export it.
    """
    program, buffer = traced(organism), io.BytesIO()
    program.example_inputs = None
    for part in program.graph_module.modules():
        for node in part.graph.nodes if isinstance(part, GraphModule) else ():
            node.meta.pop("stack_trace", None)  # it holds the paths of this machine
    try:
        with quiet():
            torch.export.save(program, buffer)
    except Exception as error:
        raise ExportError(
            f"expected a network that torch can save; came {cause_of(error)}; export it in another format"
        ) from error
    return buffer.getvalue()


def check(content: bytes, organism: Organism) -> float:
    """Load a program, compare it with the module, and give the largest difference.

    Raises:
        ExportError: it does not run, or they differ.
    """
    return check_equal(_answer_of(content), organism, "a program", TOLERANCE)


def _answer_of(content: bytes) -> Answer:
    try:
        with quiet():
            module = torch.export.load(io.BytesIO(content)).module()
    except Exception as error:
        raise _cannot_run(error) from error

    def answer(batch: torch.Tensor) -> torch.Tensor:
        try:
            with torch.no_grad():
                return module(batch)
        except Exception as error:
            raise _cannot_run(error) from error

    return answer


def _cannot_run(error: Exception) -> ExportError:
    return ExportError(
        f"expected a program that torch can run; came {cause_of(error)}; change what it says, or use another format"
    )
