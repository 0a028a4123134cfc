"""What is refused before a run begins and writes: a taken folder, a network that does not fit, targets out of reach."""

from __future__ import annotations

import copy
import os
from typing import Any

import numpy as np
import torch

from heredity.anatomy.body import Ancestor, ancestor
from heredity.anatomy.constructor import Constructor
from heredity.anatomy.inputs import InputForm
from heredity.development.task import Task, normalised
from heredity.errors import InputError, ModelError, StoreError
from heredity.measures import measure_of, sizes_of
from heredity.run.targets import Targets
from heredity.store.files import io_errors
from heredity.store.folder import RunFolder


def check_free(folder: RunFolder) -> None:
    """Refuses a folder with a run in it, or with anything that a run would write over or remove.

    Raises:
        StoreError: it is taken, or cannot be written to.
    """
    with io_errors(folder.path):
        if folder.settings.exists():
            raise StoreError(
                f"expected no run in {folder.path}; came one; resume it, or choose another folder with --out"
            )
        owned = [path for path in (folder.front_json, folder.front, folder.report, folder.cache) if path.exists()]
        owned += list(folder.blobs.glob("*"))[:1]
        there = next(path for path in (folder.path, *folder.path.absolute().parents) if path.exists())
        free = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    if owned:
        raise StoreError(f"expected no {owned[0]}, which a run would replace; came one; choose another --out")
    if not free:
        came = f"{there}, which is not a folder" if not there.is_dir() else f"{there}, which is read-only"
        raise StoreError(f"expected to be able to write to {folder.path}; came {came}; choose another with --out")


def check_device(device: str) -> None:
    """Refuses a device on which newborns cannot train here.

    Raises:
        InputError: with what there is.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    here = ["cpu", *["cuda"] * (gpus > 0), *(f"cuda:{k}" for k in range(gpus))]
    if device not in here:
        raise InputError.of("a device that torch has here", f"{device!r}", f"choose among {', '.join(here)}")


def check_fit(constructor: Constructor, task: Task) -> None:
    """Refuses a network that does not take the task's inputs or give its outputs.

    Raises:
        ModelError: so it is.
    """
    try:
        first = ancestor(constructor, task.inputs)
    except ModelError as error:
        if task.inputs.vocabulary is None:
            raise
        raise ModelError(f"{error}; {task.name} has whole numbers, which are tokens: features must be real") from error
    anatomy, expected = first.anatomy, task.output_shape
    if expected is not None and anatomy.outputs != expected:
        has = f"{task.name} has {task.criterion.called(task.n_classes)}"
        raise ModelError.of(
            f"{task.criterion.outputs} of shape {_batch(expected)}, as {has}",
            _batch(anatomy.outputs),
            "change the last layer or the data",
        )
    if expected is None:
        _check_functions(first, task)


def check_changeable(constructor: Constructor, inputs: InputForm) -> None:
    """Refuses a network of which nothing can change.

    Raises:
        ModelError: so it is.
    """
    anatomy = ancestor(constructor, inputs).anatomy
    if not any(family.size > 1 for family in anatomy.families):
        why = "; ".join(f"{fixed.name} is fixed: {fixed.reason}" for fixed in anatomy.fixed[:3])
        raise ModelError.of(
            "a network with hidden channels that can change",
            f"none ({why})" if why else "none",
            "see `heredity inspect`, and choose another ancestor",
        )


def _check_functions(first: Ancestor, task: Task) -> None:
    """A user's own loss and error may fail, or give no single number."""
    examples, labels = task.train.inputs[:2], task.train.labels[:2]
    outputs = copy.deepcopy(first.module).eval()(normalised(examples, task.inputs)).float()
    called = f"it was called with outputs {tuple(outputs.shape)} and labels {tuple(labels.shape)}"
    expected = f"the loss of {task.name} to be a scalar that depends on the outputs"
    try:
        loss: Any = task.criterion.loss(outputs, labels)
    except Exception as error:
        raise ModelError.of(expected, f"{type(error).__name__}: {error}", called) from error
    if not isinstance(loss, torch.Tensor) or loss.dim() or not loss.requires_grad:
        came = (
            f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, torch.Tensor) else f"a {type(loss).__name__}"
        )
        raise ModelError.of(expected, came, "return the outputs' loss, averaged over the batch")
    try:
        task.criterion.error(task.criterion.answers(outputs.detach()), labels)
    except Exception as error:
        raise ModelError.of(
            f"the error of {task.name} to be a number", f"{type(error).__name__}: {error}", called
        ) from error


def _batch(shape: tuple[int, ...]) -> str:
    return f"(n{''.join(f', {size}' for size in shape)})"


def check_reach(constructor: Constructor, inputs: InputForm, targets: Targets, graph_bytes: int) -> None:
    """Refuses ceilings below the smallest network that the ancestor can shrink to: one cluster a family.

    Raises:
        InputError: naming the smallest.
    """
    first = ancestor(constructor, inputs)
    smallest = sizes_of(first.anatomy.select({name: np.array([0]) for name in first.anatomy.sizes}), graph_bytes)
    for measure, ceiling in targets.ceilings.items():
        if smallest.get(measure, 0.0) > ceiling:
            raise InputError.of(
                f"a ceiling of at least {smallest[measure]:,.0f} {measure}, the smallest that this network can become",
                f"{ceiling:,.0f}",
                "raise it, or choose a smaller ancestor",
            )


def choose_cost(cost: str | None, targets: Targets) -> str:
    """The measure that is traded against error: the named cost's, or the one size that is bounded, or params.

    Raises:
        InputError: no such cost.
    """
    if cost is not None:
        return measure_of(cost)
    bounded = [measure for measure in targets.ceilings if measure != "val_error"]
    return bounded[0] if len(bounded) == 1 else "params"
