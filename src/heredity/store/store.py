"""The store: what a run remembers of every individual. One process writes it; any may read."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
from sqlalchemy import URL, Connection, Engine, create_engine, event, func, insert, make_url, select, update
from sqlalchemy.exc import ArgumentError, DatabaseError, SQLAlchemyError

from heredity.development.birth import Individual
from heredity.errors import InputError, StoreError
from heredity.store.blobs import BlobStore
from heredity.store.files import make_folder
from heredity.store.folder import RunFolder
from heredity.store.migrations import applied, migrate
from heredity.store.schema import clock, individuals, measurements, migrations
from heredity.variation.operator import Organism


class Store:
    """Records of individuals in a database, and their weights in a folder of blobs.

    Contract, which `heredity.testing.store` checks:
    * What a method has returned from is on the disk: no way of dying loses it. What it has not returned from is there
      whole or not at all.
    * History is added to, never rewritten: a birth is recorded once, a measurement is made once.
    * A recorded individual's weights are there: blobs come first.
    * Every failure is a StoreError of one line, and leaves what was recorded before as it was.
    """

    def __init__(self, engine: Engine, blobs: BlobStore) -> None:
        self.blobs = blobs
        self._engine = engine
        self._decoder = msgspec.json.Decoder(Individual)

    @classmethod
    def create(cls, place: str | Path, blobs: Path | None = None) -> Store:
        """A new store in a run's folder, or at a database URL such as `sqlite:///run.db` with its weights in `blobs`.

        `blobs` defaults to the folder of that name beside the SQLite file.

        Raises:
            StoreError: there is one already, or it cannot be written.
            InputError: the URL cannot be used.
        """
        url, weights = _located(place, blobs)
        if url.get_backend_name() == "sqlite" and url.database:
            make_folder(Path(url.database).parent)
        make_folder(weights)
        engine = _engine(url)
        with _database_errors(engine):
            with engine.connect() as connection:
                if applied(connection):
                    raise StoreError(
                        f"expected no run in {_name(engine)}; came one; resume it, or choose another folder"
                    )
            migrate(engine)
        return cls(engine, BlobStore(weights))

    @classmethod
    def open(cls, place: str | Path, blobs: Path | None = None) -> Store:
        """The store at a place as `create` takes it, brought up to date.

        Raises:
            StoreError: there is none, a newer version wrote it, or it cannot be read.
            InputError: the URL cannot be used.
        """
        url, weights = _located(place, blobs)
        engine = _engine(url)
        missing = StoreError(f"expected a run in {_name(engine)}; came none; check the path, or start a new run")
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
            raise missing  # connecting would make the file
        with _database_errors(engine):
            with engine.connect() as connection:
                if not applied(connection):
                    raise missing
            migrate(engine)
        return cls(engine, BlobStore(weights))

    def close(self) -> None:
        """Lets go of the database."""
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def record(self, *together: Individual) -> None:
        """Remembers individuals for good, all of them or none. Their weights have been put to `blobs` before.

        Raises:
            StoreError: a number is taken, weights are not there, a measurement is not finite, or the database cannot be
                written.
        """
        for individual in together:
            for name, value in individual.measures.items():
                _check_finite(individual.number, name, value)
            if individual.weights is not None and individual.weights not in self.blobs:
                what = f"weights of individual {individual.number} in {self.blobs.folder}"
                raise StoreError(f"expected {what}; came none; put them first")
        with self._transaction() as connection:
            for individual in together:
                self._insert(connection, individual)

    def measured(self, number: int, name: str, value: float) -> None:
        """Adds a measurement to an individual that is recorded already; the same value again changes nothing.

        Raises:
            StoreError: there is no such individual, it has another value of this name, the value is not finite, or the
                database cannot be written.
        """
        _check_finite(number, name, value)
        with self._transaction() as connection:
            text = self._find(connection, number)
            if text is None:
                raise StoreError(f"expected a recorded individual; came number {number}; record it first")
            late = select(measurements.c.value).where(measurements.c.number == number, measurements.c.name == name)
            known = self._decode(number, text).measures.get(name, connection.scalar(late))
            if known is None:
                connection.execute(insert(measurements).values(number=number, name=name, value=value))
            elif known != value:
                raise StoreError(
                    f"expected {name} of individual {number} to stay {known}; came {value}; measure it once"
                )

    def individuals(self) -> list[Individual]:
        """All individuals by number, later measurements among their `measures`.

        Raises:
            StoreError: the database cannot be read.
        """
        with self._transaction() as connection:
            records = connection.execute(select(individuals.c.number, individuals.c.record).order_by("number")).all()
            later = connection.execute(select(measurements).order_by("number", "name")).all()
        found = {number: self._decode(number, text) for number, text in records}
        for number, name, value in later:
            grown = {**found[number].measures, name: value}
            found[number] = msgspec.structs.replace(found[number], measures=grown)
        return list(found.values())

    def organism(self, individual: Individual) -> Organism:
        """An individual's genome, weights and masks.

        Raises:
            StoreError: it has no weights, or they are missing or damaged.
        """
        if individual.weights is None:
            raise StoreError(
                f"expected an individual with weights; came number {individual.number}, which {individual.status}; "
                f"choose another"
            )
        return Organism(individual.birth.genome, *self.blobs.get(individual.weights))

    def began(self) -> str:
        """When the run began: UTC, ISO 8601."""
        with self._transaction() as connection:
            return connection.execute(select(func.min(migrations.c.applied))).scalar_one()

    def elapsed(self) -> float:
        """Seconds that the run has used so far, over all its sessions."""
        with self._transaction() as connection:
            return connection.execute(select(clock.c.seconds)).scalar_one()

    def tick(self, seconds: float) -> None:
        """Adds to the run's clock."""
        with self._transaction() as connection:
            connection.execute(update(clock).values(seconds=clock.c.seconds + seconds))

    @contextmanager
    def _transaction(self) -> Generator[Connection]:
        with _database_errors(self._engine), self._engine.begin() as connection:
            yield connection

    def _insert(self, connection: Connection, individual: Individual) -> None:
        number, birth = individual.number, individual.birth
        if self._find(connection, number) is not None:
            raise StoreError(f"expected a new individual; came number {number} once more; resume the run to go on")
        connection.execute(
            insert(individuals).values(
                number=number,
                generation=birth.generation,
                operator=birth.operator.__struct_config__.tag,
                status=individual.status,
                reason=individual.reason,
                weights=individual.weights,
                seconds=individual.seconds,
                elapsed=individual.elapsed,
                recorded=datetime.now(UTC).isoformat(timespec="milliseconds"),
                record=msgspec.json.encode(individual).decode(),
            )
        )

    def _find(self, connection: Connection, number: int) -> str | None:
        return connection.scalar(select(individuals.c.record).where(individuals.c.number == number))

    def _decode(self, number: int, text: str) -> Individual:
        try:
            return self._decoder.decode(text)
        except msgspec.DecodeError as error:
            raise StoreError(
                f"expected a record of individual {number} in {_name(self._engine)}; came {error}; "
                f"restore it from a copy of the run"
            ) from error


def _check_finite(number: int, name: str, value: float) -> None:
    if not math.isfinite(value):  # JSON has no NaN: the record could never be read again
        raise StoreError(
            f"expected finite measurements; came {name} = {value} of individual {number}; record it as failed"
        )


def _located(place: str | Path, blobs: Path | None) -> tuple[URL, Path]:
    """The database's URL and the folder of weights."""
    if isinstance(place, Path) or "://" not in place:
        folder = RunFolder(Path(place))
        return URL.create("sqlite", database=str(folder.database)), blobs or folder.blobs
    try:
        url = make_url(place)
    except ArgumentError as error:
        raise InputError.of(
            "a folder or a database URL", repr(place), "sqlite:///folder/run.db is the form of one"
        ) from error
    if blobs is None:
        if url.get_backend_name() != "sqlite" or not url.database:
            raise InputError.of("a folder for the weights", "none", f"name one beside {url.render_as_string()}")
        blobs = RunFolder(Path(url.database).parent).blobs
    return url, blobs


def _engine(url: URL) -> Engine:
    try:
        engine = create_engine(url)
    except (ArgumentError, ModuleNotFoundError) as error:
        raise InputError.of(
            "a database that can be used", f"{url.render_as_string()} ({error})", "install its driver, or use a folder"
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _: Any) -> None:
    # left to itself, Python's sqlite3 begins no transaction before CREATE TABLE; see _begin_sqlite
    connection.isolation_level = None
    # with a write-ahead log readers never block the writer, and a commit is one flush to the disk (FULL: every commit)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


_REMEDIES = {
    "SQLITE_FULL": "free some disk space, then resume",
    "SQLITE_BUSY": "close the program that uses it, then resume",
    "SQLITE_LOCKED": "close the program that uses it, then resume",
    "SQLITE_READONLY": "change the permissions of it and its folder, or choose another folder",
    "SQLITE_CANTOPEN": "check that the folder exists and can be written to",
    "SQLITE_CORRUPT": "restore it from a copy of the run",
    "SQLITE_NOTADB": "restore it from a copy of the run, or choose another folder",
}


@contextmanager
def _database_errors(engine: Engine) -> Generator[None]:
    """Turns a database's errors into StoreErrors of one line."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = error.orig if isinstance(error, DatabaseError) else None
        kind = "_".join(str(getattr(cause, "sqlite_errorname", "")).split("_")[:2])  # without SQLite's finer kinds
        remedy = _REMEDIES.get(kind, "check the disk or the database server, then resume")
        came = " ".join(str(cause or error).split())
        raise StoreError(f"expected to use the database {_name(engine)}; came {came}; {remedy}") from error


def _name(engine: Engine) -> str:
    """How messages call a database: a file by its path, a server by its URL without the password."""
    url = engine.url
    return url.database if engine.dialect.name == "sqlite" and url.database else url.render_as_string()
