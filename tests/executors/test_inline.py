from __future__ import annotations

from pathlib import Path

import pytest
import torch

from heredity.executors.base import Executor, Nursery, OnBeat
from heredity.executors.inline import Inline
from heredity.testing.executors import ExecutorContract, Village


class TestInline(ExecutorContract):
    def make(self, nursery: Nursery, on_beat: OnBeat) -> Executor:
        return Inline(nursery, on_beat)


def test_the_process_is_left_as_it_was(tmp_path: Path) -> None:
    village = Village(tmp_path)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.set_flush_denormal(False)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    try:
        with Inline(village.nursery) as executor:
            for individual in executor.develop([village.founder(0)]):
                assert individual.developed
                assert torch.get_num_threads() == 2, "while the loop does its own work, too"
                tiny = torch.full((1,), torch.finfo(torch.float32).tiny)
                assert (tiny / 2).item() > 0
        assert torch.rand(1) == expected
    finally:
        torch.set_num_threads(before)
        torch.set_flush_denormal(True)


def test_ctrl_c_leaves_at_once(tmp_path: Path) -> None:
    village = Village(tmp_path)

    def interrupt(number: int, share: float) -> None:
        if share > 0:
            raise KeyboardInterrupt

    with Inline(village.nursery, interrupt) as executor, pytest.raises(KeyboardInterrupt):
        list(executor.develop([village.founder(0, "slow", 9999)]))
