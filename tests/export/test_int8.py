from __future__ import annotations

import functools

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from heredity.anatomy.inputs import InputForm
from heredity.development.task import Split
from heredity.errors import DataError, ExportError
from heredity.export.int8 import CALIBRATION, FEWEST, LAYERS, calibration, check, convert
from heredity.export.onnx import answer_of, session_of, to_onnx
from heredity.variation.operator import Organism

from .conftest import NETWORKS, RGB, float_file, organism, organism_of, task

pytestmark = pytest.mark.slow


@functools.cache
def int8_file(name: str) -> bytes:
    return convert(float_file(name), calibration(task(name).train, seed=0))


def held(content: bytes) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load_from_string(content).graph.initializer}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_file_does_what_its_module_does(name: str) -> None:
    """It has the float file's ends, weights of eight bits, little noise, and takes batches of any size."""
    content = int8_file(name)
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    assert len(content) < len(float_file(name)) or name in ("Heads", "Tokens"), "which have too few weights to gain"
    found = check(content, organism(name), task(name))
    assert found.noise < 0.1
    assert abs(found.error - found.module_error) < 0.1
    if name == "numbers":
        assert found.agreement is None
    else:
        assert found.agreement is not None
        assert found.agreement > 0.8, "random networks hardly decide"

    of_float, of_file = (session_of(c) for c in (float_file(name), content))
    for ends in ("get_inputs", "get_outputs"):
        (there,), (here,) = getattr(of_float, ends)(), getattr(of_file, ends)()
        assert (here.name, here.type, here.shape[1:]) == (there.name, there.type, there.shape[1:])
        assert here.shape[0] == "batch"
    answer, inputs = answer_of(content), task(name).validation.inputs[:7]
    alone = torch.cat([answer(one) for one in inputs.split(1)])
    assert torch.equal(answer(inputs), alone)


@pytest.mark.parametrize("name", ["without biases", "Groups"])
def test_weights_are_rounded_by_half_a_step_at_most(name: str) -> None:
    """To seven bits, by a scale for each channel that gives it: nothing saturates, on whatever processor."""
    content = int8_file(name)
    model, tensors = onnx.load_from_string(content), held(content)
    layers = [n.input[1] for n in onnx.load_from_string(float_file(name)).graph.node if n.op_type in LAYERS]
    weights = {array.shape: array for tensor, array in held(float_file(name)).items() if tensor in layers}
    transposed = {node.input[1] for node in model.graph.node if node.op_type == "ConvTranspose"}
    assert len(transposed) == (name == "Groups")
    seen = 0
    for node in model.graph.node:
        if node.op_type != "DequantizeLinear" or tensors.get(node.input[0], np.zeros(())).ndim < 2:
            continue
        rounded, scale, zero = (tensors[end] for end in node.input)
        if rounded.dtype == np.uint8:
            continue  # a constant among activations, such as a group norm's scale
        assert (rounded.dtype, zero.any()) == (np.int8, False)
        assert np.abs(rounded).max() <= 64
        axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
        step = scale.reshape([-1 if d == axis else 1 for d in range(rounded.ndim)]) if scale.ndim else scale
        assert scale.ndim == (node.output[0] not in transposed), "transposed convolutions in groups have one for all"
        assert np.abs(rounded * step - weights[rounded.shape]).max() <= 0.5001 * step.max()
        seen += 1
    assert seen == len(weights)


def test_equal_arguments_give_equal_bytes_that_tell_nothing_else() -> None:
    content, train = int8_file("Convolutional"), task("Convolutional").train
    assert convert(float_file("Convolutional"), calibration(train, seed=0)) == content
    assert convert(float_file("Convolutional"), calibration(train, seed=0)[:40] / 2) != content, "it is calibrated"
    model = onnx.load_from_string(content)
    assert (model.producer_name, model.producer_version, model.doc_string) == ("", "", "")
    assert not model.metadata_props
    assert not any(node.name or node.doc_string for node in model.graph.node)


def test_calibration_is_a_seeded_sample_of_the_training_split() -> None:
    train = Split(torch.arange(400.0)[:, None], torch.arange(400) % 2)
    sample = calibration(train, seed=3)
    assert (len(sample), len(sample.unique())) == (CALIBRATION, CALIBRATION)
    assert torch.equal(sample, calibration(train, seed=3))
    assert not torch.equal(sample, calibration(train, seed=4))
    assert calibration(train.take(torch.arange(FEWEST)), seed=3).sort(0).values.flatten().tolist() == [*range(FEWEST)]
    with pytest.raises(DataError, match=r"^expected at least 32 training examples to calibrate int8 on; came 31; "):
        calibration(train.take(torch.arange(FEWEST - 1)), seed=3)
    pixels = Split(torch.full((40, 1, 2, 2), 255, dtype=torch.uint8), torch.arange(40))
    assert calibration(pixels, seed=0).max() == 1, "as the user has them"


def test_a_network_that_is_silent_stays_so() -> None:
    parent = organism("without biases")
    silent = Organism(parent.genome, {name: torch.zeros_like(t) for name, t in parent.tensors.items()})
    data = task("without biases")
    content = convert(to_onnx(silent), calibration(data.train, seed=0))
    found = check(content, silent, data)
    assert (found.noise, found.agreement, found.error) == (0, 1, found.module_error)
    assert not answer_of(content)(data.validation.inputs).any()


def test_a_file_that_is_calibrated_on_something_else_is_refused() -> None:
    content = convert(float_file("without biases"), torch.full((40, 3, 8, 8), 0.5))
    with pytest.raises(ExportError, match=r"^expected an int8 file whose outputs differ from its module's by 0\.5 of"):
        check(content, organism("without biases"), task("without biases"))


def test_what_cannot_be_quantised_is_said_in_one_line() -> None:
    with pytest.raises(ExportError, match=r"^expected a network that onnxruntime can quantise; came .*\n?") as caught:
        convert(float_file("numbers"), torch.rand(40, 7))
    assert "\n" not in str(caught.value)


def test_a_network_of_few_weights_gains_nothing() -> None:
    """Which `heredity.export.member` says."""
    tiny = organism_of(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), InputForm((4,)))
    content = to_onnx(tiny)
    assert len(convert(content, torch.rand(40, 4))) > len(content)


def test_normalisation_is_in_the_graph() -> None:
    """The mean and the deviation are not rounded: they come before the first integers."""
    first = onnx.load_from_string(int8_file("segmenting")).graph
    exact = [t for t in held(int8_file("segmenting")).values() if t.shape == (3, 1, 1)]
    assert sorted(np.concatenate(exact).ravel().tolist()) == pytest.approx(sorted((*RGB.mean, *RGB.std)))
    assert [node.op_type for node in first.node if "input" in node.input] == ["Sub"]
