"""Whole runs of neuroevolution, trained jointly and each alone: interrupted, verified, exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from heredity.api.evolve import evolve, reopen, resume
from heredity.api.export import export_member
from heredity.api.load import load
from heredity.development.birth import Individual
from heredity.measures.error import as_user_has_it
from heredity.run.account import line_of
from heredity.run.loop import Listener
from heredity.run.run import Run
from heredity.run.verify import verify
from heredity.testing.runs import timeless
from heredity.variation import Cloning

pytestmark = pytest.mark.slow

FILE = """
from torch import nn

def tiny(n_classes):
    maps = nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2)
    return nn.Sequential(*maps, nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), nn.Linear(8, n_classes))
"""
WAYS: dict[str, dict[str, Any]] = {
    "joint": {"training": "joint", "selection": "coevolution", "lines": 2},
    "each": {"training": "each", "chances": {"widening": 0.5, "after": 0.2, "inception": 0.2, "flattening": 0.1}},
}


class Impatient(Listener):
    """Presses Ctrl-C when a newborn of the second generation is recorded."""

    def recorded(self, individual: Individual) -> None:
        if individual.birth.generation == 2:
            raise KeyboardInterrupt


def lived(out: Path, way: str, listener: Listener | None = None) -> Run:
    (out.parent / "tiny.py").write_text(FILE)
    return evolve(
        *(f"{out.parent / 'tiny.py'}:tiny", "digits"),
        strategy="neuroevolution",
        strategy_options={"members": 4, "kept": 2, "steps": (60, 20), **WAYS[way]},
        generations=2,
        workers=0,
        out=out,
        listener=listener,
        export=False,
    )


@pytest.fixture(scope="module", params=WAYS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return lived(tmp_path_factory.mktemp("runs") / request.param, request.param)


def way_of(run: Run) -> str:
    return run.folder.path.name


def grown(run: Run) -> Individual:
    """The last that a mutation made."""
    return [i for i in run.individuals[1:] if not isinstance(i.birth.operator, Cloning)][-1]


def test_it_grows(run: Run) -> None:
    first, *others = run.individuals
    lines = WAYS[way_of(run)].get("lines", 1)
    assert [i.birth.generation for i in others] == [1] * 4 * lines + [2] * 4 * lines
    assert all(individual.developed for individual in run.individuals)
    assert grown(run).measures["params"] > first.measures["params"]
    assert min(i.measures["val_error"] for i in others) < first.measures["val_error"]


def test_an_interrupted_run_goes_on_to_the_same_end(run: Run) -> None:
    out = run.folder.path.parent / "interrupted"
    with pytest.raises(KeyboardInterrupt):
        lived(out, way_of(run), Impatient())
    again = resume(out, export=False)
    assert list(map(timeless, again.individuals)) == list(map(timeless, run.individuals))
    again.store.close()


def test_everybody_can_be_rebuilt(run: Run) -> None:
    again, task = reopen(run.folder)
    with again.store:
        assert [difference for _, found in verify(again, task) for difference in found] == []


def test_its_line_is_all_that_trained_what_it_shares(run: Run) -> None:
    """Jointly the siblings of two generations, of its own population; each alone its parent."""
    individual, everybody = grown(run), {i.number: i for i in run.individuals}
    line = line_of(individual, everybody)
    assert len(line) == (9 if way_of(run) == "joint" else 3)
    assert (line[0], line[-1]) == (individual, everybody[0])


def test_who_has_grown_is_exported(run: Run, tmp_path: Path) -> None:
    individual = grown(run)
    place, files = export_member(run.folder.path, f"{individual.number:04d}", ("onnx",), out=tmp_path / "member")
    assert any(file.comparison for file in files), "the file was run and compared"
    assert f"made by {individual.birth.operator.__struct_config__.tag}" in (place / "facts.md").read_text()
    _, task = reopen(run.folder)
    batch, network = as_user_has_it(task.test.inputs), load(place)
    assert isinstance(network, nn.Module)
    with torch.no_grad():
        assert torch.equal(network(batch), run.store.organism(individual).deployed()(batch))
