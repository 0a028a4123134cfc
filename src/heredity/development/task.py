"""Tasks: what is to be learnt. Splits are compact tensors, or images in a file; bytes become pixels batch by batch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from msgspec import UNSET, UnsetType

from heredity.anatomy.inputs import Audio, InputForm
from heredity.development.augmentation import augmenter
from heredity.development.criteria import PLAIN, Criterion, criterion_for
from heredity.development.criteria.criterion import refuse_nonfinite
from heredity.development.mapped import Mapped
from heredity.errors import DataError
from heredity.measures.error import as_user_has_it

LOOKED_AT = 4096
"""Of images in a file, how many say how all are normalised: they would have to be read at every start."""

FEWEST_TO_DRAW_FROM = 20
"""Examples below which a missing split is not drawn: it would hold one example, or none."""


@dataclass(frozen=True)
class Split:
    """Examples and what is right for each.

    `inputs (n, *shape)`: uint8 pixels, float32 features, or int64 tokens; a tensor, or `Mapped` where it would be too
    large for memory. `labels (n, ...)`: class numbers, numbers, maps, as the task's criterion has them.
    """

    inputs: torch.Tensor | Mapped
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def digest(self) -> str:
        """Digest of the split's content."""
        state = hashlib.sha256(f"{self.inputs.dtype}{tuple(self.inputs.shape)}".encode())
        for part in (self.inputs, self.labels):
            state.update(part.identity if isinstance(part, Mapped) else part.contiguous().numpy().data)
        return state.hexdigest()[:16]

    def take(self, index: torch.Tensor | slice) -> Split:
        """The examples at these positions."""
        inputs = self.inputs.take(index) if isinstance(self.inputs, Mapped) else self.inputs[index]
        return Split(inputs, self.labels[index])


@dataclass(frozen=True)
class Task:
    """Three disjoint splits, what is to be learnt of them, and how inputs are normalised.

    Newborns train on `train`; selection sees `validation` only; `test` is read once, at the end of a run. `n_classes`
    is the number of classes or, where the criterion is another, of outputs. `augmentation` names what suits the
    training data (see `heredity.development.augmentation`). `classes` are the classes' names, where they have some.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    n_classes: int
    inputs: InputForm
    augmentation: tuple[str, ...] = ()
    criterion: Criterion = PLAIN
    classes: tuple[str, ...] = ()

    @property
    def output_shape(self) -> tuple[int, ...] | None:
        """Shape of what a network must return for one example; None if any will do."""
        return self.criterion.output_shape(self.train.labels, self.n_classes)

    @property
    def graded(self) -> bool:
        """Whether it can be told of single examples that they are answered rightly."""
        none = self.validation.labels[:0]
        return self.criterion.right(none, none) is not None

    @cached_property
    def digest(self) -> str:
        """Digest of all splits and of the criterion: a run is resumed on the very task that it began with."""
        # plain classification adds nothing, as when there was no other: its runs can still be resumed
        criterion = "" if self.criterion == PLAIN else json.dumps(self.criterion.record(), sort_keys=True)
        parts = (self.train.digest, self.validation.digest, self.test.digest, str(self.n_classes), criterion)
        return hashlib.sha256("".join(parts).encode()).hexdigest()[:16]


def make_task(
    name: str,
    train: Split,
    validation: Split | None = None,
    test: Split | None = None,
    *,
    seed: int,
    augmentation: tuple[str, ...] = (),
    criterion: Criterion | None = None,
    classes: Sequence[str] = (),
    audio: Audio | UnsetType = UNSET,
) -> Task:
    """A checked task; missing splits are drawn from `train`, seeded: a tenth for validation, a sixth for test.

    Without a `criterion` the training labels suggest one, see `heredity.development.criteria`. Inputs `(n, *shape)` are
    pixels if they are uint8: images are normalised by channel with the training split's mean and deviation. Real
    numbers are features and are taken as they come, but those of recordings, `(n, channels, frames)` computed as
    `audio` says, are normalised like images. Other whole numbers, of shape `(n, length)`, are tokens.

    Raises:
        DataError: a split is empty, has NaN, labels do not match, or nothing can be learnt from it.
        InputError: the criterion or the augmentation does not suit the data.
    """
    criterion = criterion or criterion_for(train.labels, name)
    named = {"training": train, "validation": validation, "test": test}
    checked = {kind: _checked(split, criterion, kind, name) for kind, split in named.items() if split is not None}
    train = checked["training"]
    n_classes = max(criterion.size(train.labels), len(classes))
    _check_agreement(checked, criterion, n_classes, name)
    shares = [(kind, part) for kind, part in (("test", 6), ("validation", 10)) if kind not in checked]
    if shares and len(train) < FEWEST_TO_DRAW_FROM:
        raise DataError.of(
            f"at least {FEWEST_TO_DRAW_FROM} examples to draw splits from",
            f"{len(train)} in {name}",
            "add examples, or give all three splits",
        )
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    for kind, part in shares:
        taken, order = order[: len(train) // part], order[len(train) // part :]
        checked[kind] = train.take(taken.sort().values)
        criterion.check(checked[kind].labels, n_classes, kind, name)
    if shares:
        train = train.take(order.sort().values)
        criterion.check(train.labels, n_classes, "training", name)
    task = Task(
        name,
        train,
        checked["validation"],
        checked["test"],
        n_classes,
        _input_form(train, criterion, _largest_token(checked), audio),
        augmentation,
        criterion.fitted(train.labels, n_classes),
        tuple(classes),
    )
    _check_augmentation(task)
    return task


def checked_task(task: Task) -> Task:
    """A task that a user put together, checked like one made here.

    Raises:
        DataError, InputError: as in `make_task`; or `n_classes` or `inputs` do not fit the examples.
    """
    named = {"training": task.train, "validation": task.validation, "test": task.test}
    checked = {kind: _checked(split, task.criterion, kind, task.name) for kind, split in named.items()}
    _check_agreement(checked, task.criterion, task.n_classes, task.name)
    shape = tuple(task.train.inputs.shape[1:])
    if task.inputs.shape != shape:
        raise DataError.of(
            f"inputs of shape {task.inputs.shape}, as the task says", f"{shape} in {task.name}", "correct its InputForm"
        )
    token = _largest_token(checked)
    if token is not None and not (task.inputs.vocabulary and token < task.inputs.vocabulary):
        came = f"a vocabulary of {task.inputs.vocabulary} and token {token} in {task.name}"
        raise DataError.of("tokens below the vocabulary", came, f"say InputForm({shape}, vocabulary={token + 1})")
    task = replace(
        task,
        train=checked["training"],
        validation=checked["validation"],
        test=checked["test"],
        criterion=task.criterion.fitted(checked["training"].labels, task.n_classes),
    )
    _check_augmentation(task)
    return task


def _checked(split: Split, criterion: Criterion, kind: str, name: str) -> Split:
    inputs, labels = split.inputs, split.labels
    if len(inputs.shape) < 2:
        raise DataError.of(
            f"{kind} inputs of shape (n, ...)", f"{tuple(inputs.shape)} in {name}", "give each example a shape"
        )
    if labels.dim() > 0 and (len(inputs) == 0 or len(inputs) != len(labels)):
        raise DataError.of(
            f"as many {kind} inputs as labels, at least one",
            f"{len(inputs)} and {len(labels)} in {name}",
            "check the data",
        )
    labels = criterion.stored(labels, kind, name)
    if len(inputs.shape) == 4 and labels.dim() == 3 and inputs.shape[2:] != labels.shape[1:]:
        came = f"{_sides(labels.shape[1:])} for images of {_sides(inputs.shape[2:])} in {name}"
        raise DataError.of(f"{kind} labels of the images' size", came, "resize them, without mixing classes")
    if isinstance(inputs, torch.Tensor):
        inputs = _stored_inputs(inputs, kind, name).contiguous()
    return Split(inputs, labels.contiguous())


def _stored_inputs(inputs: torch.Tensor, kind: str, name: str) -> torch.Tensor:
    """Pixels stay bytes, features become float32, tokens int64."""
    if inputs.is_complex():
        raise DataError.of(f"{kind} inputs of real numbers", f"{inputs.dtype} in {name}", "convert them")
    if inputs.dtype == torch.uint8:
        return inputs
    if inputs.is_floating_point() or inputs.dtype == torch.bool:
        inputs = inputs.float()
        refuse_nonfinite(inputs, f"{kind} inputs", name)
        return inputs
    remedy = "convert pixels with .to(torch.uint8), features with .float()"
    if inputs.dim() != 2 or int(inputs.min()) < 0:
        came = f"{inputs.dtype} of shape {tuple(inputs.shape)}, from {int(inputs.min())}, in {name}"
        raise DataError.of(f"{kind} inputs of whole numbers as tokens from 0 of shape (n, length)", came, remedy)
    return inputs.long()


def _check_agreement(splits: dict[str, Split], criterion: Criterion, n_classes: int, name: str) -> None:
    shapes = {kind: f"{split.inputs.dtype} {tuple(split.inputs.shape[1:])}" for kind, split in splits.items()}
    if len(set(shapes.values())) > 1:
        raise DataError.of("splits of one shape and type", f"{shapes} in {name}", "resize or convert the examples")
    for kind, split in splits.items():
        if split.labels.shape[1:] != splits["training"].labels.shape[1:]:
            first, other = (tuple(labels.shape) for labels in (splits["training"].labels, split.labels))
            came = f"{first} in training, {other} in {kind} of {name}"
            raise DataError.of("labels of one shape in all splits", came, "reshape them")
        criterion.check(split.labels, n_classes, kind, name)


def _check_augmentation(task: Task) -> None:
    """Refuses augmentation of what are no images, or of images whose labels would have to move along."""
    augmenter(task.augmentation)  # knows the names
    fits = len(task.inputs.shape) == 3 and task.train.labels.dim() < 3
    if task.augmentation and not fits:
        came = f"inputs {task.inputs.shape} and labels {tuple(task.train.labels.shape[1:])} in {task.name}"
        expected = f"images with labels that have no place in them, for augmentation by {', '.join(task.augmentation)}"
        raise DataError.of(expected, came, "leave augmentation out")


def _largest_token(splits: dict[str, Split]) -> int | None:
    """The largest of all splits, since an embedding must have room for those training lacks; None: no tokens."""
    if splits["training"].inputs.dtype != torch.int64:
        return None
    return max(int(split.inputs[:].max()) for split in splits.values())


def _input_form(train: Split, criterion: Criterion, token: int | None, audio: Audio | UnsetType) -> InputForm:
    """How the training split is normalised, inputs and, where they are numbers, labels."""
    inputs, units = train.inputs, criterion.units(train.labels)
    shape = tuple(inputs.shape[1:])
    if isinstance(inputs, Mapped):
        inputs = inputs[torch.linspace(0, len(inputs) - 1, min(len(inputs), LOOKED_AT)).long()]
    if token is not None:
        return InputForm(shape, vocabulary=token + 1, answer_mean=units[0], answer_std=units[1])
    if audio is not UNSET:
        std, mean = torch.std_mean(inputs, (0, 2), correction=0)
        return InputForm(shape, _rounded(mean), _rounded(std.clamp_min(1e-2)), audio=audio)
    if inputs.dtype != torch.uint8 or len(shape) != 3:
        return InputForm(shape, answer_mean=units[0], answer_std=units[1])
    counts = torch.stack(
        [torch.bincount(inputs[:, c].flatten().int(), minlength=256) for c in range(shape[0])]
    ).double()
    pixels = torch.arange(256, dtype=torch.float64) / 255
    weights = counts / counts.sum(1, keepdim=True)
    mean = weights @ pixels
    std = (weights @ pixels**2 - mean**2).clamp_min(1e-4).sqrt()
    return InputForm(shape, _rounded(mean), _rounded(std), answer_mean=units[0], answer_std=units[1])


def _rounded(values: torch.Tensor) -> tuple[float, ...]:
    return tuple(round(value, 4) for value in values.tolist())


def _sides(shape: Sequence[int]) -> str:
    return "x".join(str(side) for side in shape)


def normalised(stored: torch.Tensor, form: InputForm) -> torch.Tensor:
    """A stored batch as networks without their `Deployed` shell take it; tokens as they are."""
    if form.vocabulary is not None:
        return stored
    shape = (-1, *[1] * (len(form.shape) - 1))
    mean, std = torch.tensor(form.mean).reshape(shape), torch.tensor(form.std).reshape(shape)
    return (as_user_has_it(stored) - mean.to(stored.device)).div_(std.to(stored.device))  # float input is the caller's


def standardised(labels: torch.Tensor, form: InputForm) -> torch.Tensor:
    """Labels as networks without their `Deployed` shell learn them: numbers in units of their own."""
    if not form.answer_mean:
        return labels
    shape = (-1, *[1] * (labels.dim() - 2))
    return (labels - torch.tensor(form.answer_mean).reshape(shape)) / torch.tensor(form.answer_std).reshape(shape)
