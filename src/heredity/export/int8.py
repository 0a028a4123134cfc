"""ONNX files of eight-bit integers: static quantisation by onnxruntime, calibrated on training data.

Weights become int8, per output channel; activations uint8, with scales from the least and largest values that they
take on a sample of the training split. The form is QDQ: the graph keeps its float operations, between pairs that
round to integers and back, which runtimes fuse into integer kernels. Input and output stay float32 (or tokens).

A file is a quarter of the size where weights dominate. It need not be faster: on a CPU, rounding costs a network of a
few thousand weights more than integers save.
"""

from __future__ import annotations

import string
import tempfile
from collections.abc import Iterator
from itertools import count, product
from pathlib import Path
from typing import Any, cast

import onnx
import torch

from heredity.development.task import Split, Task
from heredity.errors import DataError
from heredity.export.compare import Fidelity, fidelity
from heredity.export.onnx import INPUT, OUTPUT, answer_of
from heredity.export.quiet import expecting
from heredity.export.trace import Network
from heredity.measures.error import as_user_has_it
from heredity.rng import generator

CALIBRATION = 256
"""Training examples, drawn with the run's seed, that scales are set by; all of them if there are fewer."""

FEWEST = 32
"""Training examples below which scales would be guesses."""

BATCH = 32
"""Examples that are run at a time for calibration."""

LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "Gather")
"""Operations whose weights become integers."""

BETWEEN = (
    *("Add", "Mul", "Relu", "Clip", "LeakyRelu", "Sigmoid"),
    *("MaxPool", "AveragePool", "GlobalAveragePool", "Concat", "Split", "Slice", "Pad", "Resize"),
    *("Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze"),
)
"""Operations that then work on integers too. Norms and softmax are left in float32: eight bits spoil them, and CPUs
have no integer kernels for them."""

PREPARED = ("onnx.quant.pre_process", "onnxruntime.quant")
"""The note by which the quantiser knows that a model need not be prepared: the exporter has folded what folds."""


def calibration(train: Split, seed: int) -> torch.Tensor:
    """The examples that scales are set by, as the user has them: `(n, *shape)`, n at most `CALIBRATION`.

    Raises:
        DataError: there are too few.
    """
    if len(train) < FEWEST:
        raise DataError.of(
            f"at least {FEWEST} training examples to calibrate int8 on", len(train), "export in another format"
        )
    order = torch.randperm(len(train), generator=generator(seed, "calibration"))
    return as_user_has_it(train.inputs[order[:CALIBRATION]])


def convert(content: bytes, examples: torch.Tensor) -> bytes:
    """A float ONNX file's content as one of eight-bit integers, calibrated on examples `(n, *shape)`.

    It has yet to be compared with its module (`check`). Equal arguments give equal bytes.

    Weights have seven bits: sums of products of whole bytes saturate on x86 processors without VNNI, so that a file
    would compute one thing here and another there. A LeNet on digits, on such a processor: noise 0.11 and 3.3 % error
    with eight bits, 0.02 and 2.0 % with seven, as in float32.

    Raises:
        ExportError: onnxruntime cannot quantise it.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static  # only who asks for int8 waits for it

    model = onnx.load_from_string(content)
    _constants_to_initialisers(model)
    onnx.helper.set_model_props(model, dict([PREPARED]))
    whole = {"quant_type": QuantType.QInt8, "symmetric": True, "reduce_range": True}
    refusal = expecting("a network that onnxruntime can quantise", "export it in another format")
    with refusal, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        quantize_static(
            model,
            path,
            cast(Any, _Batches(examples)),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=[*LAYERS, *BETWEEN],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"TensorQuantOverrides": {name: [whole] for name in _whole(model)}},
        )
        quantised = onnx.load(path)
    return _bare(quantised)


def check(content: bytes, network: Network, task: Task) -> Fidelity:
    """Run a file, and measure it beside its module on the validation split; the test split is not touched.

    Raises:
        ExportError: it does not run, or its outputs have nothing to do with the module's.
    """
    return fidelity(answer_of(content), network, task.validation, task.criterion, "an int8 file")


class _Batches:
    """Examples for the calibrator, batch by batch; nothing at the end."""

    def __init__(self, examples: torch.Tensor) -> None:
        self._left = iter(examples.split(BATCH))

    def get_next(self) -> dict[str, Any]:
        batch = next(self._left, None)
        return {} if batch is None else {INPUT: batch.numpy()}


def _whole(model: Any) -> list[str]:
    """Weights that get one scale for all channels: of transposed convolutions in groups, where channels of different
    groups share the dimension that has the scales, which the quantiser does not see."""
    transposed = [node for node in model.graph.node if node.op_type == "ConvTranspose"]
    return [node.input[1] for node in transposed if any(a.name == "group" and a.i > 1 for a in node.attribute)]


def _constants_to_initialisers(model: Any) -> None:
    """The quantiser looks for weights among initialisers; our files have derived ones among the constants."""
    for node in [node for node in model.graph.node if node.op_type == "Constant"]:
        tensor = node.attribute[0].t
        tensor.name = node.output[0]
        model.graph.initializer.append(tensor)
        model.graph.node.remove(node)


def _bare(model: Any) -> bytes:
    """The model without notes, and with short names for all that a user has no use for.

    The quantiser's own names would weigh more than a small network's weights.
    """
    model.producer_name = model.producer_version = ""
    del model.metadata_props[:]
    del model.graph.value_info[:]
    kept = {name: name for name in ("", INPUT, OUTPUT)}
    tensors = dict.fromkeys(end for node in model.graph.node for end in (*node.input, *node.output) if end not in kept)
    names = kept | dict(zip(tensors, _names(), strict=False))
    for node in model.graph.node:
        node.name = node.doc_string = ""
        for ends in (node.input, node.output):
            ends[:] = [names[end] for end in ends]
    for tensor in model.graph.initializer:
        tensor.name, tensor.doc_string = names[tensor.name], ""
    return model.SerializeToString(deterministic=True)


def _names() -> Iterator[str]:
    """`a`, `b`, ..., `z`, `aa`, `ab`, ..."""
    return ("".join(letters) for length in count(1) for letters in product(string.ascii_lowercase, repeat=length))
