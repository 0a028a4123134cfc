"""Tables: parquet files, one of training or several as `train.parquet,test.parquet`, with `,validation` in between.

Columns are found by their names and types, or are named by the options `label=` and `input=` (several: `a+b`):

* the label is the one column called `label`, `labels`, `target`, `targets`, `class` or `y`. Whole numbers are classes
  from 0, words are classes in alphabetical order, fractional numbers are learnt as such;
* the input is the one column of images ({bytes, path} or bytes), else all other columns, which must be numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from heredity.development.datasets.images import decode
from heredity.development.datasets.labels import numbered
from heredity.development.datasets.options import Options
from heredity.development.extras import library
from heredity.development.task import Split, Task, make_task
from heredity.errors import DataError

LABELS = ("label", "labels", "target", "targets", "class", "y")
"""Names that a column of labels may have."""

Table = Any
"""A `pyarrow.Table`; pyarrow has no types."""


def parquet_task(paths: Sequence[Path], options: Options, *, seed: int, name: str) -> Task:
    """The task of `(train,)`, `(train, test)` or `(train, validation, test)` parquet files.

    Raises:
        DataError: a file or column is missing, damaged or not what can be learnt from.
        InputError: pyarrow is not installed.
    """
    if len(paths) > 3:
        raise DataError.of("train, train,test or train,validation,test", f"{len(paths)} files", "give up to three")
    splits, classes = splits_of([read(path) for path in paths], options, name)
    train, *validation, test = splits if len(splits) > 1 else (*splits, None)
    return make_task(name, train, validation[0] if validation else None, test, seed=seed, classes=classes)


def read(path: Path) -> Table:
    """A parquet file's content.

    Raises:
        DataError: it is missing or no parquet.
    """
    parquet = library("pyarrow.parquet", "which reads parquet files")
    try:
        return parquet.read_table(path)
    except Exception as error:
        came = f"{type(error).__name__}: {error}" if path.exists() else "no such file"
        raise DataError.of(f"a parquet file {path}", came, "check the path, or write it again") from error


def splits_of(
    tables: Sequence[Table], options: Options, name: str, named: Mapping[str, tuple[str, ...]] | None = None
) -> tuple[list[Split], tuple[str, ...]]:
    """Splits from tables of one form, training first, and the names of their classes.

    `named` are the classes' names of columns that hold their numbers, where these are known.

    Raises:
        DataError: a column is missing, cannot be told from others, or has what cannot be used.
    """
    named = named or {}
    label_columns = list(options.label) or [_label_column(tables[0], list(named), name)]
    input_columns = list(options.input) or _input_columns(tables[0], label_columns, name)
    for table in tables:
        if missing := [column for column in (*label_columns, *input_columns) if column not in table.column_names]:
            raise DataError.of(f"a column {missing[0]!r} in {name}", "none", f"it has {_listed(table)}")
        if not len(table):
            raise DataError.of(f"rows in every table of {name}", "none in one", "fill it, or leave it out")
    labels, words = _labels(tables, label_columns, name)
    inputs = _inputs(tables, input_columns, options, name)
    return [Split(x, y) for x, y in zip(inputs, labels, strict=True)], words or named.get("+".join(label_columns), ())


def _label_column(table: Table, named: list[str], name: str) -> str:
    found = [column for column in table.column_names if column.lower() in LABELS] or named
    if len(found) != 1:
        expected = f"one column called {', '.join(LABELS[:-1])} or {LABELS[-1]} in {name}"
        raise DataError.of(expected, ", ".join(found) or "none", f"add :label=COLUMN; it has {_listed(table)}")
    return found[0]


def _input_columns(table: Table, label_columns: Sequence[str], name: str) -> list[str]:
    fields = [
        field for field in table.schema if field.name not in label_columns and not field.name.startswith("__index")
    ]
    images = [field.name for field in fields if _is_image(field)]
    if len(images) > 1:
        came = ", ".join(images)
        raise DataError.of(f"one column of images in {name}", came, "add :input=COLUMN")
    if not images and (other := [field for field in fields if not _is_number(field)]):
        came = f"{other[0].name} of type {other[0].type}"
        remedy = f"name the inputs, :input=COLUMN+COLUMN; it has {_listed(table)}"
        raise DataError.of(f"columns of numbers, or one of images, in {name}", came, remedy)
    if not fields:
        raise DataError.of(f"columns beside the labels in {name}", "none", "add inputs")
    return images or [field.name for field in fields]


def _labels(tables: Sequence[Table], columns: list[str], name: str) -> tuple[list[torch.Tensor], tuple[str, ...]]:
    if len(columns) == 1:
        kind = _plain(tables[0].schema.field(columns[0]).type)
        if _types().is_string(kind) or _types().is_large_string(kind):
            return numbered([_complete(table, columns[0], name).to_pylist() for table in tables], name)
    numbers = [_numbers(table, columns, name) for table in tables]
    return [part[:, 0] if len(columns) == 1 else part for part in numbers], ()


def _inputs(tables: Sequence[Table], columns: list[str], options: Options, name: str) -> list[torch.Tensor]:
    if any(_is_image(tables[0].schema.field(column)) for column in columns):
        if len(columns) > 1:
            raise DataError.of(f"one column of images in {name}", ", ".join(columns), "name one: :input=COLUMN")
        sources = [source for table in tables for source in _images(_complete(table, columns[0], name))]
        images = decode(sources, lambda i: f"row {i} of {name}", options.size)
        return list(images.split([len(table) for table in tables]))
    return [_numbers(table, columns, name).float() for table in tables]


def _images(column: Any) -> list[Any]:
    """What `decode` takes: bytes, or a path where a table holds no bytes."""
    rows = column.to_pylist()
    return [
        (row["bytes"] if row["bytes"] is not None else row.get("path")) if isinstance(row, dict) else row
        for row in rows
    ]


def _numbers(table: Table, columns: list[str], name: str) -> torch.Tensor:
    """Columns of numbers as `(n, columns)`: int64 if all are whole, else float64."""
    for column in columns:
        if not _is_number(table.schema.field(column)):
            came = f"{column} of type {table.schema.field(column).type}"
            raise DataError.of(
                f"a column of numbers in {name}", came, f"convert it, or name others; it has {_listed(table)}"
            )
    parts = [_complete(table, column, name).to_numpy(zero_copy_only=False) for column in columns]
    whole = all(np.issubdtype(part.dtype, np.integer) or part.dtype == bool for part in parts)
    return torch.from_numpy(np.stack(parts, 1).astype(np.int64 if whole else np.float64))


def _complete(table: Table, column: str, name: str) -> Any:
    """A column in one piece, dictionaries looked up.

    Raises:
        DataError: it has gaps.
    """
    data = table.column(column).combine_chunks()
    if data.null_count:
        at = np.flatnonzero(np.asarray(data.is_null()))[0]
        raise DataError.of(f"a value in every row of {column} in {name}", f"none in row {at}", "fill or drop such rows")
    return data.dictionary_decode() if _types().is_dictionary(data.type) else data


def _is_image(field: Any) -> bool:
    types, kind = _types(), field.type
    if types.is_struct(kind):
        return any(kind.field(i).name == "bytes" for i in range(kind.num_fields))
    return types.is_binary(kind) or types.is_large_binary(kind)


def _is_number(field: Any) -> bool:
    types, kind = _types(), _plain(field.type)
    return types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)


def _plain(kind: Any) -> Any:
    return kind.value_type if _types().is_dictionary(kind) else kind


def _types() -> Any:
    return library("pyarrow.types", "which reads tables")


def _listed(table: Table) -> str:
    names = table.column_names
    return f"columns {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}"
