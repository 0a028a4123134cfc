"""A table for people of what a distribution of genes held, generation by generation."""

from __future__ import annotations

from collections.abc import Sequence

from heredity.cli.anatomy import console_for_tables, table_of
from heredity.genes.distribution import Belief
from heredity.strategies.dual_inheritance import DualInheritance, Refusal


def show_genes(strategy: DualInheritance) -> None:
    """By gene: what each generation was drawn from, and what there is now; then who was not born, and why."""
    held = [*strategy.thetas, strategy.theta]
    table = table_of("gene", *map(str, range(1, len(held))), "now")
    for name, gene in strategy.space.genes.items():
        if name in strategy.space.free:
            table.add_row(f"{name} in {gene}", *(shown(theta[name]) for theta in held))
    console_for_tables().print(table)
    print("numbers with their deviation, as a share of the distance between their bounds; the likeliest choice")
    unborn: dict[tuple[int, str], list[Refusal]] = {}
    for refusal in strategy.refused:
        unborn.setdefault((refusal.generation, refusal.reason), []).append(refusal)
    for (generation, reason), refusals in sorted(unborn.items()):
        print(f"generation {generation}: {len(refusals)} not born: {reason}{_sizes(refusals)}")


def _sizes(refusals: Sequence[Refusal]) -> str:
    """`, 6,495 .. 106,871`, or nothing where no size is the reason."""
    sizes = [f"{size:,.0f}" for size in sorted({r.size for r in refusals if r.size is not None})]
    return f", {' .. '.join(dict.fromkeys((sizes[0], sizes[-1])))}" if sizes else ""


def shown(belief: Belief) -> str:
    """`64 ± 10 %`, or `relu 50 %`."""
    if belief.chances:
        likeliest = max(belief.chances, key=lambda value: belief.chances[value])
        return f"{likeliest} {belief.chances[likeliest]:.0%}"
    centre = belief.centre
    return f"{centre:.3g} ± {belief.spread:.0%}" if isinstance(centre, float) else f"{centre} ± {belief.spread:.0%}"
