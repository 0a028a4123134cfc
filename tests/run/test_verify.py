"""Verification finds whatever is not as recorded, and nothing where all is well."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heredity.api.evolve import evolve, reopen, resume
from heredity.run.verify import verify
from heredity.store.folder import RunFolder
from heredity.store.store import Store
from heredity.testing.runs import QUICK


@pytest.fixture(scope="module")
def original(users: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "original"
    options = {**QUICK, "synapses": 0.7}
    run = evolve(f"{users}:sound", f"{users}:data", generations=1, strategy_options=options, workers=0, out=out)
    run.store.close()
    return out


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "copy"))


def differences(folder: Path) -> list[str]:
    run, task = reopen(RunFolder(folder))
    found = [str(difference) for _, several in verify(run, task) for difference in several]
    run.store.close()
    return found


def rewrite(folder: Path, number: int, change: Callable[[dict[str, Any]], None]) -> None:
    """Forges a record."""
    with sqlite3.connect(folder / "run.db") as database:
        (text,) = database.execute("SELECT record FROM individuals WHERE number = ?", (number,)).fetchone()
        record = json.loads(text)
        change(record)
        database.execute("UPDATE individuals SET record = ? WHERE number = ?", (json.dumps(record), number))
    database.close()


def test_all_is_well(original: Path) -> None:
    assert differences(original) == []


def test_records_of_older_versions_name_one_teacher(copy: Path) -> None:
    def age(record: dict[str, Any]) -> None:
        teachers = record["birth"].pop("teachers")
        record["birth"]["teacher"] = teachers[0] if teachers else None
        del record["birth"]["litter"]

    with Store.open(copy) as store:
        before = store.individuals()
    assert [individual.birth.teachers for individual in before] == [(), *[(0,)] * (len(before) - 1)]
    for individual in before:
        rewrite(copy, individual.number, age)
    with Store.open(copy) as store:
        assert store.individuals() == before
    assert differences(copy) == []
    (copy / "front.json").unlink()
    resume(copy).store.close()  # which asks for the very same births


@pytest.mark.parametrize("measure", ["val_error", "params", "synapses", "macs", "bytes"])
def test_a_forged_measurement(copy: Path, measure: str) -> None:
    rewrite(copy, 1, lambda record: record["measures"].update({measure: 0.5}))
    (found,) = differences(copy)
    assert found.startswith(f"individual 1: {measure} is recorded as 0.5, found ")


def test_forged_flops_of_training(copy: Path) -> None:
    rewrite(copy, 1, lambda record: record.update(train_flops=record["train_flops"] + 1))
    (found,) = differences(copy)
    assert found.startswith("individual 1: FLOPs of its training is recorded as ")
    rewrite(copy, 1, lambda record: record.pop("train_flops"))
    assert differences(copy) == [], "older versions recorded none"


def test_a_forged_test_error(copy: Path) -> None:
    with sqlite3.connect(copy / "run.db") as database:
        (number,) = database.execute("SELECT number FROM measurements WHERE name = 'test_error'").fetchone()
        database.execute("UPDATE measurements SET value = 0.001 WHERE name = 'test_error' AND number = ?", (number,))
    database.close()
    (found,) = differences(copy)
    assert found.startswith(f"individual {number}: test_error is recorded as 0.001, found ")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda record: record.update(newborn="0" * 16), "what it was born with, conceived again"),
        (lambda record: record["birth"].update(seed=5), "has another genome than was planned"),
        (
            lambda record: record["birth"].update(parents=[77]),
            "what is stored is recorded as whole, found KeyError: 77",
        ),
        (lambda record: record["birth"].update(parents=[]), "found InputError: expected at least one parent"),
        (
            lambda record: record["birth"]["genome"]["tags"].update(nobody=[[0, 0]]),
            "what is stored is recorded as whole",
        ),
        (lambda record: record["birth"]["genome"].update(masks="0" * 16), "the digest of its masks"),
        (lambda record: record.update(weights="0" * 64), "what is stored is recorded as whole, found StoreError"),
    ],
    ids=["newborn", "seed", "parent", "orphan", "genome", "masks", "weights"],
)
def test_a_forged_birth(copy: Path, change: Callable[[dict[str, Any]], None], expected: str) -> None:
    rewrite(copy, 1, change)
    found = differences(copy)
    assert any(expected in line for line in found), found
    assert all(line.startswith("individual 1: ") for line in found)
    assert not any("\n" in line for line in found)


def test_weights_of_another(copy: Path) -> None:
    with sqlite3.connect(copy / "run.db") as database:
        (text,) = database.execute("SELECT record FROM individuals WHERE number = 2").fetchone()
    database.close()
    rewrite(copy, 1, lambda record: record.update(weights=json.loads(text)["weights"]))
    assert differences(copy)


@pytest.mark.parametrize("cut", [0, 100, -1])
def test_a_truncated_blob(copy: Path, cut: int) -> None:
    run, _ = reopen(RunFolder(copy))
    individual = run.individuals[1]
    run.store.close()
    blob = copy / "blobs" / f"{individual.weights}.safetensors"
    blob.write_bytes(blob.read_bytes()[:cut])
    found = differences(copy)
    assert len(found) == 1
    assert "individual 1: what is stored is recorded as whole, found StoreError: expected" in found[0]


def test_a_flipped_bit(copy: Path) -> None:
    for blob in (copy / "blobs").iterdir():
        content = bytearray(blob.read_bytes())
        content[-1] ^= 1
        blob.write_bytes(content)
    assert len(differences(copy)) == 4
