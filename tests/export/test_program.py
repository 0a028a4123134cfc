from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
import torch

from heredity.anatomy.body import deploy
from heredity.anatomy.inputs import example
from heredity.errors import ExportError
from heredity.export.program import check, convert
from heredity.variation.operator import Organism

from .conftest import NETWORKS, organism

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["Convolutional", "Dense", "Tokens", "segmenting", "numbers"])
def test_a_program_is_its_network(name: str) -> None:
    parent = organism(name)
    content = convert(parent)
    assert check(content, parent) <= 1e-5
    module, loaded = deploy(parent.genome, parent.tensors), torch.export.load(io.BytesIO(content)).module()
    for batch in (1, 2, 5, 33):
        inputs = example(NETWORKS[name][1], batch, seed=40)
        with torch.no_grad():
            torch.testing.assert_close(loaded(inputs), module(inputs))


def test_a_program_holds_the_network_and_nothing_else() -> None:
    parent = organism("without biases")
    content = convert(parent)
    assert convert(parent) == content, "equal organisms give equal bytes"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    for private in (str(Path.cwd()), str(Path.home()), str(Path(torch.__file__).parent), "site-packages", ".py"):
        assert not any(private.encode() in held for held in files.values())
    assert files["data/sample_inputs/model.pt"] == b""
    config = json.loads(files["data/weights/model_weights_config.json"])["config"]
    assert len(config) == len(parent.tensors)
    assert not any(weight["use_pickle"] for weight in config.values())


def test_a_program_that_differs_is_refused() -> None:
    parent = organism("without biases")
    nudged = {**parent.tensors, "5.weight": parent.tensors["5.weight"] * 1.01}
    with pytest.raises(
        ExportError, match=r"^expected a program that equals its module within .*; came .*; not written"
    ):
        check(convert(parent), Organism(parent.genome, nudged))
    with pytest.raises(ExportError, match=r"^expected a program that torch can run; came ") as caught:
        check(convert(parent)[:-200], parent)
    assert "\n" not in str(caught.value)
