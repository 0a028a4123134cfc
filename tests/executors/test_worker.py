from __future__ import annotations

import errno
import platform
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

from heredity.errors import StoreError
from heredity.executors import worker
from heredity.executors.worker import bring_up, one_line, prepare_device, prepare_process, prepared, seldom
from heredity.testing.executors import Village


def test_denormal_numbers_are_flushed_where_newborns_grow() -> None:
    tiny = torch.full((1,), torch.finfo(torch.float32).tiny)
    try:
        torch.set_flush_denormal(False)
        with prepared(1):
            assert (tiny / 2).item() == 0
        assert (tiny / 2).item() > 0
        prepare_process(1)
        with prepared(1):
            pass
        assert (tiny / 2).item() == 0, "what was on stays on"
    finally:
        torch.set_flush_denormal(True)


@pytest.mark.parametrize(("device", "taken"), [("cpu", []), ("cuda", [1]), ("cuda:0", [])])
def test_workers_take_gpus_in_turn(monkeypatch: pytest.MonkeyPatch, device: str, taken: list[int]) -> None:
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(torch, "use_deterministic_algorithms", lambda wanted, warn_only: None)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    with warnings.catch_warnings():
        prepare_device(device, turn=3)
    assert chosen == taken


PAGE_FAULTS = """
import resource, sys, torch
from heredity.executors.worker import keep_memory
if sys.argv[1:]:
    keep_memory()
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):  # until every place that tensors take by turns has been taken once
    torch.ones(2**24)
before = faults()
for _ in range(10):
    torch.ones(2**24)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no mallopt")
def test_workers_keep_the_memory_of_tensors_that_are_gone() -> None:
    def faults(*arguments: str) -> int:
        command = [sys.executable, "-c", PAGE_FAULTS, *arguments]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    assert faults("keep") < faults() / 10


def test_few_beats_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(worker.time, "monotonic", lambda: now[0])
    passed: list[float] = []
    beat = seldom(passed.append)
    for step in range(100):
        beat(step / 100)
        now[0] += 0.06
    assert len(passed) == 11
    assert passed == sorted(passed)


def test_reasons_are_one_line() -> None:
    assert one_line("a\n  b\tc\r\n") == "a b c"
    assert len(one_line("word " * 1000)) == 300


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_not_the_newborns_failing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: object, **__: object) -> None:
        raise error

    village = Village(tmp_path)
    monkeypatch.setattr(worker, "develop", full)
    with pytest.raises(StoreError, match=r"expected room below .*cache; came .*; free some disk space, then resume"):
        bring_up((village.founder(0),), village.nursery, lambda share: None)


def test_other_errors_of_the_system_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file", "vocabulary.txt")

    village = Village(tmp_path)
    monkeypatch.setattr(worker, "develop", missing)
    (individual,) = bring_up((village.founder(0),), village.nursery, lambda share: None)
    assert individual.reason == "FileNotFoundError: [Errno 2] No such file: 'vocabulary.txt'"


def test_ctrl_c_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    village = Village(tmp_path)
    monkeypatch.setattr(worker, "develop", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bring_up((village.founder(0),), village.nursery, lambda share: None)
