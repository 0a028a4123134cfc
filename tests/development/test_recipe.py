from __future__ import annotations

import math

import msgspec
import pytest
import torch

from heredity.development.recipe import Culture, Recipe, culture_at, learning_rate
from heredity.errors import InputError
from heredity.testing.refusals import expect_one_line


@pytest.mark.parametrize(("warmup", "steps"), [(0.2, 100), (0.3, 41), (0.5, 10)])
def test_one_cycle_is_that_of_torch(warmup: float, steps: int) -> None:
    """torch's phases end on steps, at warmup * steps - 1 and steps - 1; ours on shares of the whole."""
    recipe = Recipe(steps=steps, learning_rate=0.05, warmup=warmup)
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 0.05, total_steps=steps, pct_start=warmup, div_factor=25, final_div_factor=1e4 / 25
    )
    turn = warmup * steps - 1
    for step in range(steps):
        progress = warmup * step / turn
        if step > turn:
            progress = warmup + (1 - warmup) * (step - turn) / (steps - 1 - turn)
        assert learning_rate(recipe, progress) == pytest.approx(schedule.get_last_lr()[0], rel=1e-9)
        optimiser.step()
        if step < steps - 1:
            schedule.step()


def test_other_schedules() -> None:
    stepwise = Recipe(steps=8, learning_rate=0.1, schedule="step")
    rates = [learning_rate(stepwise, i / 8) for i in range(8)]
    assert rates == pytest.approx([0.1] * 4 + [0.01] * 2 + [0.001] * 2)
    constant = Recipe(steps=8, learning_rate=0.1, schedule="constant")
    assert {learning_rate(constant, i / 8) for i in range(8)} == {0.1}
    assert learning_rate(Recipe(steps=8, warmup=0.0, learning_rate=0.1), 0.0) == pytest.approx(0.1)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"steps": 3, "epochs": 1.0},
        {"steps": -1},
        {"seconds": math.inf},
        {"flops": math.nan},
        {"steps": 1, "batch_size": 0},
        {"steps": 1, "learning_rate": 0.0},
        {"steps": 1, "learning_rate": math.nan},
        {"steps": 1, "warmup": 1.0},
        {"steps": 1, "warmup": -0.1},
        {"steps": 1, "warmup": math.nan},
    ],
)
def test_recipes_that_cannot_be_followed_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match=r"^expected .*; came .*; "):
        Recipe(**wrong)


def test_culture_is_fixed_or_scheduled() -> None:
    assert {culture_at(Culture(0.7, 3.0), k / 8) for k in range(8)} == {Culture(0.7, 3.0)}
    scheduled = [culture_at(Culture(0.8, 2.0, weight_end=0.0, temperature_end=6.0), k / 4) for k in range(5)]
    assert [culture.weight for culture in scheduled] == pytest.approx([0.8, 0.6, 0.4, 0.2, 0.0])
    assert [culture.temperature for culture in scheduled] == pytest.approx([2, 3, 4, 5, 6])
    assert culture_at(Culture(0.5, 2.0, weight_end=1.0), 0.5) == Culture(0.75, 2.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"weight": -0.1},
        {"weight": 1.1},
        {"weight": math.nan},
        {"weight_end": 2.0},
        {"temperature": 0.0},
        {"temperature": math.inf},
        {"temperature_end": -1.0},
        {"temperature_end": math.nan},
        {"hidden": -1.0},
        {"hidden": math.inf},
    ],
)
def test_culture_out_of_bounds_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError) as caught:
        Culture(**wrong)
    expect_one_line(caught, next(iter(wrong)).removesuffix("_end"), str(next(iter(wrong.values()))))
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, Culture)


def test_older_records_have_no_schedule() -> None:
    assert msgspec.json.decode('{"weight":0.5,"temperature":2.0}', type=Culture) == Culture(0.5, 2.0)


def test_records_are_read_back_as_what_they_were() -> None:
    recipe = Recipe(flops=1e9, culture=Culture(0.5, 2.0), augmentation=("shift1",), optimiser="sgd")
    assert msgspec.json.decode(msgspec.json.encode(recipe), type=Recipe) == recipe
