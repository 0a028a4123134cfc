"""The tables, as the newest migration leaves them.

A record is the whole truth about an individual at its birth. The columns beside it repeat what people ask for in SQL;
the rest is a JSON query away: `json_extract(record, '$.measures.params')`.
"""

from __future__ import annotations

from sqlalchemy import Column, Double, ForeignKey, Integer, MetaData, Table, Text

metadata = MetaData()

migrations = Table(
    "migrations",
    metadata,
    Column("name", Text, primary_key=True),
    Column("applied", Text, nullable=False),  # UTC, ISO 8601
)
"""What has been done to the tables, see `migrations.py`. The first one's date is the run's."""

individuals = Table(
    "individuals",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("generation", Integer, nullable=False),
    Column("operator", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("weights", Text),  # a blob's name
    Column("seconds", Double, nullable=False),  # what its development took
    Column("elapsed", Double, nullable=False),  # on the run's clock
    Column("recorded", Text, nullable=False),  # UTC, ISO 8601
    Column("record", Text, nullable=False),  # JSON of development.birth.Individual
)
"""Individuals by birth number."""

measurements = Table(
    "measurements",
    metadata,
    Column("number", Integer, ForeignKey("individuals.number"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Double, nullable=False),
)
"""What was measured after the birth was recorded: history is added to, never rewritten."""

clock = Table(
    "clock",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seconds", Double, nullable=False),
)
"""One row: the time the run has used so far."""
