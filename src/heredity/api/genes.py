"""What the genes of a run were: the distribution that each generation was drawn from, by replaying its history."""

from __future__ import annotations

from heredity.api.names import strategy_of
from heredity.errors import InputError
from heredity.run.run import Run
from heredity.strategies.dual_inheritance import DualInheritance


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
    # all that genes know of the data is that no batch has more examples than there are
    strategy = strategy_of(settings, examples=recipe.batch_size, augmentation=recipe.augmentation)
    assert isinstance(strategy, DualInheritance)  # noqa: S101  # which the name says
    strategy.replay(individuals)
    return strategy
