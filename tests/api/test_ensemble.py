"""Ensembles of a run's members: what they are made of, what they cost, and that the test split has no part in it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_args

import onnxruntime
import pytest
import torch

from heredity.api import ensemble as facade
from heredity.api.ensemble import ensemble
from heredity.api.evolve import evolve, reopen
from heredity.api.load import load
from heredity.development.combination import Method
from heredity.development.criteria.criterion import measured
from heredity.development.task import Split
from heredity.errors import InputError
from heredity.export.ensemble import EnsembleRecord, read_ensemble
from heredity.measures.error import as_user_has_it
from heredity.run.run import Run
from heredity.run.targets import Targets
from heredity.store.folder import read_json
from heredity.testing.refusals import expect_one_line

pytestmark = pytest.mark.slow


def named(run: Run) -> list[str]:
    """Three individuals, on the front or not."""
    return [f"{i.number:04d}" for i in run.individuals if i.developed][:3]


@pytest.mark.parametrize("method", get_args(Method))
def test_an_ensemble_is_what_its_record_says(finished: Run, tmp_path: Path, method: Method) -> None:
    names = named(finished)
    place, record = ensemble(finished.folder.path, names, method, out=tmp_path / "made")
    assert place == tmp_path / "made"
    assert {path.name for path in place.iterdir()} == {"model.onnx", "model.safetensors", "ensemble.json"}
    assert read_json(place / "ensemble.json", EnsembleRecord) == record
    assert (record.method, record.candidates, record.ceilings) == (method, tuple(names), {})
    assert sum(part.weight for part in record.members) == pytest.approx(1)
    assert {part.id for part in record.members} <= {*names}
    if method in ("mean", "mlp"):
        assert [part.weight for part in record.members] == [1 / 3] * 3

    _, task = reopen(finished.folder)
    network, made = load(place), read_ensemble(place)
    assert isinstance(network, torch.nn.Module)
    batch = as_user_has_it(task.test.inputs)
    with torch.no_grad():
        own = network(batch)
    (exported,) = onnxruntime.InferenceSession(place / "model.onnx").run(["logits"], {"input": batch.numpy()})
    torch.testing.assert_close(own, torch.from_numpy(exported), rtol=0, atol=1e-4)
    for part, member in zip(record.members, made.members, strict=True):
        stored = finished.member(part.id).organism()
        assert member.genome == stored.genome
        assert all(torch.equal(member.tensors[name], tensor) for name, tensor in stored.tensors.items())

    known = record.measures
    assert known["test_error"] == measured(task.criterion, network, task.test.inputs, task.test.labels)
    whole = known["val_error"] == measured(task.criterion, network, task.validation.inputs, task.validation.labels)
    assert whole or method == "mlp"
    assert record.examples == (len(task.validation) if method != "mlp" else round(len(task.validation) / 4))
    for name in ("params", "macs"):
        summed = sum(part.measures[name] for part in record.members)
        assert known[name] > summed if method == "mlp" else known[name] == summed
    assert known["bytes"] == (place / "model.onnx").stat().st_size
    assert 0 < known["latency_ms"] < 100
    best = min(names, key=lambda name: finished.member(name).measures["val_error"])
    assert finished.member(record.best.id).measures["val_error"] == finished.member(best).measures["val_error"]


@pytest.mark.parametrize("method", get_args(Method))
def test_the_test_split_has_no_part_in_it(
    finished: Run, tmp_path: Path, method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is: here labels that are all wrong, and inputs that nobody has seen."""
    first, record = ensemble(finished.folder.path, named(finished), method, out=tmp_path / "first")

    def poisoned(*arguments: Any, **options: Any) -> Any:
        run, task = reopen(*arguments, **options)
        return run, dataclasses.replace(task, test=Split(255 - task.test.inputs, (task.test.labels + 1) % 3))

    monkeypatch.setattr(facade, "reopen", poisoned)
    other, misled = ensemble(finished.folder.path, named(finished), method, out=tmp_path / "other")
    assert misled.measures["test_error"] != record.measures["test_error"]
    for name in ("model.onnx", "model.safetensors"):
        assert (first / name).read_bytes() == (other / name).read_bytes()
    assert misled.members == record.members
    assert misled.measures["val_error"] == record.measures["val_error"]


def test_the_front_is_what_there_is_to_choose_from(finished: Run) -> None:
    place, record = ensemble(finished.folder.path)
    assert place == finished.folder.path / "ensemble" / "greedy"
    assert record.candidates == tuple(member.id for member in finished.front)


def test_a_generation_is_what_there_is_to_choose_from(finished: Run, tmp_path: Path) -> None:
    born = {g: [f"{i.number:04d}" for i in finished.individuals if i.birth.generation == g] for g in (1, 2)}
    for generation, whose in ((1, born[1]), (2, born[2]), ("last", born[2])):
        out = tmp_path / str(generation)
        _, record = ensemble(finished.folder.path, method="mean", generation=generation, out=out)
        assert [part.id for part in record.members] == whose


def test_flops_are_those_of_members_and_of_all_that_they_come_from(finished: Run, tmp_path: Path) -> None:
    """Members of the last generation, whose parents are counted once."""
    _, record = ensemble(finished.folder.path, method="mean", generation="last", out=tmp_path / "made")
    everybody = {i.number: i for i in finished.individuals}
    own = {int(part.id) for part in record.members}
    parents = {p for number in own for p in everybody[number].birth.parents}
    assert parents - {0}, "or this shows nothing"
    assert record.inference_flops == 2 * record.measures["macs"]
    assert record.train_flops == sum(everybody[number].train_flops or 0 for number in own)
    assert record.line_flops == sum(everybody[number].train_flops or 0 for number in own | parents | {0})


class TestCeilings:
    def test_they_are_kept_by_the_file_that_is_written(self, finished: Run, tmp_path: Path) -> None:
        """Also where the members alone would keep them, and the file as a whole does not."""
        names = named(finished)
        free = ensemble(finished.folder.path, names, out=tmp_path / "free")[1].measures
        alone = min(finished.member(name).measures["bytes"] for name in names)
        for ceiling in (free["bytes"], free["bytes"] - 1, alone + 1500):
            targets = Targets(max_bytes=ceiling)
            place, record = ensemble(finished.folder.path, names, targets=targets, out=tmp_path / "bytes")
            assert (place / "model.onnx").stat().st_size == record.measures["bytes"] <= ceiling
            assert record.ceilings == {"bytes": ceiling}
        for name in ("params", "macs"):
            targets = Targets(**{f"max_{name}": free[name]})
            record = ensemble(finished.folder.path, names, targets=targets, out=tmp_path / name)[1]
            assert record.measures[name] <= free[name]

    def test_latency(self, finished: Run, tmp_path: Path) -> None:
        targets = Targets(max_latency_ms=1000)
        record = ensemble(finished.folder.path, named(finished), targets=targets, out=tmp_path / "made")[1]
        assert all(part.measures["latency_ms"] > 0 for part in record.members), "measured where it was not recorded"

    @pytest.mark.parametrize("measure", ["params", "macs", "bytes", "latency_ms"])
    def test_those_that_nobody_keeps(self, finished: Run, tmp_path: Path, measure: str) -> None:
        names = named(finished)
        ceiling = 1e-7 if measure == "latency_ms" else min(finished.member(n).measures[measure] for n in names) - 1
        targets, methods = Targets(**{f"max_{measure}": ceiling}), ("greedy", "mean")
        for method in methods:
            with pytest.raises(InputError) as caught:
                ensemble(finished.folder.path, names, method, targets=targets, out=tmp_path / "made")
            expect_one_line(caught, measure)
        assert not (tmp_path / "made").exists()

    def test_a_file_that_weighs_more_than_its_only_member(self, finished: Run, tmp_path: Path) -> None:
        names = named(finished)
        ceiling = min(finished.member(name).measures["bytes"] for name in names) + 1
        with pytest.raises(InputError) as caught:
            ensemble(finished.folder.path, names, targets=Targets(max_bytes=ceiling), out=tmp_path / "made")
        expect_one_line(caught, f"at most {ceiling:,.0f} bytes", "the nearest being")


class TestRefusals:
    def refused(self, run: Run, out: Path, *arguments: Any, **options: Any) -> pytest.ExceptionInfo[InputError]:
        with pytest.raises(InputError) as caught:
            ensemble(run.folder.path, *arguments, out=out, **options)
        assert not out.exists()
        return caught

    def test_members_that_cannot_be_used(self, finished: Run, tmp_path: Path) -> None:
        out = tmp_path / "made"
        expect_one_line(self.refused(finished, out, ["0", "99"]), "'99'")
        expect_one_line(self.refused(finished, out, ["0", "0000"]), "0000 twice")
        expect_one_line(self.refused(finished, out, ["1"]), "at least 2 members", "0001")
        expect_one_line(self.refused(finished, out, generation=9), "a generation", "9", "the last is 2")
        expect_one_line(self.refused(finished, out, generation=0), "at least 2 members", "0000")
        expect_one_line(self.refused(finished, out, ["1"], generation=1), "ids or a generation", "both")

    def test_other_input_that_cannot_be_used(self, finished: Run, tmp_path: Path) -> None:
        out, method = tmp_path / "made", "vote"
        expect_one_line(self.refused(finished, out, (), method), "'vote'", "mean, weighted, mlp, greedy")
        expect_one_line(self.refused(finished, out, targets=Targets(max_error=0.1)), "max_error")


FILE = """
import heredity, torch
from torch import nn

coins = torch.Generator().manual_seed(0)
features = torch.randn(300, 6, generator=coins)
def prices(): return features, features[:, :2] * torch.tensor([20_000.0, 3.0]) + torch.tensor([300_000.0, 1.0])
def own(): return heredity.as_task((features, features[:, :2]), seed=0, criterion=heredity.Custom(off, how_far))
def off(outputs, labels): return (outputs - labels).abs().mean()
def how_far(outputs, labels): return float((outputs - labels).abs().mean())
def head(n_classes): return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, n_classes))
"""
QUICK = {"population": 2, "steps": (200, 60)}


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mine") / "mine.py"
    path.write_text(FILE)
    return path


def small(mine: Path, data: str, out: Path) -> Run:
    return evolve(f"{mine}:head", f"{mine}:{data}", generations=1, strategy_options=QUICK, workers=0, out=out)


def test_numbers_in_the_users_units(mine: Path, tmp_path: Path) -> None:
    run = small(mine, "prices", tmp_path / "run")
    _, task = reopen(run.folder)
    for method in get_args(Method):
        place, record = ensemble(run.folder.path, named(run), method)
        network = load(place)
        assert isinstance(network, torch.nn.Module)
        with torch.no_grad():
            assert 200_000 < float(network(task.test.inputs)[:, 0].mean()) < 400_000
        assert record.measures["val_error"] < 0.2


def test_answers_that_have_no_mean(mine: Path, tmp_path: Path) -> None:
    run = small(mine, "own", tmp_path / "run")
    for method in get_args(Method):
        with pytest.raises(InputError) as caught:
            ensemble(run.folder.path, named(run), method)
        expect_one_line(caught, "custom")
    assert not (run.folder.path / "ensemble").exists()


def test_a_module_that_was_handed_over(tmp_path: Path) -> None:
    """It is needed again, as for a member."""
    network = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    labels, coins = torch.arange(240) % 3, torch.Generator().manual_seed(0)
    data = (torch.eye(3)[labels].repeat(1, 2) + 0.5 * torch.randn(240, 6, generator=coins), labels)
    run = evolve(network, data, generations=1, strategy_options=QUICK, workers=0, out=tmp_path / "run")
    place, _ = ensemble(run.folder.path, named(run), "mean", model=network, data=data)
    assert isinstance(load(place, model=network), torch.nn.Module)
    genome = read_ensemble(place).members[0].genome
    assert genome.constructor.reference == "instance"
