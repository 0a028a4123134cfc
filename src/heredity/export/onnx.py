"""ONNX files: made by torch's exporter, freed of what is not the network, run, and compared with the module."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

os.environ.setdefault(
    "ORT_DISABLE_TELEMETRY", "1"
)  # before onnxruntime is imported: nothing is sent from a user's machine

import numpy as np  # the line above must come first
import onnx
import onnxruntime
import torch
from onnx import numpy_helper

from heredity.anatomy.body import ancestor
from heredity.anatomy.constructor import Constructor
from heredity.anatomy.inputs import InputForm, example
from heredity.anatomy.trial import random_weights
from heredity.errors import ExportError
from heredity.export.compare import Answer, check_equal
from heredity.export.quiet import expecting
from heredity.export.trace import Network, free_dimensions, traced
from heredity.measures.latency import latency_ms
from heredity.measures.size import params
from heredity.variation.operator import Organism

TOLERANCE = 1e-4
"""Largest difference between a file's outputs and its module's, as a share of max(1, largest output)."""

LAYERS = ("MatMul", "Gemm", "Conv", "ConvTranspose", "LSTM", "GRU", "RNN")
"""Nodes that read weights: the exporter turns some round, and gives them names of its own."""

INPUT, OUTPUT = "input", "logits"
"""What every file calls its input, and its output, whatever the outputs mean."""


def to_onnx(network: Network) -> bytes:
    """A network as an ONNX file's content, compared with its module (see `convert`).

    Raises:
        ExportError: torch cannot export it, or what the file computes is not what the module computes.
    """
    content = convert(network)
    check(content, network)
    return content


def convert(network: Network) -> bytes:
    """A network as an ONNX file's content, which has yet to be compared with its module (`check`).

    It takes what the user has, float32 or int64 tokens `(batch, ...)`, and returns what the module returns, such as
    logits `(batch, classes)`. The batch size is free, normalisation is in the graph, and the only initialisers are the
    network's weights. The same network gives the same bytes.

    Raises:
        ExportError: torch cannot export it.
    """
    program = traced(network)
    what, remedy = "a network that ONNX can hold", "change what it says, or name another"
    with expecting(what, remedy):
        made = torch.onnx.export(
            program,
            dynamo=True,
            dynamic_shapes=(free_dimensions(program),),  # for the names
            input_names=[INPUT],
            output_names=[OUTPUT],
            external_data=False,
            verbose=False,
        )
    if made is None:
        raise ExportError.of(what, "nothing from torch's exporter", remedy)
    return _bare(made.model_proto, program.state_dict)


def check(content: bytes, network: Network) -> float:
    """Run a file, compare it with the module, and give the largest difference.

    Raises:
        ExportError: it does not run, or they differ.
    """
    return check_equal(answer_of(content), network, "an ONNX file", TOLERANCE)


def answer_of(content: bytes) -> Answer:
    """A file as a function from a batch to outputs, by onnxruntime.

    Raises:
        ExportError: onnxruntime cannot run it.
    """
    runs = "a file that onnxruntime can run", "change what it says, or use another format"
    with expecting(*runs):
        session = session_of(content)

    def answer(batch: torch.Tensor) -> torch.Tensor:
        with expecting(*runs):
            (outputs,) = session.run([OUTPUT], {INPUT: batch.numpy()})
        return torch.from_numpy(np.asarray(outputs))

    return answer


def session_of(content: bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """An onnxruntime session on the CPU with so many threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def file_latency_ms(content: bytes, inputs: InputForm) -> float:
    """Milliseconds that onnxruntime takes for one example, by `heredity.measures.latency.PROTOCOL`."""
    session, batch = session_of(content), example(inputs, 1).numpy()
    return latency_ms(lambda: session.run(None, {INPUT: batch}))


def graph_bytes(constructor: Constructor, inputs: InputForm) -> int:
    """Bytes of a file that are not weights: for all descendants of an ancestor the same or a few less.

    Random weights are exported: of fresh ones, the exporter leaves out biases that are zero and scales that are one.

    Raises:
        ExportError: torch cannot export the ancestor.
    """
    first = ancestor(constructor, inputs)
    weights = random_weights(first.module, first.anatomy)
    content = to_onnx(Organism(first.genome, {name: tensor.float() for name, tensor in weights.items()}))
    return len(content) - 4 * params(first.anatomy)


def _bare(model: Any, weights: Mapping[str, torch.Tensor]) -> bytes:
    """The model without metadata (source paths, tools), and with whatever is not a weight among its constants."""
    model.producer_version = ""
    for part in (model, model.graph, *model.functions, *model.graph.node, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]
        if hasattr(part, "doc_string"):
            part.doc_string = ""
    del model.graph.value_info[:]
    graph = model.graph
    held = {tensor.name: tensor for tensor in graph.initializer}
    kept = _weights_among(graph, weights)
    turned = _turned_round({name: numpy_helper.to_array(held[name]) for name in kept}, weights)
    nodes = [onnx.helper.make_node("Constant", [], [name], value=held[name]) for name in held if name not in kept]
    nodes += [onnx.helper.make_node("Transpose", [source], [name], perm=[1, 0]) for name, source in turned.items()]
    del graph.initializer[:]
    graph.initializer.extend(tensor for name, tensor in held.items() if name in kept and name not in turned)
    for node in reversed(nodes):
        graph.node.insert(0, node)
    return model.SerializeToString(deterministic=True)


def _weights_among(graph: Any, weights: Mapping[str, torch.Tensor]) -> set[str]:
    """Which initialisers hold weights: by their names, by who reads them, or, renamed, by what they hold."""
    read = {name for node in graph.node if node.op_type in LAYERS for name in node.input}
    found = {tensor.name for tensor in graph.initializer if tensor.name in weights or tensor.name in read}
    missing = {name: t for name, t in weights.items() if name not in found and t.is_floating_point()}
    for tensor in graph.initializer:
        if tensor.name not in found and (same := _holding(numpy_helper.to_array(tensor), missing)):
            found.add(tensor.name)
            del missing[same]
    return found


def _holding(values: np.ndarray, weights: Mapping[str, torch.Tensor]) -> str | None:
    """The name of a weight that holds these values, in whatever shape and order."""
    for name, weight in weights.items():
        if weight.numel() == values.size:
            held = weight.detach().numpy()
            if np.array_equal(np.sort(held, axis=None), np.sort(values, axis=None)):
                return name
    return None


def _turned_round(held: Mapping[str, np.ndarray], weights: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """Copies of a tied weight, which one layer reads as it is and another turned round: by name, what they copy."""
    matrices = {name: values for name, values in held.items() if values.ndim == 2}
    return {
        name: source
        for name, values in matrices.items()
        if name not in weights
        for source, other in matrices.items()
        if source in weights and np.array_equal(values.T, other)
    }
