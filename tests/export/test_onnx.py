from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from heredity.anatomy.body import anatomy_of, deploy
from heredity.anatomy.constructor import describe
from heredity.anatomy.inputs import InputForm
from heredity.errors import ExportError
from heredity.export import onnx as export
from heredity.export.onnx import check, file_latency_ms, graph_bytes, session_of, to_onnx
from heredity.measures import sizes_of
from heredity.measures.size import params
from heredity.testing.networks import KINDS
from heredity.testing.organisms import founder as small
from heredity.variation import Deepening, Founding, RandomRemoval, Synthesis, Widening
from heredity.variation.environment import Environment
from heredity.variation.operator import Organism

pytestmark = pytest.mark.slow


@functools.cache
def organism(name: str, share: float | None = None) -> Organism:
    """A network of the zoo, or a descendant of it, with weights and norms that are anything but fresh."""
    shape = (3, 32, 32) if name == "resnet20" else (1, 8, 8) if name == "lenet5" else (1, 28, 28)
    form = InputForm(shape, (0.4,) * shape[0], (0.2,) * shape[0])
    founder = Founding(describe(name, {"input_shape": shape, "n_classes": 10}), form).conceive([], 1)
    coins = torch.Generator().manual_seed(0)
    tensors = {}
    for key, t in founder.tensors.items():
        noise = torch.rand(t.shape, generator=coins)
        tensors[key] = noise + 0.5 if "running_var" in key else t * (1 + noise) + 0.01 * noise
    parent = Organism(founder.genome, tensors)
    if share is None:
        return parent
    return RandomRemoval(Environment(share)).conceive([parent], 3)


@functools.cache
def content(name: str, share: float | None = None) -> bytes:
    return to_onnx(organism(name, share))


FEW = ("lenet5", "lenet5-caffe", "lenet5-synthesis", "lenet-300-100", "resnet20")
"""All of the zoo is exported by the anatomy matrix."""

DESCENDANTS = [*((name, 0.3) for name in FEW), ("lenet5", None)]


@pytest.mark.parametrize(("name", "share"), DESCENDANTS)
def test_a_file_is_its_network(name: str, share: float | None) -> None:
    """It holds the weights that `params` counts, and computes what the module does, on batches of any size."""
    parent, model = organism(name, share), onnx.load_from_string(content(name, share))
    onnx.checker.check_model(model, full_check=True)
    held = {tensor.name: int(np.prod(tensor.dims)) for tensor in model.graph.initializer}
    assert sum(held.values()) == params(anatomy_of(parent.genome))

    session, module = session_of(content(name, share)), deploy(parent.genome, parent.tensors)
    (given,), (returned,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape) == ("input", "tensor(float)", ["batch", *parent.genome.inputs.shape])
    assert (returned.name, returned.shape[1:]) == ("logits", [10])
    for batch in (1, 2, 5, 64):
        images = np.random.default_rng(batch).random((batch, *parent.genome.inputs.shape), np.float32)
        with torch.no_grad():
            expected = module(torch.from_numpy(images)).numpy()
        (came,) = session.run(None, {"input": images})
        assert came.shape == (batch, 10)
        assert np.abs(came - expected).max() <= 1e-4 * max(1, np.abs(expected).max())
        assert np.ptp(expected) > 0.01, "else nothing is shown"


def test_the_same_organism_gives_the_same_bytes() -> None:
    parent = organism("lenet5")
    copy = Organism(parent.genome, {name: parent.tensors[name].clone() for name in reversed(parent.tensors)})
    assert to_onnx(copy) == content("lenet5")
    other = Organism(parent.genome, parent.tensors | {"fc3.bias": parent.tensors["fc3.bias"] + 1})
    assert to_onnx(other) != content("lenet5")


def test_a_file_tells_nothing_but_the_network() -> None:
    raw = content("lenet5", 0.3)
    for private in (str(Path.cwd()), str(Path(torch.__file__).parent), str(Path.home()), "site-packages", ".py"):
        assert private.encode() not in raw
    model = onnx.load_from_string(raw)
    assert not model.metadata_props
    assert not model.doc_string
    for part in (model.graph, *model.graph.node, *model.graph.initializer, *model.graph.input):
        assert not getattr(part, "metadata_props", [])
        assert not part.doc_string


def test_graphs_of_one_family_weigh_the_same() -> None:
    name, first = "lenet5", organism("lenet5").genome
    predicted = graph_bytes(first.constructor, first.inputs)
    for share in (None, 0.3):
        weighs = len(content(name, share)) - 4 * params(anatomy_of(organism(name, share).genome))
        assert weighs == pytest.approx(predicted, abs=64)


@pytest.mark.parametrize(("kind", "sites"), [("Sequence1d", ("a", "norm")), ("Residual", ("identity.conv2", "stem"))])
def test_bytes_of_grown_networks_are_foretold(kind: str, sites: tuple[str, str]) -> None:
    """With a norm that melts no longer, an Inception module that pools, and clusters that came and went."""
    grown = small(kind)
    graph = graph_bytes(grown.genome.constructor, grown.genome.inputs)
    for birth, site in enumerate(sites, 1):
        grown = Deepening(site, birth, "after", 4, (1, 3, 0)[: 1 + 2 * (birth % 2)], norm=True).conceive([grown], birth)
    grown = RandomRemoval(Environment(0.9)).conceive(
        [Widening(next(iter(grown.genome.tags)), 2, 3).conceive([grown], 3)], 4
    )
    coins = torch.Generator().manual_seed(0)
    varied = {name: (t + 0.1 * torch.rand(t.shape, generator=coins)).float() for name, t in grown.tensors.items()}
    weighs = len(to_onnx(Organism(grown.genome, varied)))
    assert sizes_of(anatomy_of(grown.genome), graph)["bytes"] == pytest.approx(weighs, abs=200, rel=0)
    assert 4 * params(anatomy_of(grown.genome)) + graph < weighs - 2000


def test_masked_networks_are_exported_dense() -> None:
    child = Synthesis(Environment(0.5), Environment(0.5)).conceive([organism("lenet5")], 2)
    held = onnx.load_from_string(to_onnx(child)).graph.initializer
    assert sum(int(np.prod(t.dims)) for t in held) == params(anatomy_of(child.genome))


def test_a_file_that_differs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = organism("lenet5")
    nudged = Organism(parent.genome, parent.tensors | {"fc3.bias": parent.tensors["fc3.bias"] + 0.01})
    with pytest.raises(ExportError, match=r"^expected an ONNX file that equals .*; came 1\.0e-02; "):
        check(content("lenet5"), nudged)
    undefined = Organism(parent.genome, parent.tensors | {"fc3.bias": parent.tensors["fc3.bias"] * float("nan")})
    with pytest.raises(ExportError):
        check(content("lenet5"), undefined)

    class Drawing(nn.Module):
        """Answers differently whenever asked, and was exported with what it answered first."""

        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.network, self.asked = network, 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.asked += 1
            return self.network(x) + self.asked

    monkeypatch.setattr(Organism, "deployed", lambda self: Drawing(deploy(self.genome, self.tensors)).eval())
    with pytest.raises(ExportError):
        to_onnx(parent)


def test_latency_is_that_of_one_example_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[tuple[int, ...]] = []
    session = session_of(content("lenet5"))
    assert session.get_session_options().intra_op_num_threads == 1
    assert session.get_session_options().inter_op_num_threads == 1

    class Watched:
        def run(self, outputs: None, feed: dict[str, np.ndarray]) -> object:
            shapes.append(feed["input"].shape)
            return session.run(outputs, feed)

    monkeypatch.setattr(export, "session_of", lambda content: Watched())
    assert 0 < file_latency_ms(content("lenet5"), organism("lenet5").genome.inputs) < 100
    assert set(shapes) == {(1, 1, 8, 8)}
    assert len(shapes) == 120


@pytest.mark.parametrize("kind", ["Dense", "Groups", "Tokens"])
def test_weights_that_the_exporter_turns_and_renames(kind: str) -> None:
    """A scale that it gives another shape is a weight still; a table that is also read turned round is held once."""
    constructor, (_, form) = describe(f"heredity.testing.networks:{kind}", {}), KINDS[kind]
    founder, coins = Founding(constructor, form).conceive([], 1), torch.Generator().manual_seed(0)
    varied = {name: t + torch.rand(t.shape, generator=coins) for name, t in founder.tensors.items()}
    made = to_onnx(Organism(founder.genome, varied))
    weights = sum(int(np.prod(t.dims)) for t in onnx.load_from_string(made).graph.initializer)
    assert weights == params(anatomy_of(founder.genome))
    assert graph_bytes(constructor, form) == pytest.approx(len(made) - 4 * weights, abs=64)
