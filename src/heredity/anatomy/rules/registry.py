"""Where rules are registered, and what several of them need."""

from __future__ import annotations

from collections.abc import Callable

import torch

from heredity.anatomy.labels import NOBODY, Labels
from heredity.anatomy.ride import Rule

RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule for operations of these names (in-place forms, `name_`, included)."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def nobody(shape: torch.Size) -> Labels:
    """Labels of a tensor that no cluster owns."""
    return torch.full((), NOBODY).expand(shape)


def owned(labels: Labels) -> bool:
    """Whether any cluster owns any of it."""
    return bool((labels != NOBODY).any())
