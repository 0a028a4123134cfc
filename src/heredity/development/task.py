"""Tasks: what is to be learnt. Splits stay resident as compact tensors; bytes become pixels batch by batch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from heredity.anatomy.inputs import InputForm
from heredity.errors import DataError
from heredity.measures.error import as_user_has_it

FEWEST_TO_DRAW_FROM = 20
"""Examples below which a missing split is not drawn: it would hold one example, or none."""


@dataclass(frozen=True)
class Split:
    """Examples and their classes: `inputs (n, *shape)`, uint8 pixels or float32 features; `labels (n,)`, int64."""

    inputs: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def digest(self) -> str:
        """Digest of the split's content."""
        state = hashlib.sha256(f"{self.inputs.dtype}{tuple(self.inputs.shape)}".encode())
        for tensor in (self.inputs, self.labels):
            state.update(tensor.contiguous().numpy().data)
        return state.hexdigest()[:16]

    def take(self, index: torch.Tensor) -> Split:
        """The examples at these positions."""
        return Split(self.inputs[index], self.labels[index])


@dataclass(frozen=True)
class Task:
    """Classification: three disjoint splits, the number of classes, and how inputs are normalised.

    Newborns train on `train`; selection sees `validation` only; `test` is read once, at the end of a run.
    `augmentation` names what suits the training data (see `heredity.development.augmentation`).
    """

    name: str
    train: Split
    validation: Split
    test: Split
    n_classes: int
    inputs: InputForm
    augmentation: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """Digest of all splits: a run is resumed on the very data that it began with."""
        parts = (self.train.digest, self.validation.digest, self.test.digest, str(self.n_classes))
        return hashlib.sha256("".join(parts).encode()).hexdigest()[:16]


def make_task(
    name: str,
    train: Split,
    validation: Split | None = None,
    test: Split | None = None,
    *,
    seed: int,
    augmentation: tuple[str, ...] = (),
) -> Task:
    """A checked task; missing splits are drawn from `train`, seeded: a tenth for validation, a sixth for test.

    Images that are kept as bytes are normalised by channel with the training split's mean and deviation; float32
    features are taken as they come.

    Raises:
        DataError: a split is empty, has NaN, labels do not match, or training data has a single class.
    """
    named = {"training": train, "validation": validation, "test": test}
    checked = {kind: _checked(split, kind, name) for kind, split in named.items() if split is not None}
    train = checked["training"]
    n_classes = int(train.labels.max()) + 1
    _check_agreement(checked, n_classes, name)
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
        checked[kind] = _checked(train.take(taken.sort().values), kind, name)
    if shares:
        train = train.take(order.sort().values)
    return Task(name, train, checked["validation"], checked["test"], n_classes, _input_form(train.inputs), augmentation)


def checked_task(task: Task) -> Task:
    """A task that a user put together, checked like one made here.

    Raises:
        DataError: as in `make_task`; or `n_classes` or `inputs` do not fit the examples.
    """
    named = {"training": task.train, "validation": task.validation, "test": task.test}
    checked = {kind: _checked(split, kind, task.name) for kind, split in named.items()}
    _check_agreement(checked, task.n_classes, task.name)
    shape = tuple(task.train.inputs.shape[1:])
    if task.inputs.shape != shape:
        raise DataError.of(
            f"inputs of shape {task.inputs.shape}, as the task says", f"{shape} in {task.name}", "correct its InputForm"
        )
    return replace(task, train=checked["training"], validation=checked["validation"], test=checked["test"])


def _checked(split: Split, kind: str, name: str) -> Split:
    inputs, labels = split.inputs, split.labels
    if inputs.dim() < 2:
        raise DataError.of(
            f"{kind} inputs of shape (n, ...)", f"{tuple(inputs.shape)} in {name}", "give each example a shape"
        )
    if labels.dim() != 1 or labels.is_floating_point() or labels.is_complex():
        came = f"{labels.dtype} of shape {tuple(labels.shape)} in {name}"
        raise DataError.of(f"{kind} labels as whole numbers of shape (n,)", came, "give class numbers from 0")
    if len(inputs) == 0 or len(inputs) != len(labels):
        raise DataError.of(
            f"as many {kind} inputs as labels, at least one",
            f"{len(inputs)} and {len(labels)} in {name}",
            "check the data",
        )
    if inputs.is_complex():
        raise DataError.of(f"{kind} inputs of real numbers", f"{inputs.dtype} in {name}", "convert them")
    labels = labels.long()
    if int(labels.min()) < 0:
        raise DataError.of(f"{kind} labels from 0", f"{int(labels.min())} in {name}", "number the classes from 0")
    if inputs.dtype != torch.uint8:
        inputs = inputs.float()
        if not bool(inputs.isfinite().all()):
            bad = int((~inputs.isfinite().flatten(1).all(1)).nonzero()[0])
            raise DataError.of(f"finite {kind} inputs", f"NaN or infinity in example {bad} of {name}", "clean the data")
    return Split(inputs.contiguous(), labels.contiguous())


def _check_agreement(splits: dict[str, Split], n_classes: int, name: str) -> None:
    shapes = {kind: f"{split.inputs.dtype} {tuple(split.inputs.shape[1:])}" for kind, split in splits.items()}
    if len(set(shapes.values())) > 1:
        raise DataError.of("splits of one shape and type", f"{shapes} in {name}", "resize or convert the examples")
    if len(splits["training"].labels.unique()) < 2:
        raise DataError.of("training data of at least 2 classes", f"1 in {name}", "add examples of another class")
    for kind, split in splits.items():
        if int(split.labels.max()) >= n_classes:
            came = f"label {int(split.labels.max())} in the {kind} split of {name}"
            raise DataError.of(
                f"labels below {n_classes}, as in training", came, "relabel, or add such training examples"
            )


def _input_form(inputs: torch.Tensor) -> InputForm:
    shape = tuple(inputs.shape[1:])
    if inputs.dtype != torch.uint8 or len(shape) != 3:
        return InputForm(shape)
    counts = torch.stack(
        [torch.bincount(inputs[:, c].flatten().int(), minlength=256) for c in range(shape[0])]
    ).double()
    pixels = torch.arange(256, dtype=torch.float64) / 255
    weights = counts / counts.sum(1, keepdim=True)
    mean = weights @ pixels
    std = (weights @ pixels**2 - mean**2).clamp_min(1e-4).sqrt()
    return InputForm(shape, tuple(round(m, 4) for m in mean.tolist()), tuple(round(s, 4) for s in std.tolist()))


def normalised(stored: torch.Tensor, form: InputForm) -> torch.Tensor:
    """A stored batch as networks without their `Deployed` shell take it."""
    shape = (-1, *[1] * (len(form.shape) - 1))
    mean, std = torch.tensor(form.mean).reshape(shape), torch.tensor(form.std).reshape(shape)
    return (as_user_has_it(stored) - mean.to(stored.device)).div_(std.to(stored.device))  # float input is the caller's
