from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import pytest
import torch

from heredity.anatomy.body import Deployed
from heredity.anatomy.inputs import InputForm
from heredity.development.criteria import Classification, Regression
from heredity.development.task import (
    FEWEST_TO_DRAW_FROM,
    Split,
    Task,
    checked_task,
    make_task,
    normalised,
    standardised,
)
from heredity.errors import DataError, InputError


def images(n: int, seed: int = 0) -> Split:
    """Images of which no two are alike, of three classes."""
    coins = torch.Generator().manual_seed(seed)
    pixels = torch.randint(256, (n, 2, 3, 3), dtype=torch.uint8, generator=coins)
    pixels[:, 0, 0, :2] = torch.stack([torch.arange(n) % 256, torch.arange(n) // 256], 1).to(torch.uint8)
    return Split(pixels, torch.arange(n) % 3)


def rows(split: Split) -> set[bytes]:
    return {image.numpy().tobytes() for image in split.inputs}


def refused(*words: str):
    return pytest.raises(DataError, match=r"^expected [^\n]*; came [^\n]*; [^\n]*" if not words else _all(words))


def _all(words: tuple[str, ...]) -> str:
    return r"(?s)^expected (?!.*\n)" + "".join(f"(?=.*{word})" for word in words) + r".*; came .*; .+"


class TestDrawnSplits:
    def test_they_are_disjoint_and_seeded(self) -> None:
        everything = images(600)
        one, same, other = (make_task("t", everything, seed=seed) for seed in (1, 1, 2))
        parts = (one.train, one.validation, one.test)
        assert [len(part) for part in parts] == [440, 60, 100]
        assert set.union(*map(rows, parts)) == rows(everything)
        assert sum(len(rows(part)) for part in parts) == 600
        assert one.digest == same.digest != other.digest
        assert rows(one.test) != rows(other.test)

    def test_it_is_known_whether_answers_are_right_or_wrong(self) -> None:
        everything = images(600)
        assert make_task("classes", everything, seed=0).graded
        maps = Split(everything.inputs, torch.arange(600 * 9).reshape(600, 3, 3) % 3)
        assert not make_task("maps", maps, seed=0).graded
        numbers = Split(everything.inputs, torch.rand(600, 2))
        assert not make_task("numbers", numbers, seed=0, criterion=Regression()).graded

    def test_labels_stay_with_their_examples(self) -> None:
        everything = images(600)
        label_of = {
            image.numpy().tobytes(): int(y) for image, y in zip(everything.inputs, everything.labels, strict=True)
        }
        task = make_task("t", everything, seed=1)
        for split in (task.train, task.validation, task.test):
            assert [label_of[image.numpy().tobytes()] for image in split.inputs] == split.labels.tolist()

    def test_what_is_given_is_kept(self) -> None:
        train, test = images(100), images(50, seed=1)
        task = make_task("t", train, None, test, seed=0)
        assert task.test.digest == test.digest
        assert [len(task.train), len(task.validation)] == [90, 10]
        validation = images(7, seed=2)
        whole = make_task("t", train, validation, test, seed=0)
        assert (whole.train.digest, whole.validation.digest) == (train.digest, validation.digest)

    def test_too_few_to_draw_from(self) -> None:
        few = FEWEST_TO_DRAW_FROM
        assert len(make_task("t", images(few), seed=0).validation) >= 1
        with refused("at least 20 examples", f"{few - 1} in t", "give all three"):
            make_task("t", images(few - 1), seed=0)
        tiny = images(3)
        assert len(make_task("t", tiny, tiny, tiny, seed=0).train) == 3, "where nothing is drawn, so few will do"


class TestNormalisation:
    def test_training_pixels_come_out_standard(self) -> None:
        task = make_task("t", images(600), seed=0)
        batch = normalised(task.train.inputs, task.inputs)
        assert batch.mean((0, 2, 3)).tolist() == pytest.approx([0, 0], abs=1e-3)
        assert batch.std((0, 2, 3), correction=0).tolist() == pytest.approx([1, 1], abs=1e-3)

    def test_a_constant_channel_divides_by_no_zero(self) -> None:
        split = images(60)
        split.inputs[:, 1] = 7
        task = make_task("t", split, seed=0)
        assert normalised(task.train.inputs, task.inputs).isfinite().all()

    def test_features_come_as_they_are(self) -> None:
        features = Split(torch.randn(60, 5, dtype=torch.float64) * 9, torch.arange(60) % 2)
        task = make_task("t", features, seed=0)
        assert task.inputs == InputForm((5,))
        assert task.train.inputs.dtype == torch.float32
        assert torch.equal(normalised(task.train.inputs, task.inputs), task.train.inputs)


def features(inputs: torch.Tensor | None = None, labels: torch.Tensor | None = None) -> Split:
    return Split(torch.rand(60, 4) if inputs is None else inputs, torch.arange(60) % 2 if labels is None else labels)


def spoilt(value: float) -> torch.Tensor:
    inputs = torch.rand(60, 4)
    inputs[17, 2] = value
    return inputs


BAD = {
    "nan": (features(spoilt(math.nan)), ("finite training inputs", "example 17")),
    "infinity": (features(spoilt(-math.inf)), ("example 17",)),
    "one class": (features(labels=torch.full((60,), 3)), ("2 classes", "1 in t")),
    "negative": (features(labels=torch.arange(60) - 1), ("labels from 0", "-1 in t")),
    "complex labels": (features(labels=torch.arange(60) * 1j), ("whole", "complex64")),
    "one-hot labels": (features(labels=torch.eye(60, dtype=torch.long)), ("shape .n,.", "60, 60")),
    "a single label": (features(labels=torch.tensor(1)), ("shape .n,.",)),
    "more labels": (features(labels=torch.arange(61) % 2), ("as many", "60 and 61")),
    "nothing": (features(torch.rand(0, 4), torch.zeros(0, dtype=torch.long)), ("at least one", "0 and 0")),
    "no shape": (features(torch.rand(60)), ("shape .n, ....", "60,")),
    "no shape and nan": (features(torch.full((60,), math.nan)), ("shape .n, ....",)),
    "one number": (features(torch.tensor(1.0)), ("shape .n, ....",)),
}


@pytest.mark.parametrize("kind", BAD)
def test_data_that_cannot_be_learnt_from(kind: str) -> None:
    split, words = BAD[kind]
    with refused(*words):
        make_task("t", split, seed=0)


@pytest.mark.parametrize("which", ["validation", "test"])
def test_other_splits_are_checked_too(which: str) -> None:
    good = features()
    for bad, words in (
        (features(spoilt(math.nan)), (f"finite {which} inputs",)),
        (features(labels=torch.arange(60) % 3), ("labels below 2", f"label 2 in the {which} split")),
        (features(torch.rand(60, 5)), ("one shape and type", "5,")),
        (features((torch.rand(60, 4) * 255).byte()), ("one shape and type", "uint8")),
    ):
        given = {"validation": good, "test": good, which: bad}
        with refused(*words):
            make_task("t", good, given["validation"], given["test"], seed=0)
    alone = make_task("t", good, good, features(labels=torch.zeros(60, dtype=torch.long)), seed=0)
    assert alone.n_classes == 2, "only training needs two classes"


class TestTasksThatUsersMake:
    @pytest.fixture
    def task(self) -> Task:
        return Task("t", features(), features(), features(), 2, InputForm((4,)))

    def test_sound_ones_pass(self, task: Task) -> None:
        assert checked_task(task).digest == task.digest
        more = replace(task, n_classes=5)
        assert checked_task(more).n_classes == 5

    def test_unsound_ones_are_refused(self, task: Task) -> None:
        for kind, (split, words) in BAD.items():
            with refused("one shape in all splits") if kind == "one-hot labels" else refused(*words):
                checked_task(replace(task, train=split))
        with refused("labels below 1", "training"):
            checked_task(replace(task, n_classes=1))
        with refused("finite test inputs"):
            checked_task(replace(task, test=features(spoilt(math.nan))))
        with refused(r"\(1, 2, 2\)", r"\(4,\)"):
            checked_task(replace(task, inputs=InputForm((1, 2, 2))))


MAPS = Split(images(40).inputs, torch.arange(360).reshape(40, 3, 3) % 2)


class TestOtherLabels:
    def test_the_criterion_says_what_a_network_returns(self) -> None:
        inputs = torch.rand(60, 4)
        for labels, shape in (
            (torch.arange(60) % 5, (5,)),
            (torch.rand(60), (1,)),
            (torch.rand(60, 3), (3,)),
            (torch.arange(120).reshape(60, 2) % 3 > 1, (2,)),
        ):
            task = make_task("t", Split(inputs, labels), seed=0)
            assert task.output_shape == shape
            assert task.n_classes == shape[0]
            assert len(task.test.labels) == 10
        assert make_task("t", MAPS, seed=0).output_shape == (2, 3, 3)

    def test_numbers_are_learnt_standardised(self) -> None:
        labels = torch.randn(60, 2) * torch.tensor([5.0, 900.0]) + 40
        task = make_task("t", Split(torch.rand(60, 4), labels), seed=0)
        own = standardised(task.train.labels, task.inputs)
        assert torch.allclose(own.mean(0), torch.zeros(2), atol=1e-4)
        assert torch.allclose(own.std(0, correction=0), torch.ones(2), atol=1e-4)
        deployed = Deployed(torch.nn.Identity(), replace_shape(task.inputs, (2,)))
        assert torch.allclose(deployed(own), task.train.labels, atol=1e-2), "and come back in the user's units"
        classes = make_task("t", features(), seed=0)
        assert standardised(classes.train.labels, classes.inputs) is classes.train.labels

    def test_the_digest_sees_the_criterion(self) -> None:
        plain, weighted = (make_task("t", features(), seed=0, criterion=c) for c in (None, Classification([1, 2])))
        assert plain.digest != weighted.digest

    def test_named_classes_count_even_where_no_example_is_of_them(self) -> None:
        task = make_task("t", features(), seed=0, classes=("a", "b", "c"))
        assert (task.n_classes, task.classes) == (3, ("a", "b", "c"))

    def test_maps_of_another_size_than_their_images(self) -> None:
        with refused("training labels of the images' size", "3x2 for images of 3x3"):
            make_task("t", Split(MAPS.inputs, MAPS.labels[:, :, :2]), seed=0)
        with refused("one shape in all splits"):
            make_task("t", Split(torch.rand(40, 2), MAPS.labels), Split(torch.rand(4, 2), MAPS.labels[:4, :2]), seed=0)

    def test_maps_do_not_move_with_augmented_images(self) -> None:
        with refused("augmentation by flip", r"inputs \(2, 3, 3\) and labels \(3, 3\)", "leave augmentation out"):
            make_task("t", MAPS, seed=0, augmentation=("flip",))
        with refused("labels that have no place"):
            make_task("t", features(), seed=0, augmentation=("crop",))
        with pytest.raises(InputError, match="expected known augmentations; came turn"):
            make_task("t", images(40), seed=0, augmentation=("turn",))
        assert make_task("t", images(40), seed=0, augmentation=("flip",)).augmentation == ("flip",)


class TestTokens:
    def test_their_vocabulary_is_that_of_all_splits(self) -> None:
        tokens = torch.arange(240).reshape(60, 4).short()
        task = make_task("t", features(tokens), None, features(tokens + 9), seed=0)
        assert task.inputs == InputForm((4,), vocabulary=249)
        assert torch.equal(normalised(task.train.inputs, task.inputs), task.train.inputs)
        assert task.train.inputs.dtype == torch.int64

    def test_whole_numbers_that_are_none(self) -> None:
        for inputs, words in (
            (torch.arange(240).reshape(60, 4) - 3, ("tokens from 0", "from -3")),
            (torch.arange(240).reshape(60, 1, 2, 2), ("60, 1, 2, 2", "uint8")),
        ):
            with refused(*words):
                make_task("t", features(inputs), seed=0)

    def test_a_users_vocabulary(self) -> None:
        split = features(torch.arange(240).reshape(60, 4))
        task = Task("t", split, split, split, 2, InputForm((4,), vocabulary=1000))
        assert checked_task(task).inputs.vocabulary == 1000
        for few in (None, 239):
            with refused("tokens below the vocabulary", "token 239", r"InputForm\(\(4,\), vocabulary=240\)"):
                checked_task(replace(task, inputs=InputForm((4,), vocabulary=few)))


def replace_shape(form: InputForm, shape: tuple[int, ...]) -> InputForm:
    return msgspec.structs.replace(form, shape=shape)


def test_digests_see_content_type_and_shape() -> None:
    base = features(torch.zeros(60, 4), torch.arange(60) % 2)
    other = [
        Split(base.inputs.byte(), base.labels),
        Split(base.inputs.reshape(60, 2, 2), base.labels),
        Split(base.inputs, 1 - base.labels),
        Split(base.inputs + 1, base.labels),
        base.take(torch.arange(59)),
    ]
    assert len({split.digest for split in (base, *other)}) == 6
    strided = Split(torch.zeros(4, 60).t(), base.labels)
    assert strided.digest == base.digest
