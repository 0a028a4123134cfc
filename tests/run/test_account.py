"""What networks took: by hand, on families out of thin air and on digits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from heredity.api.evolve import evolve
from heredity.development.birth import Individual
from heredity.run.account import Spent, line_of, lines_of, spent
from heredity.store.folder import read_json

MakeIndividual = Callable[..., Individual]


def family(make: MakeIndividual) -> dict[int, Individual]:
    """Two siblings have an offspring, which one of them mates with once more; the last one failed."""
    parents = {0: (), 1: (0,), 2: (0,), 3: (1, 2), 4: (3, 1), 5: (3,)}
    born = {n: make(n, **{"val_error": 0.1} if n < 5 else {}) for n in parents}
    return {
        n: replace(i, birth=replace(i.birth, parents=parents[n]), train_flops=10.0**n, seconds=0.5 + n)
        for n, i in born.items()
    }


def test_a_line_has_everybody_once(individual: MakeIndividual) -> None:
    everybody = family(individual)
    lines = {n: [i.number for i in line_of(everybody[n], everybody)] for n in everybody}
    assert lines == {0: [0], 1: [1, 0], 2: [2, 0], 3: [3, 2, 1, 0], 4: [4, 3, 2, 1, 0], 5: [5, 3, 2, 1, 0]}
    assert spent(line_of(everybody[4], everybody)) == Spent(11111.0, 12.5)


def test_siblings_that_trained_what_they_share_are_of_the_line(individual: MakeIndividual) -> None:
    """Of 1 and 2 one litter, of 3 and 4 another; 5 is alone."""
    everybody = family(individual)
    for number, litter in {1: 1, 2: 1, 3: 3, 4: 3, 5: 5}.items():
        born = everybody[number]
        parents = {1: (0,), 2: (0,), 3: (1,), 4: (0,), 5: (1,)}[number]
        everybody[number] = replace(born, birth=replace(born.birth, parents=parents, litter=litter))
    lines = {n: [i.number for i in line_of(everybody[n], everybody)] for n in everybody}
    assert lines == {0: [0], 1: [1, 2, 0], 2: [2, 1, 0], 3: [3, 4, 2, 1, 0], 4: [4, 3, 2, 1, 0], 5: [5, 2, 1, 0]}
    together = lines_of([everybody[5], everybody[2]], everybody)
    assert [i.number for i in together] == [5, 2, 1, 0]


def test_who_failed_counts_as_far_as_it_is_known(individual: MakeIndividual) -> None:
    everybody = list(family(individual).values())
    assert spent(everybody) == Spent(111111.0, 18.0)
    lost = [*everybody[:5], replace(everybody[5], train_flops=None)]
    assert spent(lost) == Spent(11111.0, 18.0)
    old = [replace(everybody[0], train_flops=None), *everybody[1:]]
    assert spent(old) == Spent(None, 18.0), "of an older version"
    assert spent([]) == Spent(0.0, 0.0)


def test_a_run_on_digits(tmp_path: Path) -> None:
    options = {"preset": "paper", "population": 2, "parents": 2, "steps": (6, 4)}
    run = evolve("lenet5", "digits", generations=2, strategy_options=options, workers=0, out=tmp_path / "run")
    recorded = {i.number: i for i in run.individuals}
    descent = {0: [0], 1: [0, 1], 2: [0, 2], 3: [0, 1, 2, 3], 4: [0, 1, 2, 4]}
    assert {n: i.birth.parents for n, i in recorded.items()} == {0: (), 1: (0,), 2: (0,), 3: (1, 2), 4: (1, 2)}
    steps = {n: 4 if n else 6 for n in recorded}
    flops = {n: steps[n] * 100 * 6 * i.measures["macs"] for n, i in recorded.items()}  # 100 examples a step
    assert {n: i.train_flops for n, i in recorded.items()} == flops

    content = read_json(run.folder.front_json, dict[str, Any])
    assert any(len(row["parents"]) == 2 for row in content["members"])
    for row in (content["ancestor"], *content["members"]):
        own = int(row["id"])
        assert row["inference_flops"] == 2 * row["macs"]
        assert (row["train_flops"], row["seconds"]) == (flops[own], recorded[own].seconds)
        assert row["line_flops"] == sum(flops[n] for n in descent[own])
        assert row["line_seconds"] == pytest.approx(sum(recorded[n].seconds for n in descent[own]))
    assert content["individuals"] == 5
    assert content["train_flops"] == sum(flops.values())
    assert content["seconds"] == pytest.approx(sum(i.seconds for i in recorded.values()))
