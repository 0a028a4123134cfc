from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from safetensors.torch import load
from torch import nn

from heredity.anatomy.inputs import InputForm
from heredity.errors import DataError, InputError
from heredity.export import int8, onnx, program
from heredity.export.member import FACTS, File, files_of, formats_of, write_files

from .conftest import float_file, organism, organism_of, task


def test_formats() -> None:
    assert formats_of("all") == ("onnx", "int8", "torch")
    assert formats_of("int8") == ("int8",)
    with pytest.raises(InputError, match=r"^expected a format; came 'tflite'; choose among onnx, int8, torch, all$"):
        formats_of("tflite")


@pytest.mark.slow
def test_the_files_of_a_member() -> None:
    parent, data = organism("without biases"), task("without biases")
    files = {file.name: file for file in files_of(parent, formats_of("all"), data, seed=5)}
    assert [*files] == ["model.onnx", "model.int8.onnx", "model.pt2", "model.safetensors", "genome.json"]
    whole = files["model.onnx"].content
    assert whole == float_file("without biases")
    assert files["model.int8.onnx"].content == int8.convert(whole, int8.calibration(data.train, seed=5))
    assert files["model.pt2"].content == program.convert(parent)
    held = load(files["model.safetensors"].content)
    assert {name: t.tolist() for name, t in held.items()} == {name: t.tolist() for name, t in parent.tensors.items()}
    assert json.loads(files["genome.json"].content)["inputs"]["shape"] == [3, 8, 8]
    assert files["model.onnx"].digest == hashlib.sha256(whole).hexdigest()

    found = int8.check(files["model.int8.onnx"].content, parent, data)
    assert f"{onnx.check(whole, parent):.1e}" in files["model.onnx"].comparison
    assert files["model.pt2"].comparison == "equals its module"
    said = files["model.int8.onnx"].comparison
    assert found.agreement is not None
    assert said.startswith(f"agrees with its module on {100 * found.agreement:.2f} % of the answers, validation error ")
    smaller = len(files["model.int8.onnx"].content) / len(whole)
    assert said.endswith(f"; {100 * smaller:.2f} % of the float file's size")
    assert files["genome.json"].comparison == files["model.safetensors"].comparison == ""


@pytest.mark.slow
def test_numbers_and_tiny_networks_are_spoken_of_as_they_are() -> None:
    data = task("numbers")
    tiny = organism_of(nn.Sequential(nn.Linear(6, 3), nn.ReLU(), nn.Linear(3, 2)), InputForm((6,)))
    (file, *_) = files_of(tiny, ["int8"], data, seed=0)
    assert file.name == "model.int8.onnx"
    assert file.comparison.startswith("validation error ")
    assert "answers" not in file.comparison
    assert "; larger than the float file, which has " in file.comparison


def test_int8_needs_data() -> None:
    with pytest.raises(DataError, match=r"^expected training data to calibrate int8 on; came none; "):
        files_of(organism("without biases"), ["int8"], None, seed=0)


def test_an_export_replaces_an_earlier_one(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "member"
    write_files(place, [File("model.onnx", b"old"), File("model.int8.onnx", b"old"), File(FACTS, b"old")])
    (place / "notes.txt").write_text("the user's")
    write_files(place, [File("model.onnx", b"new"), File("genome.json", b"new")])
    held = {path.name: path.read_text() for path in place.iterdir()}
    assert held == {"model.onnx": "new", "genome.json": "new", "notes.txt": "the user's"}
