"""The studies by name, and what of one a user asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from heredity.anatomy.constructor import remedy
from heredity.errors import InputError
from heredity.reproduce import (
    dual_inheritance,
    gene_tagging,
    neuroevolution,
    polyploidism,
    sexual_synthesis,
    synaptic_clusters,
)
from heredity.reproduce.study import Arm, Preset, Scale, Study

STUDIES: dict[str, Study] = {
    module.STUDY.name: module.STUDY
    for module in (synaptic_clusters, sexual_synthesis, gene_tagging, polyploidism, neuroevolution, dual_inheritance)
}
"""What `heredity reproduce` knows."""


def study_of(name: str) -> Study:
    """A study by its name.

    Raises:
        InputError: there is none.
    """
    if name not in STUDIES:
        raise InputError.of("a study", repr(name), remedy(name, STUDIES))
    return STUDIES[name]


def scale_of(name: str) -> Scale:
    """A scale by its name.

    Raises:
        InputError: there is none.
    """
    found: dict[str, Scale] = {scale: scale for scale in get_args(Scale)}
    if name not in found:
        raise InputError.of("a scale", repr(name), remedy(name, found))
    return found[name]


def presets_of(name: str) -> tuple[Preset, ...]:
    """A preset by its name, or both.

    Raises:
        InputError: there is none.
    """
    presets: tuple[Preset, ...] = get_args(Preset)
    found: dict[str, tuple[Preset, ...]] = {**{preset: (preset,) for preset in presets}, "both": presets}
    if name not in found:
        raise InputError.of("a preset of a study", repr(name), remedy(name, found))
    return found[name]


def arms_of(study: Study, scale: Scale, only: Sequence[str]) -> tuple[Arm, ...]:
    """The arms to run: those that are named, else the usual ones, of which a smoke has few.

    Raises:
        InputError: a study has no arm of a name.
    """
    names = [arm.name for arm in study.arms]
    for name in only:
        if name not in names:
            raise InputError.of(f"an arm of {study.name}", repr(name), remedy(name, names))
    if only:
        return tuple(arm for arm in study.arms if arm.name in only)
    return tuple(arm for arm in study.arms if arm.usual and (scale == "paper" or arm.small))
