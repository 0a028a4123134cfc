from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from pyarrow import parquet

from heredity.development.criteria import MultiLabel, Regression
from heredity.development.datasets import load_task
from heredity.errors import DataError
from heredity.testing.refusals import expect_one_line

N = 40


def table(**columns: Any) -> pa.Table:
    return pa.table({name: values for name, values in columns.items() if values is not None})


def numbers(**columns: Any) -> pa.Table:
    """Two features and a label of two classes."""
    whole = {"a": np.arange(N) / 7, "b": np.arange(N) % 5, "label": np.arange(N) % 2, **columns}
    return table(**whole)


def jpeg(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 6, 3), shade, np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


def write(path: Path, content: pa.Table) -> str:
    parquet.write_table(content, path)
    return str(path)


def test_columns_of_numbers(tmp_path: Path) -> None:
    name = write(tmp_path / "t.parquet", numbers())
    task = load_task(f"{name},{name},{name}", seed=0)
    assert torch.equal(task.train.inputs, torch.stack([torch.arange(N) / 7, torch.arange(N) % 5], 1))
    assert task.train.inputs.dtype == torch.float32
    assert torch.equal(task.test.labels, torch.arange(N) % 2)
    alone = load_task(name, seed=0)
    assert [len(s) for s in (alone.train, alone.validation, alone.test)] == [30, 4, 6]
    assert [len(s) for s in _splits(load_task(f"{name},{name}", seed=0))] == [36, 4, 40]
    assert len(load_task(f"{name},{name}:50%", seed=0).train) == 18


def _splits(task: Any) -> tuple[Any, ...]:
    return task.train, task.validation, task.test


def test_words_are_classes(tmp_path: Path) -> None:
    words = pa.array(["pear", "apple"] * (N // 2))
    for column in (words, words.dictionary_encode(), words.cast(pa.large_string())):
        task = load_task(write(tmp_path / "t.parquet", numbers(label=column)), seed=0)
        assert task.classes == ("apple", "pear")
        assert set(task.train.labels[task.train.inputs[:, 0] == 0].tolist()) <= {1}


@pytest.mark.parametrize("form", ["struct", "bytes", "path"])
def test_images(tmp_path: Path, form: str) -> None:
    (tmp_path / "one.jpg").write_bytes(jpeg(7))
    shades = np.arange(N) * 3
    column: Any = [jpeg(int(shade)) for shade in shades]
    if form == "struct":
        column = [{"bytes": content, "path": None} for content in column]
    if form == "path":
        column = [{"bytes": None, "path": str(tmp_path / "one.jpg")}] * N
    name = write(tmp_path / "t.parquet", numbers(picture=column))
    task = load_task(f"{name},{name},{name}", seed=0)
    assert task.inputs.shape == (3, 4, 6)
    expected = torch.full((N,), 7) if form == "path" else torch.from_numpy(shades)
    assert (task.train.inputs[:, 1, 2, 3].int() - expected).abs().max() <= 2
    assert load_task(f"{name}:input=a", seed=0).inputs.shape == (1,), "unless another column is named"


def test_labels_by_name(tmp_path: Path) -> None:
    name = write(tmp_path / "t.parquet", numbers(label=None, age=np.arange(N) / 2, ill=np.arange(N) % 3 > 0))
    age = load_task(f"{name}:label=age", seed=0)
    assert (age.criterion, age.inputs.shape) == (Regression(), (3,))
    assert load_task(f"{name}:label=ill,input=a+b", seed=0).n_classes == 2
    bits = numbers(label=None, one=np.arange(N) % 2, two=np.arange(N) % 3 > 0)
    several = load_task(f"{write(tmp_path / 'u.parquet', bits)}:label=one+two", seed=0)
    assert (several.criterion, several.output_shape, several.inputs.shape) == (MultiLabel(), (2,), (2,))


REFUSALS = {
    "no label": (numbers(label=None), "", ("one column called label,", "came none", ":label=COLUMN", "columns a, b")),
    "two labels": (numbers(target=np.arange(N)), "", ("came label, target", ":label=COLUMN")),
    "unknown": (numbers(), ":label=lable", ("a column 'lable' in", "it has columns a, b, label")),
    "unknown input": (numbers(), ":input=a+c", ("a column 'c' in",)),
    "words": (numbers(name=["x"] * N), "", ("columns of numbers, or one of images", "name of type string", ":input=")),
    "words named": (numbers(name=["x"] * N), ":input=a+name", ("a column of numbers", "name of type string")),
    "gaps": (numbers(a=[None, *range(N - 1)]), "", ("a value in every row of a", "none in row 0")),
    "nameless": (numbers(label=["x", None] * (N // 2)), "", ("every row of label", "none in row 1")),
    "nan": (numbers(a=[0.0, math.nan] * (N // 2)), "", ("finite training inputs", "example 1")),
    "no inputs": (numbers(a=None, b=None), "", ("columns beside the labels", "came none")),
    "no rows": (numbers().slice(0, 0), "", ("rows in every table", "came none")),
    "two images": (numbers(x=[b"1"] * N, y=[b"2"] * N), ":label=label", ("one column of images", "x, y", ":input=")),
    "image and more": (numbers(x=[b"1"] * N), ":input=a+x", ("one column of images", "a, x")),
    "no image": (numbers(x=[b"no image"] * N), "", ("row 0 of", "to be an image", "UnidentifiedImageError")),
    "config": (numbers(), ":config=x", ("options of parquet files", "config=")),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_refusals(tmp_path: Path, kind: str) -> None:
    content, options, words = REFUSALS[kind]
    with pytest.raises(ValueError, match="expected") as caught:
        load_task(write(tmp_path / "t.parquet", content) + options, seed=0)
    expect_one_line(caught, *words)


def test_files_that_are_no_parquet(tmp_path: Path) -> None:
    bad = tmp_path / "bad.parquet"
    for content, words in (
        (b"PAR1 not really", ("ArrowInvalid",)),
        (b"", ("ArrowInvalid",)),
        (None, ("no such file",)),
    ):
        bad.unlink(missing_ok=True)
        if content is not None:
            bad.write_bytes(content)
        with pytest.raises(DataError) as caught:
            load_task(str(bad), seed=0)
        expect_one_line(caught, f"a parquet file {bad}", *words)
    with pytest.raises(DataError) as caught:
        load_task(",".join([str(bad)] * 4), seed=0)
    expect_one_line(caught, "4 files")


def test_tables_that_disagree(tmp_path: Path) -> None:
    first = write(tmp_path / "a.parquet", numbers())
    for other, words in (
        (numbers(b=None), ("a column 'b'",)),
        (numbers(label=np.arange(N) % 3), ("labels below 2",)),
    ):
        with pytest.raises(DataError) as caught:
            load_task(f"{first},{write(tmp_path / 'b.parquet', other)}", seed=0)
        expect_one_line(caught, *words)
