"""Tables agree with the runs' stores, which verify."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec import structs

from heredity.anatomy.body import deploy
from heredity.api.evolve import reopen
from heredity.measures.error import error_rate, predict
from heredity.reproduce.plan import Plan, Result
from heredity.reproduce.tables import not_run, summary, write_tables
from heredity.run.verify import verify
from heredity.store.folder import RunFolder

COUNTED = ("conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight")


def read(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(newline="") as file:
        yield from csv.DictReader(file)


@pytest.fixture(scope="module")
def tables(done: Plan) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    table, generations = write_tables(done, done.outcome())
    return list(read(table)), list(read(generations))


def test_every_row_is_an_individual_in_a_store(done: Plan, tables: tuple[Any, Any]) -> None:
    rows, _ = tables
    assert {row["run"] for row in rows} == {part.name for part in done.parts}
    for name in {row["run"] for row in rows}:
        run, task = reopen(RunFolder(done.out / name))
        own = [row for row in rows if row["run"] == name]
        living = {f"{i.number:04d}": i for i in run.individuals if i.developed}
        assert [row["individual"] for row in own] == list(living)
        first = own[0]
        for row in own:
            individual = living[row["individual"]]
            organism = run.store.organism(individual)
            masks = {n: organism.masks.get(n, torch.ones_like(organism.tensors[n]).bool()) for n in COUNTED}
            live = sum(int(mask.sum()) for mask in masks.values())
            kernels = sum(int(mask.reshape(*mask.shape[:2], -1).any(2).sum()) for mask in masks.values())
            assert (int(row["synapses"]), int(row["kernels"])) == (live, kernels)
            assert float(row["architectural_efficiency"]) == int(first["synapses"]) / live
            assert float(row["cluster_efficiency"]) == int(first["kernels"]) / kernels
            assert float(row["val_error"]) == individual.measures["val_error"]
            assert float(row["params"]) == individual.measures["params"]
            assert row["parents"].split() == [f"{parent:04d}" for parent in individual.birth.parents]
            assert int(row["generation"]) == individual.birth.generation
            logits = predict(deploy(organism.genome, organism.tensors), task.test.inputs)
            assert float(row["test_error"]) == error_rate(logits, task.test.labels)
            teachers = [run.store.organism(living[f"{number:04d}"]) for number in individual.birth.teachers]
            said = [
                predict(deploy(one.genome, one.tensors), task.validation.inputs).argmax(1)
                for one in (organism, *teachers)
            ]
            assert (row["agreement"] == "") == (not teachers) == (row is first)
            if teachers:
                assert float(row["agreement"]) == pytest.approx(float((said[0] == said[1]).double().mean()))
        assert [found for _, differences in verify(run, task) for found in differences] == []
        run.store.close()


def test_generations_name_whom_they_are_of(tables: tuple[Any, Any]) -> None:
    rows, generations = tables
    assert generations
    for one in generations:
        own = [r for r in rows if (r["run"], r["generation"]) == (one["run"], one["generation"])]
        assert one["members"].split() == [row["individual"] for row in own]
        best = min(own, key=lambda row: (float(row["val_error"]), int(row["synapses"])))
        assert one["best"] == best["individual"]
        assert one["best_test_error"] == best["test_error"]
        assert float(one["median_test_error"]) == statistics.median(float(row["test_error"]) for row in own)
        several = len(own) > 1
        assert bool(one["cluster_variety"]) == bool(one["synapse_variety"]) == several
        assert not several or 0 < float(one["synapse_variety"]) < 1


def test_the_summary_is_of_medians(done: Plan, tables: tuple[Any, Any]) -> None:
    _, generations = tables
    lines = summary(done.outcome())
    assert [(line.arm, line.preset, line.seeds) for line in lines] == [
        ("tags-r50", "paper", 1),
        ("position-r50", "paper", 1),
    ]
    for line in lines:
        last = [g for g in generations if g["arm"] == line.arm and g["generation"] == "2"]
        assert line.accuracy == pytest.approx(1 - statistics.median(float(g["best_test_error"]) for g in last))
        assert line.latency_ms == statistics.median(float(g["best_latency_ms"]) for g in last) > 0
        assert line.accepted >= 1
    assert [arm.name for arm in not_run(done, done.outcome())] == ["tags-r55"]


def test_times_that_were_not_taken_are_left_out(done: Plan) -> None:
    def untimed(result: Result) -> Result:
        generations = tuple(structs.replace(one, best_latency_ms=None) for one in result.measured.generations)
        return replace(result, measured=structs.replace(result.measured, generations=generations))

    for line in summary([untimed(result) for result in done.outcome()]):
        assert line.latency_ms is line.ancestor_latency_ms is None
