"""Does the prior cost error, or the size? Who has lost a share, and who has lost nothing, trained on equally long.

    python benchmarks/capacity.py [--network resnet20-half] [--seed 0] [--steps 4000] [--shares 0.5 0.7] [--out DIR]

Takes the runs of `group_prior.py` in DIR, which it makes if they are not there. The clone without a prior and the
tuned network of each share go on from where they are, by one recipe, without a prior and without a teacher. If the gap
closes it was the training; if it stays, in the training error too, it is rather the size. Test errors are read at the
end, and nothing is chosen by them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from group_prior import CASES, run_of
from tables import print_table

from heredity.anatomy.body import Deployed, build
from heredity.api.evolve import reopen
from heredity.development.criteria.criterion import measured
from heredity.development.loop import train
from heredity.development.recipe import Recipe
from heredity.development.task import Split
from heredity.executors.worker import prepared
from heredity.store.folder import RunFolder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=CASES, default="resnet20-half")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument(
        "--shares", type=float, nargs="*", help="those of the network, if not given; the whole one comes first"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/group-prior"))
    given = parser.parse_args()
    case = CASES[given.network]
    shares = case.shares if given.shares is None else given.shares
    if unknown := set(shares) - set(case.shares):
        parser.error(f"expected shares among {case.shares}, came {min(unknown):g}")
    reduced, whole = (run_of(given.network, case, given.seed, given.out, kind) for kind in ("mixture", "none"))
    tuned = 1 + 2 * len(case.shares)
    lines = [["whole", *trained_on(whole, 1, given.steps)]]
    lines += [
        [f"{share:.0%} less", *trained_on(reduced, tuned + case.shares.index(share), given.steps)] for share in shares
    ]
    print(f"{given.network}, {case.data}, seed {given.seed}: {given.steps:,} further steps")
    print_table(("network", "weights", "test error, %", "training error, %"), lines)


def trained_on(folder: Path, number: int, steps: int) -> list[str]:
    """Weights and errors of an individual after further steps."""
    run, task = reopen(RunFolder(folder))
    with run.store:
        organism = run.store.organism(run.individuals[number])
    network = build(organism.genome, {name: tensor.clone() for name, tensor in organism.tensors.items()})
    recipe = Recipe(steps=steps, batch_size=128, learning_rate=4e-3, augmentation=task.augmentation)

    def error(split: Split) -> str:
        return f"{100 * measured(task.criterion, Deployed(network, task.inputs), split.inputs, split.labels):.2f}"

    with prepared(threads=1):
        train(network, task.train, task.inputs, recipe, criterion=task.criterion, seed=1)
        return [f"{sum(p.numel() for p in network.parameters()):,}", error(task.test), error(task.train)]


if __name__ == "__main__":
    main()
