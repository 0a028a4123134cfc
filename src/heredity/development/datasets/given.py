"""What a user hands over in Python, or a `file.py:callable` returns: tensors, torch data sets, tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch

from heredity.development.criteria import Criterion
from heredity.development.datasets.images import decode, is_image
from heredity.development.datasets.labels import numbered
from heredity.development.task import Split, Task, checked_task, make_task
from heredity.errors import DataError, InputError


def as_task(given: Any, *, seed: int, name: str = "data", criterion: Criterion | None = None) -> Task:
    """A task from what a user hands over.

    A `Task`, a pair `(inputs, labels)` of tensors or arrays, a torch `Dataset`, or `(train, test)` or `(train,
    validation, test)` of either; missing splits are drawn, seeded. Data sets may give images of Pillow's, and words as
    labels, which become classes in alphabetical order.

    uint8 inputs are pixels, real numbers are features, other whole numbers are tokens (see `make_task`). What is to be
    learnt, `criterion`, follows from the labels if it is not given (see `heredity.development.criteria`).

    Raises:
        DataError: it is none of these, or cannot be learnt from.
        InputError: the criterion does not suit it.
    """
    if isinstance(given, Task):
        return checked_task(given if criterion is None else replace(given, criterion=criterion))
    whole = not isinstance(given, (tuple, list)) or _is_pair(cast(Sequence[Any], given))
    parts = cast(Sequence[Any], (given,) if whole else given)
    if not whole and len(parts) not in (2, 3):
        raise DataError.of("(train, test) or (train, validation, test)", f"{len(parts)} parts", "give two or three")
    splits, classes = _splits([_columns(part, name) for part in parts], name)
    train, *validation, test = splits if len(splits) > 1 else (*splits, None)
    return make_task(
        name,
        train,
        validation[0] if validation else None,
        test,
        seed=seed,
        criterion=criterion,
        classes=classes,
    )


def _is_pair(parts: Sequence[Any]) -> bool:
    """Whether this is `(inputs, labels)` rather than `(train, test)`: two arrays."""
    return len(parts) == 2 and all(isinstance(p, (torch.Tensor, np.ndarray)) for p in parts)


def _columns(given: Any, name: str) -> tuple[Any, Any]:
    """A split's inputs and labels, each a tensor, an array or a list of single ones."""
    if isinstance(given, Split):
        return given.inputs, given.labels
    if isinstance(given, (tuple, list)) and _is_pair(pair := cast(Sequence[Any], given)):
        return pair[0], pair[1]
    if isinstance(given, (tuple, list)) or not (hasattr(given, "__getitem__") and hasattr(given, "__len__")):
        came = f"a {type(cast(object, given)).__name__} in {name}"
        raise DataError.of("a torch Dataset or a pair (inputs, labels) of tensors", came, "return one of these")
    try:
        examples = [given[i] for i in range(len(given))]
        return [x for x, _ in examples], [y for _, y in examples]
    except Exception as error:
        raise _unusable(name, error) from error


def _splits(parts: Sequence[tuple[Any, Any]], name: str) -> tuple[list[Split], tuple[str, ...]]:
    """Splits from columns, training first, and the classes' names if labels are words."""
    classes = ()
    try:
        if all(_are_words(labels) for _, labels in parts):
            labels, classes = numbered([[str(word) for word in words] for _, words in parts], name)
        else:
            labels = [_tensor(values) for _, values in parts]
        if all(isinstance(inputs, list) and inputs and is_image(inputs[0]) for inputs, _ in parts):
            pictures = [picture for inputs, _ in parts for picture in inputs]
            images = decode(pictures, lambda i: f"example {i} of {name}")
            inputs = list(images.split([len(inputs) for inputs, _ in parts]))
        else:
            inputs = [_tensor(values) for values, _ in parts]
    except DataError:
        raise
    except Exception as error:
        raise _unusable(name, error) from error
    return [Split(x, y) for x, y in zip(inputs, labels, strict=True)], classes


def _are_words(labels: Any) -> bool:
    if isinstance(labels, np.ndarray):
        return labels.ndim == 1 and len(labels) > 0 and isinstance(labels[0], str)
    return isinstance(labels, list) and bool(labels) and isinstance(labels[0], str)


def _tensor(values: Any) -> torch.Tensor:
    """A tensor from one, from an array, or from a list of single ones; masks may be images of Pillow's."""
    if not isinstance(values, list):
        return torch.as_tensor(values)
    singles = [torch.as_tensor(np.array(v) if is_image(v) else v) for v in cast(list[Any], values)]
    return torch.stack(singles)


def _unusable(name: str, error: Exception) -> InputError:
    came = f"{type(error).__name__}: {error}"
    return DataError.of(f"examples (input, label) of one shape in {name}", came, "check the data set")
