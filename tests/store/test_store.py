"""The store passes its contract, and survives what happens to processes, disks and files."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from sqlalchemy import event, make_url
from torch import nn

from heredity.anatomy.body import build
from heredity.anatomy.constructor import describe
from heredity.anatomy.inputs import InputForm
from heredity.development.birth import Birth, Individual
from heredity.development.recipe import Recipe
from heredity.errors import InputError, StoreError
from heredity.store.folder import RunFolder
from heredity.store.store import Store
from heredity.testing.store import (
    Place,
    StoreContract,
    developed,
    expect_one_line,
    failed,
    same_organism,
    sample_organism,
)
from heredity.variation.founding import Founding


class TestFolder(StoreContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Place:
        return Place(tmp_path / "a run, 100% ?x=1#y")


class TestUrl(StoreContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Place:
        return Place(f"sqlite:///{tmp_path / 'deep' / 'history.sqlite'}", tmp_path / "weights")


def test_a_network_comes_back_from_its_record(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3)).eval()
    inputs = InputForm((1, 8, 8))
    founding = Founding(describe(network, {}), inputs)
    founder = founding.conceive([], 5)
    birth = Birth(0, 0, (), founding, founder.genome, Recipe(epochs=1), 5)
    with Store.create(tmp_path) as store:
        store.record(Individual(birth, "developed", {}, store.blobs.put(founder.tensors, founder.masks)))
    with Store.open(tmp_path) as store:
        organism = store.organism(store.individuals()[0])
    assert organism.genome.digest == founder.genome.digest
    x, before = torch.rand(2, *inputs.shape), build(founder.genome, founder.tensors).eval()
    assert torch.equal(build(organism.genome, organism.tensors).eval()(x), before(x))
    assert torch.allclose(before(x), network(x), atol=1e-6)


def test_columns_repeat_the_record(tmp_path: Path) -> None:
    with Store.create(tmp_path) as store:
        store.record(individual := developed(store, 3))
    with sqlite3.connect(RunFolder(tmp_path).database) as database:
        row = database.execute(
            "select number, generation, operator, status, reason, weights, seconds, elapsed,"
            " json_extract(record, '$.measures.val_error') from individuals"
        ).fetchall()
    assert row == [(3, 1, "cloning", "developed", None, individual.weights, 0.1, 1.5, individual.measures["val_error"])]


def test_a_closed_store_is_one_file(tmp_path: Path) -> None:
    with Store.create(tmp_path) as store:
        store.record(failed(0))
    assert [p.name for p in tmp_path.glob("run.db*")] == ["run.db"]


def test_commits_reach_the_disk(tmp_path: Path) -> None:
    with Store.create(tmp_path) as store, store._engine.connect() as connection:
        assert connection.exec_driver_sql("pragma synchronous").scalar() == 2
        assert connection.exec_driver_sql("pragma foreign_keys").scalar() == 1


ENDLESS = """
import sys
from pathlib import Path
from heredity.store.store import Store
from heredity.testing.store import developed
with Store.open(Path(sys.argv[1])) as store:
    number = len(store.individuals())
    while True:
        store.record(developed(store, number))
        store.tick(1)
        print(number, flush=True)
        number += 1
"""


@pytest.mark.slow
def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    Store.create(tmp_path).close()
    before, acknowledged = 0, 0
    for records, pause in ((7, 0.0), (20, 0.0031)):
        with subprocess.Popen([sys.executable, "-c", ENDLESS, tmp_path], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            lines = [writer.stdout.readline() for _ in range(records)]
            time.sleep(pause)
            writer.kill()  # SIGKILL
            lines += writer.stdout.readlines()
        heard = [int(line) for line in lines if line.endswith("\n")]
        assert heard == list(range(before, before + len(heard)))
        acknowledged += len(heard)
        with Store.open(tmp_path) as store:
            store.blobs.clean()
            found = store.individuals()
            assert [i.number for i in found] == list(range(len(found)))
            assert before + len(heard) <= len(found) <= before + len(heard) + 1
            assert acknowledged <= store.elapsed() <= len(found)
            assert all(same_organism(store.organism(i), sample_organism(i.number)) for i in found)
            assert all(re.fullmatch(r"[0-9a-f]{64}\.safetensors", p.name) for p in store.blobs.folder.iterdir())
        before = len(found)
    assert acknowledged >= 27


def limit(store: Store, pragma: str) -> None:
    """Sets a pragma on the store's connections from now on."""
    store._engine.dispose()
    event.listen(store._engine, "connect", lambda connection, _: connection.execute(f"PRAGMA {pragma}"))


def record_many(store: Store) -> None:
    for number in range(1, 100):
        store.record(failed(number))


def test_a_full_disk(tmp_path: Path) -> None:
    with Store.create(tmp_path) as store:
        store.record(failed(0))
        limit(store, "max_page_count = 1")  # fewer than it has, that is: none to spare
        with pytest.raises(StoreError) as caught:
            record_many(store)
        expect_one_line(caught, RunFolder(tmp_path).database, "full", "free some")
        before = store.individuals()
        assert before == [failed(number) for number in range(len(before))]
        limit(store, "max_page_count = 4294967294")
        store.record(failed(len(before)))
        assert len(store.individuals()) == len(before) + 1


def test_a_read_only_database(tmp_path: Path) -> None:
    with Store.create(tmp_path) as store:
        store.record(failed(0))
        limit(store, "query_only = 1")
        with pytest.raises(StoreError) as caught:
            store.record(failed(1))
        expect_one_line(caught, RunFolder(tmp_path).database, "readonly", "permissions")
        with pytest.raises(StoreError):
            store.tick(1)
        assert store.individuals() == [failed(0)]


def test_a_locked_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'run.db'}?timeout=0.05"
    with Store.create(url) as store:
        store.record(failed(0))
        with sqlite3.connect(tmp_path / "run.db", isolation_level=None) as other:
            other.execute("begin immediate")
            with pytest.raises(StoreError) as caught:
                store.record(failed(1))
            other.execute("rollback")
        expect_one_line(caught, "run.db", "locked", "close the program")
        store.record(failed(1))
        assert store.individuals() == [failed(0), failed(1)]


def test_an_open_reader_does_not_stop_the_run(tmp_path: Path) -> None:
    with Store.create(tmp_path) as store, sqlite3.connect(tmp_path / "run.db", isolation_level=None) as reader:
        store.record(failed(0))
        reader.execute("begin")
        assert reader.execute("select count(*) from individuals").fetchone() == (1,)
        store.record(failed(1))
        assert reader.execute("select count(*) from individuals").fetchone() == (1,)


def overwrite_start(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"x" * 100)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def scramble_record(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("update individuals set record = substr(record, 1, 40) where number = 1")


@pytest.mark.parametrize(
    ("damage", "word"),
    [(overwrite_start, "not a database"), (truncate, "malformed"), (scramble_record, "individual 1")],
)
def test_a_damaged_database(tmp_path: Path, damage: Callable[[Path], None], word: str) -> None:
    with Store.create(tmp_path) as store:
        for number in range(20):
            store.record(failed(number))
    damage(RunFolder(tmp_path).database)
    with pytest.raises(StoreError) as caught, Store.open(tmp_path) as store:
        store.individuals()
    expect_one_line(caught, RunFolder(tmp_path).database, word, "restore it")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError) as caught:
        Store.create(tmp_path / "file" / "run")
    expect_one_line(caught, tmp_path / "file", "another folder")


def test_creating_goes_on_after_a_kill(tmp_path: Path) -> None:
    RunFolder(tmp_path).database.touch()  # connected, and killed before the first migration
    with pytest.raises(StoreError):
        Store.open(tmp_path)
    with Store.create(tmp_path) as store:
        assert store.individuals() == []


@pytest.mark.parametrize(
    "url", ["nonsense://", "sqlite://", "sqlite+nothing:///run.db", "postgresql+psycopg2://u:secret@h/d"]
)
def test_urls_that_cannot_be_used(tmp_path: Path, url: str) -> None:
    blobs = None if url == "sqlite://" else tmp_path
    with pytest.raises(InputError) as caught:
        Store.create(url, blobs)
    expect_one_line(caught)
    assert "secret" not in str(caught.value)


def test_the_weights_lie_beside_the_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'run.db'}"
    with Store.create(url) as store:
        assert store.blobs.folder == tmp_path / "blobs"
    assert make_url(url).database == str(RunFolder(tmp_path).database)
    with Store.open(tmp_path) as store:
        assert store.individuals() == []
