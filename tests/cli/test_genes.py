from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from heredity.anatomy.constructor import describe
from heredity.cli.genes import show_genes, shown
from heredity.genes.distribution import Belief
from heredity.run.targets import Targets
from heredity.strategies.dual_inheritance import DualInheritance, DualInheritanceSettings
from heredity.testing.strategies import Life, live, sample_setting


def test_the_table_ends_with_now_and_then_says_who_was_not_born(capsys: pytest.CaptureFixture[str]) -> None:
    life = Life()
    setting = sample_setting("generations", life)
    constructor = describe("lenet-300-100", {"input_shape": setting.inputs.shape, "n_classes": 10})
    setting = replace(setting, constructor=constructor, targets=Targets(max_params=20_000))
    settings = msgspec.convert({"population": 6, "planned": 3, "steps": (20, 10)}, DualInheritanceSettings)
    strategy = DualInheritance(setting, settings)
    live(strategy, life, None)
    show_genes(strategy)
    table, _, rest = capsys.readouterr().out.partition("numbers with their deviation")
    head, *rows = (line for line in table.splitlines() if line.strip(" ━─"))
    assert head.split() == ["gene", "1", "2", "3", "now"]
    assert len(rows) == len(strategy.space.free)
    (row,) = (row for row in rows if row.strip().startswith("model.fc1 in 8..600 log"))
    cells = [shown(theta["model.fc1"]) for theta in (*strategy.thetas, strategy.theta)]
    assert row.split()[-12:] == " ".join(cells).split()
    assert len(set(cells)) == 4

    assert strategy.refused
    expected: list[str] = []
    for generation in sorted({refusal.generation for refusal in strategy.refused}):
        sizes = [int(r.size) for r in strategy.refused if r.generation == generation and r.size is not None]
        span = f"{min(sizes):,} .. {max(sizes):,}" if len(sizes) > 1 else f"{sizes[0]:,}"
        expected.append(f"generation {generation}: {len(sizes)} not born: params above the ceiling, {span}")
    assert rest.splitlines()[1:] == expected


def test_beliefs() -> None:
    assert shown(Belief(64, 0.1)) == "64 ± 10%"
    assert shown(Belief(0.0123456, 0.25)) == "0.0123 ± 25%"
    assert shown(Belief(chances={"relu": 0.2, "tanh": 0.8})) == "tanh 80%"
