"""A finished run to look at, and runs out of thin air: settings and individuals as a store gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace

from heredity.anatomy.constructor import Constructor
from heredity.anatomy.genome import Genome
from heredity.anatomy.inputs import InputForm
from heredity.development.birth import Birth, Individual
from heredity.development.recipe import Recipe
from heredity.priors.mixture import Component, Mixture
from heredity.priors.prior import GroupPrior
from heredity.priors.reading import Setting, read
from heredity.report.facts import facts
from heredity.report.records import Facts
from heredity.run.run import Run
from heredity.run.settings import RunSettings
from heredity.run.targets import Targets
from heredity.testing.runs import small_run, some_settings
from heredity.variation.cloning import Cloning

FAMILIES = {"features.0": 20, "features.3": 50, "head.1": 500}
FORM = InputForm((1, 28, 28))


@pytest.fixture(scope="session")
def finished(users: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on 3x3 images of bytes, with a ceiling that is met."""
    return small_run(users, tmp_path_factory.mktemp("runs") / "finished", targets=Targets(max_params=150))


@pytest.fixture(scope="session")
def grown(users: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose descendants have grown: a family, or a block after the convolution."""
    options = {"members": 5, "kept": 1, "steps": (20, 10), "chances": {"widening": 0.5, "after": 0.5}}
    out = tmp_path_factory.mktemp("runs") / "grown"
    given: dict[str, Any] = {"strategy": "neuroevolution", "strategy_options": options, "generations": 1}
    return small_run(users, out, **given, export=False)


def somebody(
    number: int,
    parents: Sequence[int] = (),
    *,
    generation: int = 0,
    families: Mapping[str, int] = FAMILIES,
    reason: str | None = None,
    **measures: float,
) -> Individual:
    """An individual with these measurements; without any it has failed."""
    tags = {name: tuple((0, i) for i in range(size)) for name, size in families.items()}
    genome = Genome(Constructor("net.py:net", {}, "structure"), FORM, tags)
    birth = Birth(number, generation, tuple(parents), Cloning(), genome, Recipe(steps=1), seed=number)
    if not measures:
        return Individual(birth, "failed", reason=reason or "diverged: the loss is nan", elapsed=number)
    known = {"params": 1000.0, "macs": 5000.0, "bytes": 5000.0, **measures}
    return Individual(birth, "developed", known, weights="0" * 64, seconds=1.5, elapsed=number)


def regularised(number: int, family: str = "") -> Individual:
    """Somebody whose groups parted in training: at first all had norm 1, at last 60 have none and 40 have 1.5.

    With a family of its own mixture, of which they are, beside one group without a boundary.
    """
    mixture = Mixture((Component(0.4, 0.0, 0.1), Component(0.6, 1.5, 0.5)))
    early, late = (Setting(threshold, mixture, 0.1) for threshold in (1.0, 0.7))
    readings = tuple(
        reading
        for progress, norms, setting in (
            (0.0, torch.ones(100), early),
            (0.5, torch.cat([torch.full((60,), 0.4), torch.full((40,), 1.2)]), late),
            (1.0, torch.cat([torch.zeros(60), torch.full((40,), 1.52)]), late),
        )
        for reading in (
            read(progress, norms, setting, family),
            *([read(progress, torch.ones(1), None)] if family else []),
        )
    )
    born = somebody(number, (0,), generation=1, val_error=0.02, params=500.0 + number)
    recipe = Recipe(steps=1, prior=GroupPrior(share=0.6))
    return replace(born, birth=replace(born.birth, recipe=recipe), readings=readings)


def settings(**changes: Any) -> RunSettings:
    """Settings as `run.json` has them."""
    given: dict[str, Any] = {
        "constructor": Constructor("net.py:net", {}, "structure"),
        "inputs": FORM,
        "data": "mnist",
        "strategy_settings": {"population": 8, "culture": {"weight": 0.9}},
        "workers": 2,
    }
    return some_settings(**{**given, **changes})


def told(individuals: Sequence[Individual], *, folder: Path = Path("runs/x"), **changes: Any) -> Facts:
    """The facts of an unfinished run of these individuals, whose ancestor cannot be built again."""
    return facts(
        settings(**changes),
        individuals,
        "its file is gone",
        None,
        folder=folder,
        began="2026-11-21T10:11:12+00:00",
        elapsed=61.0,
    )
