"""What growing is worth: from small against at the final size, the variants, and a population against its peers.

    python benchmarks/grown.py [--only when|variants|population] [--data mnist:20% ...] [--seeds 0 1 2] [--device cuda]
                               [--out DIR]

when         a small convolutional network is grown to twice its widths after 0, 1/4, 1/2 or 3/4 of the training, with
             the learning rate scaled (lr |theta_old| / |theta_new|) or kept, beside the small one and the large one
variants     grown after 1/2, by every variant
population   one network, as many independent ones as a generation has members, and neuroevolution: joint, each,
             joint by co-evolution; of each the best member and the mean of all

All arms have the same training FLOPs (the column says what they came to), the same rates (a cosine in eight steps, and
of neuroevolution in six, one a generation) and the same tuning, which is none. Test errors are read once, when an arm
is over. Rows are in OUT/NAME.csv; arms and seeds that are there, of as many epochs, are not run again.
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tables import print_table
from torch import nn

import heredity
from heredity.anatomy.body import anatomy_of
from heredity.anatomy.constructor import describe
from heredity.development.birth import Birth, Individual
from heredity.development.criteria.criterion import measured
from heredity.development.develop import develop_litter
from heredity.development.ensemble import Ensemble
from heredity.development.loop import Effort
from heredity.development.recipe import Recipe
from heredity.executors.worker import keep_memory, prepare_device, prepare_process
from heredity.measures.flops import training_flops
from heredity.measures.size import macs, params
from heredity.measures.variety import mean_distance
from heredity.rng import derive
from heredity.run.account import spent
from heredity.variation import Cloning, Founding, Widening
from heredity.variation.growth import Variant
from heredity.variation.operator import Organism

EPOCHS = 8.0
"""Of the large network, or of one of a population: what an arm's FLOPs would buy."""

PIECES = 8
"""Of a training, each with a rate of its own."""

RATE = 2e-3

GROWN_AFTER = (0, 2, 4, 6)
"""Pieces."""

MEMBERS, KEPT, GENERATIONS = 6, 3, 5
"""Of a population."""

KEY = ("data", "arm", "seed", "epochs")
"""By which a row is known."""

COLUMNS = (*KEY, "params", "flops", "seconds", "val_error", "test_error", "together_error", "note")


class Net(nn.Sequential):
    """Two convolutions and two linear layers."""

    def __init__(self, width: int, input_shape: tuple[int, ...], n_classes: int) -> None:
        channels, height, side = input_shape
        super().__init__(
            nn.Conv2d(channels, width, 5, padding=2, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 5, padding=2, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * width * (height // 4) * (side // 4), 8 * width),
            nn.ReLU(),
            nn.Linear(8 * width, n_classes),
        )


def small(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    return Net(8, input_shape, n_classes)


def large(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    return Net(16, input_shape, n_classes)


@dataclass(frozen=True)
class Arm:
    """A network that is trained; small ones may grow, after so many pieces, by a variant."""

    start: Callable[..., nn.Module]
    grows_after: int | None = None
    variant: Variant = "pairs"
    scaled: bool = True


WHEN = {
    "small": Arm(small),
    "large": Arm(large),
    **{
        f"at {after}/{PIECES}, rate {'scaled' if scaled else 'kept'}": Arm(small, after, scaled=scaled)
        for after in GROWN_AFTER
        for scaled in (True, False)
    },
}
VARIANTS = {
    f"{variant}, at 4/{PIECES}": Arm(small, 4, variant, scaled=False)
    for variant in ("pairs", "net2wider", "netmorph", "random")
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("when", "variants", "population"), help="else all")
    parser.add_argument("--data", nargs="+", default=["mnist:20%", "cifar10:20%"], help="default: both")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=float, default=EPOCHS, help=f"of the large network (default: {EPOCHS:g})")
    parser.add_argument("--device", default="cpu", help="where networks train (default: cpu)")
    parser.add_argument("--out", type=Path, default=Path("runs/grown"))
    given = parser.parse_args()
    prepare_process(1)
    prepare_device(given.device)
    keep_memory()
    given.out.mkdir(parents=True, exist_ok=True)
    epochs = f"{given.epochs:g}"
    for name in [given.only] if given.only else ["when", "variants", "population"]:
        table = given.out / f"{name}.csv"
        for data in given.data:
            for seed in given.seeds:
                task = heredity.load_task(data, seed=seed)
                for arm, run in arms_of(name, task, seed, given.epochs, given.device):
                    key = (data, arm, str(seed), epochs)
                    if key not in {tuple(row[column] for column in KEY) for row in rows_of(table)}:
                        note(table, {**dict(zip(KEY, key, strict=True)), **run()})
            report(name, data, [row for row in rows_of(table) if (row["data"], row["epochs"]) == (data, epochs)])


def arms_of(
    name: str, task: Any, seed: int, epochs: float, device: str
) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """By name: what runs an arm, and gives its row."""
    if name == "population":
        for arm in ("one", "independent", "joint", "joint, co-evolution", "each"):
            yield arm, lambda arm=arm: population(arm, task, seed, epochs, device)
        return
    for arm, what in (WHEN if name == "when" else VARIANTS).items():
        yield arm, lambda what=what: grown(what, task, seed, epochs, device)


def found(make: Callable[..., nn.Module], task: Any, seed: int) -> Organism:
    offered = {"input_shape": task.inputs.shape, "n_classes": task.n_classes}
    return Founding(describe(f"{__file__}:{make.__name__}", offered), task.inputs).conceive([], seed)


def budget(task: Any, epochs: float, organism: Organism) -> float:
    """FLOPs of so many epochs of a network."""
    return epochs * len(task.train) * training_flops(macs(anatomy_of(organism.genome)))


def grown(arm: Arm, task: Any, seed: int, epochs: float, device: str) -> dict[str, Any]:
    """An arm of `when` or `variants`."""
    start, effort = time.perf_counter(), Effort()
    organism = found(arm.start, task, derive(seed, "found"))
    first, whole, error = params(anatomy_of(organism.genome)), budget(task, epochs, found(large, task, 0)), math.nan
    for piece in range(PIECES):
        if piece == arm.grows_after:
            for k, (family, size) in enumerate(organism.genome.sizes.items(), 1):
                organism = Widening(family, size, k, arm.variant).conceive([organism], derive(seed, "grow", k))
        rate = RATE * 0.5 * (1 + math.cos(math.pi * piece / PIECES))
        if arm.scaled:
            rate *= first / params(anatomy_of(organism.genome))
        recipe = Recipe(flops=whole / PIECES, batch_size=64, learning_rate=rate, schedule="constant", weight_decay=1e-2)
        organism, error = trained(organism, recipe, task, derive(seed, piece), effort, device)
    return row([organism], [error], effort.flops, time.perf_counter() - start, task)


def trained(
    organism: Organism, recipe: Recipe, task: Any, seed: int, effort: Effort, device: str
) -> tuple[Organism, float]:
    """The network after a training, with what its optimiser remembers, and its validation error."""
    birth = Birth(1, 1, (0,), Cloning(), organism.genome, recipe, seed, litter=1)
    brood = develop_litter([birth], [[organism]], task, efforts=[effort], device=device)
    one = brood.grown[0].organism
    return Organism(one.genome, one.tensors, one.masks, brood.moments), brood.grown[0].measures["val_error"]


def population(arm: str, task: Any, seed: int, epochs: float, device: str) -> dict[str, Any]:
    """An arm of `population`: FLOPs are those of so many epochs of the first network for every member."""
    start = time.perf_counter()
    whole = MEMBERS * budget(task, epochs, found(small, task, 0))
    if arm in ("one", "independent"):
        count, effort = 1 if arm == "one" else MEMBERS, Effort()
        born = [found(small, task, derive(seed, "found", k)) for k in range(count)]
        for piece in range(PIECES):
            rate = RATE * 0.5 * (1 + math.cos(math.pi * piece / PIECES))
            recipe = Recipe(
                flops=whole / PIECES / count, batch_size=64, learning_rate=rate, schedule="constant", weight_decay=1e-2
            )
            done = [trained(one, recipe, task, derive(seed, piece, k), effort, device) for k, one in enumerate(born)]
            born = [one for one, _ in done]
        return row(born, [error for _, error in done], effort.flops, time.perf_counter() - start, task)
    first, later = whole / (GENERATIONS + 1), whole / (GENERATIONS + 1) / MEMBERS
    options = {
        "members": MEMBERS,
        "kept": KEPT,
        "flops": (first, later),
        "training": "each" if arm == "each" else "joint",
        "selection": "coevolution" if arm == "joint, co-evolution" else "accuracy",
        "learning_rate": RATE,
        "weight_decay": 1e-2,
        "annealed": True,
        "rate": "kept",
    }
    with tempfile.TemporaryDirectory() as folder:
        run = heredity.evolve(
            f"{__file__}:small",
            task,
            strategy="neuroevolution",
            strategy_options=options,
            generations=GENERATIONS,
            seed=seed,
            workers=0,
            device=device,
            out=Path(folder) / "run",
            export=False,
        )
        last = [i for i in run.individuals if i.developed and i.birth.generation == GENERATIONS]
        born = [run.store.organism(individual) for individual in last]
        variety = mean_distance(answers_of(last))
        flops = spent(run.individuals).flops
        found_row = row(born, [i.measures["val_error"] for i in last], flops or 0, time.perf_counter() - start, task)
        run.store.close()
    return {**found_row, "note": f"answers differ by {variety:.3f}"}


def answers_of(individuals: Sequence[Individual]) -> Any:
    """`(members, examples)`: who is wrong where, of the validation split."""
    return np.stack([1 - np.unpackbits(np.frombuffer(i.right, np.uint8)) for i in individuals]).astype(bool)


def row(born: Sequence[Organism], errors: Sequence[float], flops: float, seconds: float, task: Any) -> dict[str, Any]:
    """The best of them by validation error, and all together if there are several."""
    best = born[min(range(len(born)), key=lambda k: errors[k])]
    whole = Ensemble(tuple(born), (1 / len(born),) * len(born), task.criterion).deployed()

    def error(network: nn.Module) -> float:
        return measured(task.criterion, network, task.test.inputs, task.test.labels)

    return {
        "params": params(anatomy_of(best.genome)),
        "flops": f"{flops:.4g}",
        "seconds": f"{seconds:.1f}",
        "val_error": min(errors),
        "test_error": error(best.deployed()),
        "together_error": error(whole) if len(born) > 1 else "",
        "note": "",
    }


def rows_of(table: Path) -> list[dict[str, str]]:
    if not table.exists():
        return []
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def note(table: Path, found_row: dict[str, Any]) -> None:
    new = not table.exists()
    with table.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(found_row)
    print(*(f"{key} {value}" for key, value in found_row.items() if value != ""), flush=True)


def report(name: str, data: str, rows: Sequence[dict[str, str]]) -> None:
    """Medians over seeds, with the range."""
    arms: dict[str, list[dict[str, str]]] = {}
    for one in rows:
        arms.setdefault(one["arm"], []).append(one)
    print(f"{name}, {data}: medians (least .. most) over seeds")
    lines = [
        [
            arm,
            str(len(own)),
            *(spread(own, key, 1, "{:,.0f}") for key in ("params",)),
            *(spread(own, key, 1, "{:.3g}") for key in ("flops",)),
            *(spread(own, key, 1, "{:.1f}") for key in ("seconds",)),
            *(spread(own, key, 100, "{:.2f}") for key in ("val_error", "test_error", "together_error")),
            ", ".join(dict.fromkeys(one["note"] for one in own if one["note"])),
        ]
        for arm, own in arms.items()
    ]
    header = ["arm", "seeds", "weights", "FLOPs", "seconds", "validation, %", "test, %", "together, %", ""]
    print_table(header, lines)


def spread(rows: Sequence[dict[str, str]], key: str, scale: float, form: str) -> str:
    values = [scale * float(one[key]) for one in rows if one[key] != ""]
    if not values:
        return ""
    middle = form.format(statistics.median(values))
    return middle if len(set(values)) == 1 else f"{middle} ({form.format(min(values))} .. {form.format(max(values))})"


if __name__ == "__main__":
    main()
