"""Migrations: how a store's tables came to be what they are, by name and in order, each in one transaction.

A migration that has been released is never edited; a change of `schema.py` comes with a new one at the end. Statements
are SQL that both SQLite and PostgreSQL understand.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, insert, inspect, select
from sqlalchemy.schema import CreateTable

from heredity.errors import StoreError
from heredity.store import schema

MIGRATIONS: dict[str, tuple[str, ...]] = {
    "0001-history": (
        """CREATE TABLE individuals (
            number INTEGER NOT NULL PRIMARY KEY,
            generation INTEGER NOT NULL,
            operator TEXT NOT NULL,
            status TEXT NOT NULL,
            reason TEXT,
            weights TEXT,
            seconds DOUBLE PRECISION NOT NULL,
            elapsed DOUBLE PRECISION NOT NULL,
            recorded TEXT NOT NULL,
            record TEXT NOT NULL)""",
        """CREATE TABLE measurements (
            number INTEGER NOT NULL REFERENCES individuals (number),
            name TEXT NOT NULL,
            value DOUBLE PRECISION NOT NULL,
            PRIMARY KEY (number, name))""",
        "CREATE TABLE clock (id INTEGER NOT NULL PRIMARY KEY, seconds DOUBLE PRECISION NOT NULL)",
        "INSERT INTO clock (id, seconds) VALUES (1, 0)",
    ),
}


def applied(connection: Connection) -> list[str]:
    """Names of the migrations that a store has had, in order; none in a database that holds no store."""
    if not inspect(connection).has_table(schema.migrations.name):
        return []
    return list(connection.scalars(select(schema.migrations.c.name).order_by(schema.migrations.c.name)))


def migrate(engine: Engine) -> None:
    """Applies the migrations that a store lacks.

    Raises:
        StoreError: the store has had one that this version does not know: a newer version wrote it.
    """
    with engine.connect() as connection:
        had = applied(connection)
    if unknown := [name for name in had if name not in MIGRATIONS]:
        raise StoreError(
            f"expected a store of at most version {list(MIGRATIONS)[-1]}; came one of version {unknown[-1]}; "
            f"install the newer heredity that wrote it"
        )
    for name, statements in MIGRATIONS.items():
        if name not in had:
            with engine.begin() as connection:
                connection.execute(CreateTable(schema.migrations, if_not_exists=True))
                for statement in statements:
                    connection.exec_driver_sql(statement)
                now = datetime.now(UTC).isoformat(timespec="seconds")
                connection.execute(insert(schema.migrations).values(name=name, applied=now))
