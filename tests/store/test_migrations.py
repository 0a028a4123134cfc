"""Migrations lead to the schema, each whole or not at all; newer stores are refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import MetaData

from heredity.errors import StoreError
from heredity.store import schema
from heredity.store.folder import RunFolder
from heredity.store.migrations import MIGRATIONS, applied
from heredity.store.store import Store
from heredity.testing.refusals import expect_one_line
from heredity.testing.store import failed


def columns(metadata: MetaData) -> dict[str, list[tuple[object, ...]]]:
    """Tables and columns in plain words, comparable between a schema and a database."""
    return {
        table.name: [
            (c.name, c.type.python_type, c.nullable, c.primary_key, sorted(k.target_fullname for k in c.foreign_keys))
            for c in table.columns
        ]
        for table in metadata.sorted_tables
    }


def test_migrations_lead_to_the_schema(tmp_path: Path) -> None:
    with Store.create(tmp_path) as store:
        found = MetaData()
        found.reflect(store._engine)
        with store._engine.connect() as connection:
            assert applied(connection) == list(MIGRATIONS)
    assert columns(found) == columns(schema.metadata)


def test_names_are_in_order() -> None:
    assert list(MIGRATIONS) == sorted(MIGRATIONS)


def test_an_older_store_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.create(tmp_path) as store:
        store.record(failed(0))
    monkeypatch.setitem(MIGRATIONS, "9999-note", ("ALTER TABLE individuals ADD COLUMN note TEXT",))
    for _ in range(2):
        with Store.open(tmp_path) as store, store._engine.connect() as connection:
            assert applied(connection)[-1] == "9999-note"
            assert store.individuals() == [failed(0)]


def test_a_failing_migration_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.create(tmp_path) as store:
        store.record(failed(0))
    with monkeypatch.context() as patched:
        patched.setitem(MIGRATIONS, "9999-note", ("CREATE TABLE half (a INTEGER)", "CREATE TABLE half (a INTEGER)"))
        with pytest.raises(StoreError) as caught:
            Store.open(tmp_path)
        expect_one_line(caught, RunFolder(tmp_path).database)
    with sqlite3.connect(RunFolder(tmp_path).database) as database:
        assert database.execute("select count(*) from sqlite_master where name = 'half'").fetchone() == (0,)
    with Store.open(tmp_path) as store:
        assert store.individuals() == [failed(0)]


def test_a_failing_creation_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        first = next(iter(MIGRATIONS))
        patched.setitem(MIGRATIONS, first, (*MIGRATIONS[first], "nonsense"))
        with pytest.raises(StoreError):
            Store.create(tmp_path)
    with Store.create(tmp_path) as store:
        assert store.individuals() == []


def test_a_newer_store_is_refused_and_untouched(tmp_path: Path) -> None:
    Store.create(tmp_path).close()
    with sqlite3.connect(path := RunFolder(tmp_path).database) as database:
        database.execute("insert into migrations values ('9998-next', '2030-01-01')")
        database.execute("insert into migrations values ('9999-later', '2031-01-01')")
    database.close()
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        Store.open(tmp_path)
    expect_one_line(caught, list(MIGRATIONS)[-1], "9999-later", "newer")
    assert path.read_bytes() == before
