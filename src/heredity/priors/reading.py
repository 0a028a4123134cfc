"""What a prior is like at a moment of a training: readings of norms, and of the dial, if there is one.

Sources: as of `prior.py`, whose head says how the dial sets the mixture.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import torch
from msgspec.structs import replace

from heredity.priors.boundary import boundary, log_odds_for
from heredity.priors.dial import Dial, Norms
from heredity.priors.mixture import Component, Mixture
from heredity.priors.prior import GroupPrior

CHANGES = 30
"""How often the dial is read in a training."""

SHARP = 5.0
"""Threshold / scale of unneeded groups: how suddenly sides change. At 2 groups just above it were drawn down too, and
where norms are alike, as those of new networks are, all of them together (lab log, 2026-11-25)."""

ODDS = 36.0
"""The largest logarithm of odds: beyond, a share of 1 has no rest in double precision."""

NARROWEST = 0.5
"""The least scale of needed groups, as a share of their mean: equal norms are no reason for infinite force."""


class Setting(msgspec.Struct, frozen=True):
    """What is in force: the threshold, the components whose boundary it is, and lambda."""

    threshold: float
    mixture: Mixture
    strength: float


class Reading(msgspec.Struct, frozen=True):
    """Where norms were when a share `progress` of a training was done, and what was in force, if there was a boundary.

    `counts` are groups by norm, in their units: bins of equal width up to `LARGEST_NORM`, the last open above. They are
    of the groups that `mixture` is for (`GroupPrior.parts`).
    """

    progress: float
    counts: tuple[int, ...]
    setting: Setting | None = None
    mixture: str = ""


BINS, LARGEST_NORM = 60, 3.0


def read(progress: float, norms: torch.Tensor, setting: Setting | None, mixture: str = "") -> Reading:
    """A reading of norms `(groups,)` in their units."""
    bins = (norms.detach() * (BINS / LARGEST_NORM)).long().clamp_(0, BINS - 1)
    return Reading(progress, tuple(torch.bincount(bins, minlength=BINS).tolist()), setting, mixture)


def in_force(prior: GroupPrior, progress: float) -> dict[str, Setting]:
    """What given mixtures come to at a moment, by their names, families' factors of lambda aside.

    Those without a boundary are left out.
    """
    found: dict[str, Setting] = {}
    for name, mixture in prior.mixtures_at(progress).items():
        threshold = boundary(mixture) if len(mixture.components) > 1 else math.inf
        if 0 < threshold < math.inf:
            found[name] = Setting(threshold, mixture, prior.strength_at(progress))
    return found


def set_by(prior: GroupPrior, dial: Dial, norms: Norms) -> Setting:
    """The mixture that has its boundary where the dial cuts these norms, see the file's head.

    Raises:
        InputError: the share cannot go.
    """
    cut = dial.cut(norms, prior.share or 0.0)
    stay = np.concatenate([norms[name][kept] for name, kept in cut.kept.items()])
    threshold = max(cut.threshold, 1e-6)
    mean = max(float(stay.mean()), threshold * (1 + 1e-6))
    first = Component(0.5, 0.0, threshold / SHARP, prior.families[0])
    second = Component(0.5, mean, max(float(stay.std()), NARROWEST * mean), prior.families[1])
    odds = min(max(log_odds_for(threshold, first, second), -ODDS), ODDS)
    share = 1 / (1 + math.exp(-odds))
    components = replace(first, share=share), replace(second, share=1 - share)
    return Setting(threshold, Mixture(components), prior.strength_at(0.0) * first.scale**2)
