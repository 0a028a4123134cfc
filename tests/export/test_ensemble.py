from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file, save_file

from heredity.anatomy.inputs import example
from heredity.development.criteria import PLAIN, Criterion, MultiLabel, Regression
from heredity.development.ensemble import Ensemble
from heredity.errors import StoreError
from heredity.export.ensemble import EnsembleRecord, Part, Single, ensemble_files, read_ensemble
from heredity.export.member import write_files
from heredity.export.onnx import TOLERANCE, answer_of, to_onnx
from heredity.store.folder import read_json, write_json
from heredity.testing.refusals import expect_one_line
from heredity.types import Tensors
from heredity.variation import RandomRemoval
from heredity.variation.environment import Environment
from heredity.variation.operator import Organism

from .conftest import organism

CRITERIA: dict[str, Criterion] = {
    "Convolutional": PLAIN,
    "segmenting": PLAIN,
    "Tokens": MultiLabel(),
    "numbers": Regression(),
}


def members(name: str) -> tuple[Organism, ...]:
    """Relatives that have no weight in common, as after training: of equal tensors the exporter keeps one."""
    first, coins = organism(name), torch.Generator().manual_seed(0)
    smaller = (RandomRemoval(Environment(share)).conceive([first], 3) for share in (0.7, 0.4))
    return first, *(
        Organism(o.genome, {n: t + 0.01 * torch.rand(t.shape, generator=coins) for n, t in o.tensors.items()})
        for o in smaller
    )


def ensemble_of(name: str, *, corrected: bool = False) -> Ensemble:
    own, weights = members(name), (0.5, 0.3, 0.2)
    correction: Tensors = {}
    if corrected:
        coins, outputs = torch.Generator().manual_seed(0), own[0].deployed()(example(own[0].inputs, 2)).shape[1]
        shapes = {"hidden.weight": (4, 3 * outputs), "hidden.bias": (4,), "out.weight": (outputs, 4)}
        correction = {n: torch.randn(s, generator=coins) for n, s in (shapes | {"out.bias": (outputs,)}).items()}
    return Ensemble(own, weights, CRITERIA[name], correction)


def record_of(made: Ensemble) -> EnsembleRecord:
    parts = tuple(
        Part(f"{k:04d}", weight, {"params": 1.0}, member.genome)
        for k, (weight, member) in enumerate(zip(made.weights, made.members, strict=True))
    )
    best = Single("0000", 0.1, 0.2)
    method = "mlp" if made.correction else "weighted"
    return EnsembleRecord(method, parts, made.sizes, best, 9, ("0000",), {}, made.criterion.record(), "0123", 0)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An ensemble's folder, to be damaged."""
    made = ensemble_of("Convolutional", corrected=True)
    write_files(tmp_path, ensemble_files(made, record_of(made), b"onnx"))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("name", CRITERIA)
def test_a_file_is_its_ensemble(name: str, corrected: bool) -> None:
    """It holds what is counted, under the names that every file has, and computes what the module does."""
    made = ensemble_of(name, corrected=corrected)
    content = to_onnx(made)
    model, module, answer = onnx.load_from_string(content), made.deployed(), answer_of(content)
    onnx.checker.check_model(model, full_check=True)
    held = sum(int(np.prod(tensor.dims)) for tensor in model.graph.initializer)
    assert held == made.sizes["params"]
    assert [end.name for end in (*model.graph.input, *model.graph.output)] == ["input", "logits"]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    for batch in (1, 2, 33):
        inputs = example(made.inputs, batch, seed=50)
        with torch.no_grad():
            expected = module(inputs)
        came = answer(inputs)
        assert came.shape == expected.shape
        assert float((came - expected).abs().max()) <= TOLERANCE * max(1.0, float(expected.abs().max()))
        assert float(expected.std()) > 0.01, "else nothing is shown"
    assert to_onnx(ensemble_of(name, corrected=corrected)) == content, "equal ensembles give equal bytes"


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("name", CRITERIA)
def test_what_is_read_equals_what_was_written(name: str, corrected: bool, tmp_path: Path) -> None:
    made = ensemble_of(name, corrected=corrected)
    write_files(tmp_path, ensemble_files(made, record_of(made), b"onnx"))
    found, batch = read_ensemble(tmp_path), example(made.inputs, 9)
    assert found.weights == made.weights
    assert found.criterion == MultiLabel() if name == "Tokens" else found.criterion.kind == made.criterion.kind
    assert torch.equal(found.deployed()(batch), made.deployed()(batch))
    assert (tmp_path / "model.onnx").read_bytes() == b"onnx"
    assert read_json(tmp_path / "ensemble.json", EnsembleRecord) == record_of(made)


def test_an_ensemble_replaces_a_member(place: Path) -> None:
    """And the other way round: `load` must not meet both."""
    made = ensemble_of("Convolutional")
    (place / "genome.json").write_text("{}")
    write_files(place, ensemble_files(made, record_of(made), b"onnx"))
    assert {path.name for path in place.iterdir()} == {"model.onnx", "model.safetensors", "ensemble.json"}
    write_files(place, [])
    assert not [*place.iterdir()]


DAMAGES = ("missing", "cut off", "without a member", "without a tensor", "without its MLP", "of another shape")


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_weights(place: Path, damage: str) -> None:
    path = place / "model.safetensors"
    held = load_file(path)
    if damage == "missing":
        path.unlink()
    elif damage == "cut off":
        path.write_bytes(path.read_bytes()[:-8])
    elif damage == "of another shape":
        save_file({n: t[:1] if n == "correction/out.bias" else t for n, t in held.items()}, path)
    else:
        gone = {"a member": "0001/", "its MLP": "correction/", "a tensor": "correction/out.bias"}
        start = gone[damage.removeprefix("without ")]
        save_file({n: t for n, t in held.items() if not n.startswith(start)}, path)
    with pytest.raises(StoreError) as caught:
        read_ensemble(place)
    expect_one_line(caught, path)


CHANGES = (
    ({"format": 99, "method": "vote"}, "newer"),
    ({"criterion": {"kind": "custom"}}, "custom"),
    ({"method": "vote"}, "'vote'"),
)


@pytest.mark.parametrize(("change", "word"), CHANGES)
def test_a_record_that_is_not_understood(place: Path, change: dict[str, object], word: str) -> None:
    record = read_json(place / "ensemble.json", dict[str, object])
    write_json(place / "ensemble.json", record | change)
    with pytest.raises(StoreError) as caught:
        read_ensemble(place)
    expect_one_line(caught, place / "ensemble.json", word)
