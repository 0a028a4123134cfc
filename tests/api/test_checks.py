from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from heredity.anatomy.constructor import describe
from heredity.api.checks import check_changeable, check_device, check_fit, check_free, choose_cost
from heredity.api.deadline import Deadline
from heredity.development.criteria import Custom
from heredity.development.datasets import as_task
from heredity.development.task import Task
from heredity.errors import InputError, ModelError, StoreError
from heredity.run.targets import Targets
from heredity.store.folder import RunFolder


def task() -> Task:
    return as_task((torch.randn(60, 12), torch.arange(60) % 3), seed=0, name="sample")


def test_a_device_that_is_not_here_is_refused_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for device in ("cpu", "cuda", "cuda:1"):
        check_device(device)
    with pytest.raises(InputError, match="came 'cuda:2'; choose among cpu, cuda, cuda:0, cuda:1"):
        check_device("cuda:2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"expected a device that torch has here; came 'cuda'; choose among cpu$"):
        check_device("cuda")


class Pair(nn.Linear):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().forward(x), x


class Mean(nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().forward(x).mean(0, keepdim=True)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Sequential(nn.Linear(13, 9), nn.Linear(9, 3)), "a network that takes a batch of shape (2, 12); came"),
        (
            nn.Sequential(nn.Linear(12, 9), nn.Linear(9, 7)),
            "logits of shape (n, 3), as sample has 3 classes; came (n, 7);",
        ),
        (nn.Sequential(nn.Linear(12, 9).requires_grad_(False)), "a network with trainable weights; came"),
        (Pair(12, 3), "a network that returns one tensor of logits; came a tuple"),
        (Mean(12, 3), "a network that returns logits for each example; came shape (1, 3) for a batch of 2"),
    ],
)
def test_networks_that_do_not_fit(network: nn.Module, message: str) -> None:
    sample = task()
    with pytest.raises(ModelError) as refused:
        check_fit(describe(network, {}), sample)
    assert str(refused.value).startswith(f"expected {message}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (torch.rand(60), "numbers of shape (n, 1), as sample has 1 fractional label an example; came (n, 3);"),
        (torch.rand(60, 4), "numbers of shape (n, 4), as sample has 4 fractional labels an example;"),
        (torch.arange(120).reshape(60, 2) % 3 > 1, "logits of shape (n, 2), as sample has 2 labels an example;"),
        (torch.arange(480).reshape(60, 2, 4) % 3, "logits of shape (n, 3, 2, 4), as sample has 3 classes;"),
    ],
)
def test_networks_that_do_not_give_what_is_to_be_learnt(labels: torch.Tensor, expected: str) -> None:
    network = nn.Sequential(nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 3))
    with pytest.raises(ModelError) as refused:
        check_fit(describe(network, {}), as_task((torch.randn(60, 12), labels), seed=0, name="sample"))
    assert str(refused.value).startswith(f"expected {expected}")


def test_features_that_are_taken_for_tokens() -> None:
    sample = as_task((torch.arange(720).reshape(60, 12), torch.arange(60) % 3), seed=0, name="sample")
    with pytest.raises(
        ModelError, match="sample has whole numbers, which are tokens: features must be real"
    ) as refused:
        check_fit(describe(nn.Sequential(nn.Linear(12, 9), nn.Linear(9, 3)), {}), sample)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("loss", "came"),
    [
        (lambda outputs, labels: outputs, "came a tensor of shape (2, 3); return"),
        (lambda outputs, labels: 0.5, "came a float; return"),
        (lambda outputs, labels: torch.tensor(0.5), "came a tensor of shape (); return"),
        (nn.CosineEmbeddingLoss(), "came TypeError: "),
    ],
)
def test_a_users_loss_is_tried(loss: Callable[..., Any], came: str) -> None:
    network = nn.Sequential(nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 3))
    given = torch.randn(60, 12), torch.randn(60, 3)
    for error in (nn.MSELoss(), loss):
        sample = as_task(given, seed=0, name="sample", criterion=Custom(loss, error))
        with pytest.raises(ModelError) as refused:
            check_fit(describe(network, {}), sample)
        assert str(refused.value).startswith("expected the loss of sample to be a scalar that depends on the outputs; ")
        assert came in str(refused.value)
        assert "\n" not in str(refused.value)
    with pytest.raises(ModelError, match="expected the error of sample to be a number; came ValueError: ") as refused:
        check_fit(
            describe(network, {}), as_task(given, seed=0, name="sample", criterion=Custom(nn.MSELoss(), torch.sub))
        )
    training = network.training
    check_fit(describe(network, {}), as_task(given, seed=0, criterion=Custom(nn.MSELoss(), nn.MSELoss())))
    assert network.training == training


def test_a_network_that_cannot_change() -> None:
    inputs = task().inputs
    with pytest.raises(ModelError, match="a network with hidden channels that can change; came none"):
        check_changeable(describe(nn.Linear(12, 3), {}), inputs)
    seen = nn.Sequential(nn.Linear(12, 9), nn.LayerNorm(9), nn.Linear(9, 3))
    with pytest.raises(ModelError, match=r"came none .*layer_norm sees all of its channels"):
        check_changeable(describe(seen, {}), inputs)
    check_changeable(describe(nn.Sequential(nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 3)), {}), inputs)


def test_one_that_fits() -> None:
    check_fit(describe(nn.Sequential(nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 3)), {}), task())


def test_the_cost_is_the_one_that_is_bounded() -> None:
    assert choose_cost(None, Targets()) == "params"
    assert choose_cost(None, Targets(max_error=0.1)) == "params"
    assert choose_cost(None, Targets(max_macs=9, max_error=0.1)) == "macs"
    assert choose_cost(None, Targets(max_macs=9, max_bytes=9)) == "params"
    assert choose_cost("latency", Targets(max_macs=9)) == "latency_ms"
    with pytest.raises(InputError, match="expected a cost; came 'speed'; choose among"):
        choose_cost("speed", Targets())


def test_a_new_folder_is_free_and_stays_unmade(tmp_path: Path) -> None:
    check_free(RunFolder(tmp_path / "a" / "b"))
    assert not (tmp_path / "a").exists()


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(StoreError, match="file, which is not a folder; choose another"):
            check_free(RunFolder(path))


def test_a_name_that_no_file_system_takes(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="file name too long"):
        check_free(RunFolder(tmp_path / ("x" * 300)))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="which is read-only; choose another"):
        check_free(RunFolder(tmp_path / "run"))


class TestDeadline:
    def test_time_is_put_aside_for_the_front(self) -> None:
        deadline = Deadline(budget=600, each=2)
        assert deadline.at(0, 0) == deadline.at(10, 0) == 600 - 1 - 2 * 13
        assert deadline.at(40, 0) == 600 - 1 - 2 * 43
        assert deadline.at(5, 540) == 600 - 1 - 2 * 8, "late, what is there counts more than what is usual"

    def test_of_a_small_budget_a_third(self) -> None:
        assert Deadline(budget=30, each=2).at(0, 0) == 30 - 1 - 2 * (5 + 1)
        assert Deadline(budget=30, each=2).at(9, 0) == 30 - 1 - 2 * 12

    @pytest.mark.parametrize("each", [0.01, 1, 5])
    @pytest.mark.parametrize("elapsed", [0, 3, 20])
    def test_the_least_budget_that_it_names_is_enough(self, each: float, elapsed: float) -> None:
        with pytest.raises(InputError, match=r"expected a budget of at least (\d+) s here; came 0.5 s") as refused:
            Deadline(0.5, each).check(elapsed)
        least = int(str(refused.value).split("at least ")[1].split()[0])
        Deadline(least, each).check(elapsed)
