"""Labels with names: numbered in the order of the names that training has."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from heredity.errors import DataError


def numbered(parts: Sequence[Sequence[str]], name: str) -> tuple[list[torch.Tensor], tuple[str, ...]]:
    """Class numbers `(n,)` for the named labels of each split, training first, and the classes' names by number.

    Raises:
        DataError: a split has a class that training does not have.
    """
    classes = tuple(sorted(set(parts[0])))
    number = {label: i for i, label in enumerate(classes)}
    for part in parts[1:]:
        if unseen := sorted(set(part) - set(classes)):
            shown = ", ".join(classes[:10]) + (", ..." if len(classes) > 10 else "")
            raise DataError.of("classes that training has too", f"{unseen[0]!r} in {name}", f"training has {shown}")
    return [torch.tensor([number[label] for label in part]) for part in parts], classes
