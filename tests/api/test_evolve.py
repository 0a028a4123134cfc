"""A whole run, and the promises about what it leaves behind (`front.json`, its files, and the same from Python)."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from heredity.api.evolve import evolve, resume
from heredity.api.load import load
from heredity.development.datasets import load_task
from heredity.errors import DataError, InputError, ModelError, StoreError
from heredity.run.loop import Listener
from heredity.run.run import Run
from heredity.run.targets import Targets
from heredity.run.verify import verify
from heredity.testing.runs import QUICK, essence

MEASURED = {"params", "synapses", "macs", "bytes", "latency_ms", "val_error", "test_error"}
DESCENT = {"id", "generation", "parents", "operator"}
TOOK = {"inference_flops", "train_flops", "seconds", "line_flops", "line_seconds"}
FILES = {"onnx", "weights", "genome"}


@pytest.fixture(scope="module")
def front(finished: Run) -> dict[str, Any]:
    return json.loads(finished.folder.front_json.read_text())


def test_front_json_has_the_agreed_keys(front: dict[str, Any]) -> None:
    assert front.keys() == {"ancestor", "members", "targets", "individuals", "train_flops", "seconds"}
    assert front["members"]
    assert front["ancestor"].keys() >= DESCENT | MEASURED | TOOK
    for member in front["members"]:
        assert member.keys() == DESCENT | MEASURED | TOOK | FILES
        assert len(member["parents"]) == (member["generation"] > 0)
        assert 0 <= member["val_error"] <= 1
        assert 0 <= member["test_error"] <= 1
        assert 0 < member["latency_ms"] < 1000
        assert all(type(member[name]) is int for name in ("params", "synapses", "macs", "bytes"))
    assert front["targets"] == {"met": True, "nearest": None}


def test_the_front_is_one(front: dict[str, Any]) -> None:
    points = [(member["params"], member["val_error"]) for member in front["members"]]
    for (size, error), (next_size, next_error) in itertools.pairwise(points):
        assert next_size < size
        assert next_error > error


def test_files_hold_what_front_json_says(finished: Run, front: dict[str, Any]) -> None:
    task = load_task(finished.settings.data, seed=0)
    pixels = task.test.inputs.float() / 255
    for row in front["members"]:
        assert not any(Path(row[kind]).is_absolute() for kind in FILES)
        content = (finished.folder.path / row["onnx"]).read_bytes()
        assert row["bytes"] == len(content)
        graph = onnx.load_from_string(content).graph
        assert row["params"] == sum(math.prod(tensor.dims) for tensor in graph.initializer)
        assert (graph.input[0].type.tensor_type.shape.dim[0].dim_param, len(graph.output)) == ("batch", 1)

        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        module = finished.member(row["id"]).module()
        for batch in (1, 2, len(pixels)):
            (logits,) = session.run(None, {"input": pixels[:batch].numpy()})
            np.testing.assert_allclose(logits, module(pixels[:batch]).detach().numpy(), atol=1e-4)
            assert logits.shape == (batch, task.n_classes)
        assert row["test_error"] == (logits.argmax(1) != task.test.labels.numpy()).mean()

        loaded = load(finished.folder.path / Path(row["onnx"]).parent)
        assert isinstance(loaded, nn.Module)
        assert torch.equal(loaded(pixels), module(pixels))
        assert not loaded.training


def test_a_run_is_loaded(finished: Run, front: dict[str, Any]) -> None:
    run = load(str(finished.folder.path))
    assert isinstance(run, Run)
    assert [member.id for member in run.front] == [row["id"] for row in front["members"]]
    assert len(run.individuals) == 7
    smallest = run.front[len(run.front) - 1]
    assert run.front.pick(params=smallest.measures["params"]).id == smallest.id


class Silent(Listener):
    def know(self, *_: object) -> None:
        pytest.fail("a finished run lives no more")


def test_a_finished_run_is_given_back_as_it_is(finished: Run) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.folder.path.rglob("*") if path.name != "run.lock"}
    run = resume(finished.folder.path, listener=Silent())
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert [member.id for member in run.front] == [member.id for member in finished.front]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_the_number_of_workers_does_not_show(users: Path, finished: Run, tmp_path: Path, workers: int) -> None:
    model, data = finished.settings.constructor.reference, finished.settings.data
    evolve(model, data, generations=2, strategy_options=QUICK, workers=workers, out=tmp_path / "run")
    assert essence(tmp_path / "run") == essence(finished.folder.path)


def test_what_is_not_exported_can_be_later(users: Path, finished: Run, tmp_path: Path) -> None:
    model, data = finished.settings.constructor.reference, finished.settings.data
    out = tmp_path / "run"
    run = evolve(model, data, generations=2, strategy_options=QUICK, workers=0, out=out, export=False)
    assert not run.folder.front_json.exists()
    assert not any("test_error" in individual.measures for individual in run.individuals)
    assert resume(out, export=False).individuals == run.individuals
    resume(out)
    assert essence(out) == essence(finished.folder.path)


def test_another_seed_is_another_run(users: Path, finished: Run, tmp_path: Path) -> None:
    model, data = finished.settings.constructor.reference, finished.settings.data
    run = evolve(model, data, generations=1, seed=1, strategy_options=QUICK, workers=0, out=tmp_path / "run")
    assert run.individuals[0].weights != finished.individuals[0].weights
    assert run.settings.task != finished.settings.task, "splits are drawn by the seed too"


def test_what_is_handed_over_is_asked_for_again(users: Path, tmp_path: Path) -> None:
    coins = torch.Generator().manual_seed(0)
    labels = torch.arange(90) % 3
    data = (torch.randn(3, 4, generator=coins)[labels] + torch.randn(90, 4, generator=coins), labels)
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    out = tmp_path / "run"
    run = evolve(model, data, generations=1, strategy_options=QUICK, workers=0, out=out)
    expected = essence(out)
    with pytest.raises(DataError, match=r"the data that this run was started with; came none; hand it over again"):
        resume(out, model=model)
    with pytest.raises(DataError, match="the data that the run began with; came other data"):
        resume(out, model=model, data=(data[0] + 1, labels))
    run.folder.front_json.unlink()
    resume(out, model=model, data=data)
    assert essence(out) == expected


def test_a_changed_source_is_refused(users: Path, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(users.read_text())
    out, reference = tmp_path / "run", f"{tmp_path / 'net.py'}:sound"
    run = evolve(reference, f"{users}:data", generations=1, strategy_options=QUICK, workers=0, out=out)
    member = run.folder.front / run.front[0].id
    (tmp_path / "net.py").write_text(users.read_text() + "\n# changed\n")
    from heredity.anatomy.body import _ancestor  # pyright: ignore[reportPrivateUsage]  # what a new process begins with

    _ancestor.cache_clear()
    with pytest.raises(ModelError, match="as it was when the run began; came a changed file"):
        load(member)


# What a folder may hold already.


def begin(users: Path, out: Path) -> Run:
    return evolve(f"{users}:sound", f"{users}:data", generations=1, strategy_options=QUICK, workers=0, out=out)


def test_a_folder_with_a_run_is_taken(users: Path, finished: Run) -> None:
    before = finished.folder.settings.read_bytes()
    with pytest.raises(StoreError, match=r"expected no run in .*; came one; resume it, or choose another folder"):
        begin(users, finished.folder.path)
    assert finished.folder.settings.read_bytes() == before


@pytest.mark.parametrize("name", ["front", "cache", "front.json", "blobs/x"])
def test_what_a_run_would_replace_is_not_replaced(users: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    with pytest.raises(StoreError, match="which a run would replace; came one; choose another"):
        begin(users, tmp_path)
    assert path.read_text() == "mine"
    assert not (tmp_path / "run.json").exists()


def test_other_files_in_the_folder_are_left_alone(users: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    begin(users, tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_records_without_run_json_are_not_written_over(users: Path, finished: Run, tmp_path: Path) -> None:
    finished.store.close()
    database = finished.folder.database.read_bytes()
    (tmp_path / "run.db").write_bytes(database)
    with pytest.raises(StoreError, match=r"expected no run in .*; came one"):
        begin(users, tmp_path)
    assert (tmp_path / "run.db").read_bytes() == database
    assert not (tmp_path / "run.json").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"generations": 0}, "expected at least 1 generation; came 0"),
        ({"generations": 1, "budget_seconds": 9.0}, "expected a number of generations or a budget of time; came both"),
        ({}, "came neither"),
        ({"budget_seconds": -1.0}, "expected a budget above 0"),
        ({"budget_seconds": math.nan}, "expected a budget above 0"),
        ({"budget_seconds": 0.5}, r"expected a budget of at least \d+ s here; came 0.5 s"),
        ({"budget_seconds": 99.0, "export": False}, "expected generations, where nothing is exported; came a budget"),
        ({"generations": 1, "workers": -1}, "expected 0 workers or more; came -1"),
        ({"generations": 1, "cost": "weight"}, "expected a cost; came 'weight'; choose among params, macs"),
        ({"generations": 1, "strategy": "syntesis"}, "expected a strategy; came 'syntesis'; did you mean 'synthesis'"),
        ({"generations": 1, "strategy_options": {"populaton": 3}}, "did you mean 'population'"),
        ({"generations": 1, "strategy_options": {"population": "many"}}, "expected settings of synthesis; came"),
        ({"generations": 1, "strategy_options": {"population": 0}}, "expected population of at least 1; came 0"),
        ({"generations": 1, "strategy_options": {"synapses": 2.0}}, r"expected synapses in \(0, 1\]; came 2.0"),
        ({"generations": 1, "targets": Targets(max_params=5)}, "a ceiling of at least 19 params"),
        ({"generations": 1, "targets": Targets(max_macs=5)}, "a ceiling of at least 15 macs"),
        ({"generations": 1, "targets": Targets(max_bytes=500)}, r"a ceiling of at least \d+ bytes"),
    ],
)
def test_settings_are_checked_before_anything_is_written(
    users: Path, tmp_path: Path, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message) as refused:
        evolve(f"{users}:sound", f"{users}:data", out=tmp_path / "run", **({"workers": 0} | given))
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_a_device_that_is_not_here_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a device that torch has here; came 'tpu'"):
        evolve("lenet-300-100", "digits", generations=1, workers=0, device="tpu", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_the_strategy_refuses_is_refused_before_the_ancestor_is_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heredity.api.evolve.graph_bytes", lambda *_: pytest.fail("exported"))
    genes = {"model.fc9": "8..16"}
    with pytest.raises(InputError, match=r"model\.fc9"):
        evolve(
            "lenet-300-100",
            "digits",
            strategy="dual_inheritance",
            strategy_options={"genes": genes},
            generations=1,
            workers=0,
            out=tmp_path / "run",
        )
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="NO GPU HERE: training on one is not tested")
@pytest.mark.parametrize("strategy", ["synthesis", "group_pruning", "neuroevolution", "dual_inheritance"])
def test_what_trains_on_a_gpu_is_measured_on_the_cpu_and_is_the_same_again(strategy: str, tmp_path: Path) -> None:
    options = {"steps": (40, 20, 20) if strategy == "group_pruning" else (40, 20)}
    runs = [
        evolve(
            "lenet5",
            "digits",
            strategy=strategy,
            strategy_options={} if strategy == "synthesis" else options,
            generations=2,
            workers=workers,
            device="cuda",
            out=tmp_path / str(workers),
        )
        for workers in (0, 2)
    ]
    assert essence(runs[0].folder.path) == essence(runs[1].folder.path)
    task = load_task("digits", seed=0)
    for run in runs:
        with run.store:
            assert all(not differences for _, differences in verify(run, task))
