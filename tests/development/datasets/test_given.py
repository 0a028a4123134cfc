from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from heredity.development.criteria import Classification, MultiLabel, Regression
from heredity.development.datasets import as_task
from heredity.development.task import Split, Task
from heredity.errors import DataError, InputError
from heredity.testing.refusals import expect_one_line

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
        expect_one_line(caught, "labels below 3")

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            (None, ("a NoneType",)),
            ("digits", ("examples (input, label)",)),
            (3, ("a int",)),
            ((X,), ("1 parts",)),
            ((X, Y, X, Y), ("4 parts",)),
            ((X, Y[:, None]), ("(n,)", "(80, 1)", "criterion=")),
            ((X.long() - 1, Y), ("tokens from 0", "from -1")),
            ((X.long()[:, None], Y), ("tokens from 0", "(80, 1, 3)", ".to(torch.uint8)")),
            ((X, np.array(["a", "b", "b", "a"] * 20)[:79]), ("80 and 79",)),
            (((X, np.array(["a", "b"] * 40)), (X, np.array(["a", "c"] * 40))), ("'c'", "training has a, b")),
            ((X, Y[:79]), ("80 and 79",)),
            ((np.array(["a", "b"]), np.array([0, 1])), ("TypeError",)),
            (([1, 2], [3, 4]), ("a list",)),
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
        expect_one_line(caught, "mine" if words[0][0] not in "14" else "parts", *words)

    def test_what_is_to_be_learnt_follows_from_the_labels(self) -> None:
        rich = Examples(*((x, float(y)) for x, y in zip(X, Y, strict=True)))
        for given in (rich, (X, Y.float()), (X.numpy(), Y.double().numpy())):
            task = as_task(given, seed=0)
            assert (task.criterion, task.n_classes, task.output_shape) == (Regression(), 1, (1,))
            assert task.train.labels.dtype == torch.float32
        several = as_task((X, torch.stack([Y > 1, Y > 0], 1)), seed=0)
        assert (several.criterion, several.output_shape) == (MultiLabel(), (2,))
        told = as_task((X, Y), seed=0, criterion=Classification("balanced"))
        assert told.criterion == Classification(told.criterion.weights)
        assert as_task(told, seed=0, criterion=Classification()).criterion == Classification()

    def test_words_are_classes_in_alphabetical_order(self) -> None:
        names = np.array(["pear", "apple", "fig", "plum"])[Y]
        for given in ((X, names), (X, names.astype(object)), Examples(*zip(X, names.tolist(), strict=True))):
            task = as_task((given, (X, names), (X, names)), seed=0)
            assert task.classes == ("apple", "fig", "pear", "plum")
            assert task.train.labels[:4].tolist() == [2, 0, 1, 3]
            assert task.n_classes == 4

    def test_whole_numbers_are_tokens(self) -> None:
        tokens = torch.arange(240, dtype=torch.int32).reshape(80, 3) % 50
        task = as_task((tokens, Y), seed=0)
        assert task.inputs.vocabulary == 50
        assert task.train.inputs.dtype == torch.int64
        beyond = as_task(((tokens, Y), (tokens + 7, Y)), seed=0)
        assert beyond.inputs.vocabulary == 57, "the test split's count, or its embeddings would be out of range"

    def test_pictures(self) -> None:
        coins = np.random.default_rng(0)
        pixels = coins.integers(256, size=(80, 4, 5, 3), dtype=np.uint8)
        task = as_task(
            tuple(Examples(*((Image.fromarray(p), int(y)) for p, y in zip(pixels, Y, strict=True))) for _ in range(3)),
            seed=0,
        )
        assert torch.equal(task.train.inputs, torch.from_numpy(pixels).permute(0, 3, 1, 2))
        masks = Examples(*((Image.fromarray(p), Image.fromarray(p[..., 0] % 3)) for p in pixels))
        task = as_task((masks, masks, masks), seed=0)
        assert task.output_shape == (3, 4, 5)
        assert torch.equal(task.test.labels, torch.from_numpy(pixels[..., 0] % 3).long())
        odd = Examples((Image.fromarray(pixels[0]), 0), (Image.fromarray(pixels[0, :3]), 1))
        with pytest.raises(DataError) as caught:
            as_task(odd, seed=0, name="mine")
        expect_one_line(caught, "5x4 in example 0 of mine, 5x3 in example 1 of mine")

    def test_class_weights_of_another_number(self) -> None:
        with pytest.raises(InputError) as caught:
            as_task((X, Y), seed=0, criterion=Classification([1, 2]))
        expect_one_line(caught, "2 for 4 classes")

    def test_a_data_set_that_fails(self) -> None:
        class Failing(Examples):
            def __getitem__(self, i: int) -> Any:
                raise KeyError("no such file")

        with pytest.raises(DataError) as caught:
            as_task(Failing(1, 2), seed=0, name="mine")
        expect_one_line(caught, "KeyError: 'no such file'")
