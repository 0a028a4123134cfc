from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from heredity.development.datasets import load_task
from heredity.errors import InputError
from heredity.testing.refusals import expect_one_line


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("digit", ("'digit'", "did you mean 'digits'?", "mnist")),
        ("nothing", ("cifar10, digits, fsdd, mnist, stl10", "file.py:callable")),
        ("some/where", ("a folder some/where", "hub:")),
        ("digits:size=9", ("options of digits", "size=", "such as 10%")),
        ("digits:augment=zoom", ("zoom",)),
        ("some.parquet:augment=none", ("options of parquet files", "augment=")),
        ("digits:sise=9", ("'sise=9'", "size=64x64")),
        ("digits:size=9xx", ("'size=9xx'",)),
        ("digits:label=", ("'label='",)),
        ("mnist:half", ("mnist",)),
        ("no_such_file.py:data", ("no_such_file.py",)),
    ],
)
def test_unknown_names_list_the_valid_ones(reference: str, words: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        load_task(reference, seed=0)
    expect_one_line(caught, *words)


def test_images_are_augmented_as_one_says() -> None:
    plain, other, few = (load_task(f"digits{o}", seed=0) for o in ("", ":augment=shift1", ":50%,augment=shift1"))
    assert (other.augmentation, few.augmentation) == (("shift1",), ("shift1",))
    assert other.digest == plain.digest
    assert load_task("digits:augment=none", seed=0).augmentation == ()


class TestFiles:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "mydata.py"
        path.write_text(
            textwrap.dedent("""
            import torch
            from torch.utils.data import TensorDataset
            from heredity.development.datasets import as_task

            X, Y = torch.rand(80, 3, generator=torch.Generator().manual_seed(0)), torch.arange(80) % 4

            def pairs():
                return X, Y

            def datasets():
                return TensorDataset(X, Y), TensorDataset(X[:9], Y[:9])

            def splits():
                return (X, Y), (X[:7], Y[:7]), (X[:9], Y[:9])

            def task():
                return as_task(splits(), seed=0, name="my own")

            def nothing():
                pass

            def failing():
                raise OSError("no such\\ndrive")
            """)
        )
        return path

    @pytest.mark.parametrize(
        ("name", "sizes"),
        [("pairs", [59, 8, 13]), ("datasets", [72, 8, 9]), ("splits", [80, 7, 9]), ("task", [80, 7, 9])],
    )
    def test_forms(self, file: Path, name: str, sizes: list[int]) -> None:
        task = load_task(f"{file}:{name}", seed=0)
        assert [len(s) for s in (task.train, task.validation, task.test)] == sizes
        assert task.name == ("my own" if name == "task" else f"{file}:{name}")

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("nothing", ("a NoneType",)),
            ("failing", ("OSError: no such drive",)),
            ("pair", ("did you mean 'pairs'?",)),
        ],
    )
    def test_what_is_no_data(self, file: Path, name: str, words: tuple[str, ...]) -> None:
        with pytest.raises(InputError) as caught:
            load_task(f"{file}:{name}", seed=0)
        expect_one_line(caught, *words)
