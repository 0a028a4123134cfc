from __future__ import annotations

import gzip
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from heredity.development import datasets
from heredity.development.datasets import as_task, load_task
from heredity.development.task import Split, Task
from heredity.errors import DataError, HeredityError, InputError


def one_line(caught: pytest.ExceptionInfo[HeredityError], *words: str) -> None:
    message = str(caught.value)
    assert message.startswith("expected ")
    assert "\n" not in message
    assert message.count("; ") >= 2, message
    for word in words:
        assert word in message


def rows(*splits: Split) -> list[bytes]:
    return sorted(
        image.numpy().tobytes() + bytes([int(y)]) for s in splits for image, y in zip(s.inputs, s.labels, strict=True)
    )


class TestDigits:
    def test_three_disjoint_seeded_parts_of_all_there_are(self) -> None:
        one, same, other = (load_task("digits", seed=seed) for seed in (1, 1, 2))
        assert [len(s) for s in (one.train, one.validation, one.test)] == [1137, 300, 360]
        assert one.n_classes == 10
        assert one.inputs.shape == (1, 8, 8)
        assert one.digest == same.digest != other.digest
        raw = load_digits()
        everything = Split(
            torch.from_numpy((raw.images * 255 / 16).round().astype(np.uint8)), torch.from_numpy(raw.target)
        )
        assert rows(one.train, one.validation, one.test) == rows(everything)

    def test_a_share_of_them(self) -> None:
        whole, part = load_task("digits", seed=1), load_task("digits:10%", seed=1)
        assert [len(s) for s in (part.train, part.validation)] == [114, 30]
        assert part.test.digest == whole.test.digest, "the test split stays whole"
        assert set(rows(part.train)) <= set(rows(whole.train))
        assert set(rows(part.validation)) <= set(rows(whole.validation))
        assert part.digest == load_task("digits:10%", seed=1).digest != load_task("digits:10%", seed=2).digest
        assert load_task("digits:100%", seed=1).train.digest != ""

    @pytest.mark.parametrize("share", ["0%", "-3%", "101%", "ten%", "nan%", "%"])
    def test_shares_that_are_none(self, share: str) -> None:
        with pytest.raises(DataError) as caught:
            load_task(f"digits:{share}", seed=0)
        one_line(caught, f"digits:{share}", "(0, 100]")

    def test_a_share_too_small_to_learn_from(self) -> None:
        with pytest.raises(DataError) as caught:
            load_task("digits:0.01%", seed=0)
        one_line(caught, "2 classes")


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("digit", ("'digit'", "did you mean 'digits'?", "mnist")),
        ("nothing", ("digits, mnist", "file.py:callable")),
        ("mnist:half", ("mnist",)),
        ("no_such_file.py:data", ("no_such_file.py",)),
    ],
)
def test_unknown_names_list_the_valid_ones(reference: str, words: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        load_task(reference, seed=0)
    one_line(caught, *words)


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


class TestMnist:
    @pytest.fixture(autouse=True)
    def _few_for_validation(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(datasets, "MNIST_VALIDATION", 40)

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """240 and 30 images of 4x5 pixels in idx files, some packed and some not."""
        raw, rng = tmp_path / "MNIST" / "raw", np.random.default_rng(0)
        raw.mkdir(parents=True)
        for stem, n in (("train", 240), ("t10k", 30)):
            images = rng.integers(256, size=(n, 4, 5), dtype=np.uint8)
            (raw / f"{stem}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
            (raw / f"{stem}-labels-idx1-ubyte").write_bytes(idx((np.arange(n) % 10).astype(np.uint8)))
        return tmp_path

    @staticmethod
    def read(folder: Path, stem: str) -> Split:
        """By numpy, past the headers."""
        raw = folder / "MNIST" / "raw"
        pixels = np.frombuffer(gzip.decompress((raw / f"{stem}-images-idx3-ubyte.gz").read_bytes())[16:], np.uint8)
        labels = np.frombuffer((raw / f"{stem}-labels-idx1-ubyte").read_bytes()[8:], np.uint8)
        return Split(torch.tensor(pixels.reshape(-1, 1, 4, 5)), torch.tensor(labels))

    def test_files_are_read_and_split(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        task = load_task("mnist", seed=0, data_dir=folder)
        assert [len(s) for s in (task.train, task.validation, task.test)] == [200, 40, 30]
        assert task.test.digest == Split(*_long(self.read(folder, "t10k"))).digest, "in its own order"
        assert rows(task.train, task.validation) == rows(self.read(folder, "train"))
        assert task.inputs.shape == (1, 4, 5)
        monkeypatch.setenv("HEREDITY_DATA", str(folder))
        assert load_task("mnist", seed=0).digest == task.digest != load_task("mnist", seed=1).digest

    def test_ten_percent(self, folder: Path) -> None:
        whole, part = (load_task(name, seed=3, data_dir=folder) for name in ("mnist", "mnist:10%"))
        assert [len(s) for s in (part.train, part.validation, part.test)] == [20, 4, 30]
        assert set(rows(part.train)) <= set(rows(whole.train))
        assert set(rows(part.validation)) <= set(rows(whole.validation))
        assert part.digest == load_task("mnist:10%", seed=3, data_dir=folder).digest

    @pytest.mark.parametrize(
        "damage",
        [
            lambda raw: b"",
            lambda raw: raw[:3],
            lambda raw: raw[: len(raw) // 2],
            lambda raw: raw[:40] + b"\xff" * 40 + raw[80:],
            lambda raw: gzip.compress(gzip.decompress(raw)[:-7]),
            lambda raw: gzip.compress(b"\0\0\x08"),
            lambda raw: gzip.compress(b"not an idx file at all"),
            None,
        ],
    )
    def test_damaged_files_are_named(self, folder: Path, damage: Callable[[bytes], bytes] | None) -> None:
        path = folder / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
        raw = path.read_bytes()
        path.unlink()
        if damage is not None:
            path.write_bytes(damage(raw))
        with pytest.raises(DataError) as caught:
            load_task("mnist", seed=0, data_dir=folder)
        one_line(caught, "train-images-idx3-ubyte[.gz]", str(path.parent))

    @pytest.mark.parametrize("n", [239, 241])
    def test_images_and_labels_of_different_number(self, folder: Path, n: int) -> None:
        labels = folder / "MNIST" / "raw" / "train-labels-idx1-ubyte"
        labels.write_bytes(idx((np.arange(n) % 10).astype(np.uint8)))
        with pytest.raises(DataError) as caught:
            load_task("mnist", seed=0, data_dir=folder)
        one_line(caught, f"240 and {n}")

    def test_no_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("HEREDITY_DATA", raising=False)
        with pytest.raises(DataError) as caught:
            load_task("mnist", seed=0)
        one_line(caught, "--data-dir", "HEREDITY_DATA")
        with pytest.raises(DataError) as caught:
            load_task("mnist", seed=0, data_dir=tmp_path / "missing")
        one_line(caught, str(tmp_path / "missing"))


def _long(split: Split) -> tuple[torch.Tensor, torch.Tensor]:
    return split.inputs, split.labels.long()


def test_the_real_mnist(data_dir: Path) -> None:
    task = load_task("mnist", seed=0, data_dir=data_dir)
    assert [len(s) for s in (task.train, task.validation, task.test)] == [54_000, 6_000, 10_000]
    assert task.inputs.mean == pytest.approx((0.1307,), abs=2e-3)
    assert task.inputs.std == pytest.approx((0.3081,), abs=2e-3)
    assert task.test.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


X, Y = torch.rand(80, 3), torch.arange(80) % 4


class Examples(Dataset):
    """A data set that gives what it is told."""

    def __init__(self, *examples: Any) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, i: int) -> Any:
        return self.examples[i]


class Endless(IterableDataset):
    """A stream: it has no length."""

    def __iter__(self) -> Iterator[Any]:
        return iter(zip(X, Y, strict=True))


class TestWhatUsersHandOver:
    @pytest.mark.parametrize(
        ("given", "sizes"),
        [
            ((X, Y), [59, 8, 13]),
            ((X.numpy(), Y.numpy()), [59, 8, 13]),
            ([X, Y], [59, 8, 13]),
            (TensorDataset(X, Y), [59, 8, 13]),
            (((X, Y), (X[:9], Y[:9])), [72, 8, 9]),
            ((TensorDataset(X, Y), (X[:9], Y[:9])), [72, 8, 9]),
            (((X, Y), TensorDataset(X[:7], Y[:7]), Split(X[:9], Y[:9])), [80, 7, 9]),
            (Examples(*((X[i].tolist(), np.int64(Y[i])) for i in range(80))), [59, 8, 13]),
        ],
    )
    def test_forms(self, given: object, sizes: list[int]) -> None:
        task = as_task(given, seed=0, name="mine")
        assert [len(s) for s in (task.train, task.validation, task.test)] == sizes
        assert (task.name, task.n_classes, task.inputs.shape) == ("mine", 4, (3,))
        if sizes[2] == 9:
            assert torch.equal(task.test.inputs, X[:9])
            assert torch.equal(task.test.labels, Y[:9])

    def test_a_task_is_checked_and_otherwise_itself(self) -> None:
        task = as_task(((X, Y), (X, Y), (X, Y)), seed=0)
        assert as_task(task, seed=5).digest == task.digest
        broken = Task("t", Split(X, Y), Split(X, Y), Split(X, Y), 3, task.inputs)
        with pytest.raises(DataError) as caught:
            as_task(broken, seed=0)
        one_line(caught, "labels below 3")

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            (None, ("a NoneType",)),
            ("digits", ("examples (input, label)",)),
            (3, ("a int",)),
            ((X,), ("1 parts",)),
            ((X, Y, X, Y), ("4 parts",)),
            ((X, Y.float()), ("whole numbers", "float32")),
            ((X, Y[:, None]), ("(n,)", "(80, 1)")),
            ((X, Y[:79]), ("80 and 79",)),
            ((np.array(["a", "b"]), np.array([0, 1])), ("TypeError",)),
            (([1, 2], [3, 4]), ("a list",)),
            (Examples(*((x, float(y)) for x, y in zip(X, Y, strict=True))), ("examples (input, label)", "TypeError")),
            (Examples(*((x, y / 2) for x, y in zip(X, Y, strict=True))), ("examples (input, label)", "TypeError")),
            (Examples((X[0], 0), (X[1, :2], 1)), ("of one shape", "RuntimeError")),
            (Examples((X[0], 0, 1)), ("ValueError",)),
            (Examples(), ("RuntimeError",)),
            (Examples(("text", 0)), ("examples (input, label)",)),
            (Endless(), ("a Endless",)),
            (Dataset(), ("a Dataset",)),
        ],
    )
    def test_what_is_no_data(self, given: object, words: tuple[str, ...]) -> None:
        with pytest.raises(DataError) as caught:
            as_task(given, seed=0, name="mine")
        one_line(caught, "mine" if words[0][0] not in "14" else "parts", *words)

    def test_a_data_set_that_fails(self) -> None:
        class Failing(Examples):
            def __getitem__(self, i: int) -> Any:
                raise KeyError("no such file")

        with pytest.raises(DataError) as caught:
            as_task(Failing(1, 2), seed=0, name="mine")
        one_line(caught, "KeyError: 'no such file'")


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
        one_line(caught, *words)
