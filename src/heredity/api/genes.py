"""What the genes of a run were: the distribution that each generation was drawn from, by replaying its history."""

from __future__ import annotations

from heredity.api.names import make_strategy
from heredity.development.birth import Individual
from heredity.errors import InputError
from heredity.run.run import Run
from heredity.run.strategy import Horizon, Setting
from heredity.strategies.dual_inheritance import DualInheritance
from heredity.variation.operator import Organism


def inheritance_of(run: Run) -> DualInheritance:
    """The strategy of a run as its individuals have left it: `thetas`, `theta` and `refused` can be read.

    Raises:
        InputError: its strategy has no genes, or it has no individuals yet.
    """
    settings, individuals = run.settings, run.individuals
    if settings.strategy != "dual_inheritance" or not individuals:
        came = settings.strategy if individuals else "one without individuals"
        raise InputError.of("a run of dual_inheritance that has begun", came, "choose another folder")
    recipe = individuals[0].birth.recipe
    setting = Setting(
        settings.constructor,
        settings.inputs,
        examples=recipe.batch_size,  # all that genes know of the data: no batch has more
        augmentation=recipe.augmentation,
        seed=settings.seed,
        horizon=Horizon(settings.generations, settings.budget_seconds),
        cost=settings.cost,
        targets=settings.targets,
        workers=max(settings.workers, 1),
        organism=_nobody,
    )
    strategy = make_strategy(settings.strategy, settings.strategy_settings, setting)
    assert isinstance(strategy, DualInheritance)  # noqa: S101  # which the name says
    strategy.replay(individuals)
    return strategy


def _nobody(individual: Individual) -> Organism:
    raise LookupError(f"weights of individual {individual.number}, which nobody needs who is not conceived")
