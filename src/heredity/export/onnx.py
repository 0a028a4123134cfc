"""ONNX files: made by torch's exporter, freed of what is not the network, run, and compared with the module."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Generator
from typing import Any

os.environ.setdefault(
    "ORT_DISABLE_TELEMETRY", "1"
)  # before onnxruntime is imported: nothing is sent from a user's machine

import numpy as np  # the line above must come first
import onnx
import onnxruntime
import torch

from heredity.anatomy.body import anatomy_of, deploy
from heredity.anatomy.inputs import example
from heredity.errors import ExportError
from heredity.measures.latency import latency_ms
from heredity.measures.size import params
from heredity.variation.operator import Organism

TOLERANCE = 1e-4
"""Largest difference between a file's logits and its module's, as a share of max(1, largest logit)."""


def to_onnx(organism: Organism) -> bytes:
    """An individual as an ONNX file's content: float32 `(batch, ...)` as the user has it to logits `(batch, classes)`.

    The batch size is free, normalisation is in the graph, and the only initialisers are the network's weights. The same
    organism gives the same bytes.

    Raises:
        ExportError: torch cannot export it, or what the file computes is not what the module computes.
    """
    network = deploy(organism.genome, organism.tensors)
    batch = _inputs(organism, 2)
    try:
        with _silence():
            program = torch.onnx.export(
                network,
                (batch,),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                input_names=["input"],
                output_names=["logits"],
                external_data=False,
                verbose=False,
            )
    except Exception as error:
        raise ExportError(
            f"expected a network that torch can export; came {_cause(error)}; change what it says, or name another"
        ) from error
    if program is None:
        raise ExportError("expected a network that torch can export; came nothing from its exporter; name another")
    content = _bare(program.model_proto)
    check(content, organism)
    return content


def check(content: bytes, organism: Organism) -> None:
    """Run a file on batches of one and of seven, and compare it with the module.

    Raises:
        ExportError: they differ.
    """
    network, session = deploy(organism.genome, organism.tensors), session_of(content)
    for batch in (1, 7):
        inputs = _inputs(organism, batch)
        with torch.no_grad():
            expected = network(inputs).numpy()
        (came,) = session.run(None, {"input": inputs.numpy()})
        difference = float(np.abs(np.asarray(came) - expected).max())
        limit = TOLERANCE * max(1.0, float(np.abs(expected).max()))
        if not difference <= limit:
            raise ExportError(
                f"expected an ONNX file that equals its module within {limit:.1e}; came {difference:.1e}; not written"
            )


def session_of(content: bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """An onnxruntime session on the CPU with so many threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def file_latency_ms(content: bytes, organism: Organism) -> float:
    """Milliseconds that onnxruntime takes for one example, by `heredity.measures.latency.PROTOCOL`."""
    session, inputs = session_of(content), _inputs(organism, 1).numpy()
    return latency_ms(lambda: session.run(None, {"input": inputs}))


def graph_bytes(content: bytes, organism: Organism) -> int:
    """Bytes of a file that are not weights: for all descendants of an ancestor the same or a few less."""
    return len(content) - 4 * params(anatomy_of(organism.genome))


@contextlib.contextmanager
def _silence() -> Generator[None]:
    """The exporter's notes are about itself, and where it fails it prints graphs; the file is judged by running it."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            with contextlib.redirect_stderr(io.StringIO()):
                yield
    finally:
        logging.disable(level)


def _cause(error: BaseException) -> str:
    """What lies at the bottom of the exporter's error, in one line: it wraps the reason in pages of advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'without a word'}"


def _inputs(organism: Organism, batch: int) -> torch.Tensor:
    return example(organism.genome.inputs, batch, seed=batch)


def _bare(model: Any) -> bytes:
    """The model without metadata (source paths, tools), and with whatever is not a weight among its constants."""
    model.producer_version = ""
    for part in (model, model.graph, *model.functions, *model.graph.node, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]
        if hasattr(part, "doc_string"):
            part.doc_string = ""
    del model.graph.value_info[:]
    weights = [tensor for tensor in model.graph.initializer if tensor.name.startswith("network.")]
    constants = [tensor for tensor in model.graph.initializer if not tensor.name.startswith("network.")]
    nodes = [onnx.helper.make_node("Constant", [], [tensor.name], value=tensor) for tensor in constants]
    del model.graph.initializer[:]
    model.graph.initializer.extend(weights)
    for node in reversed(nodes):
        model.graph.node.insert(0, node)
    return model.SerializeToString(deterministic=True)
