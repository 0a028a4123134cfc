from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from torch import nn

from heredity.anatomy.constructor import provide
from heredity.development.birth import Birth
from heredity.development.recipe import Recipe
from heredity.errors import InputError
from heredity.executors.base import Executor, Nursery, OnBeat, Request
from heredity.executors.processes import Processes, refuse_inside_worker
from heredity.testing.executors import ExecutorContract, Village, by_number
from heredity.testing.processes import family
from heredity.variation.founding import Founding


class TestOneWorker(ExecutorContract):
    isolated = True

    def make(self, nursery: Nursery, on_beat: OnBeat) -> Executor:
        return Processes(nursery, 1, on_beat)


class TestTwoWorkers(ExecutorContract):
    isolated = True

    def make(self, nursery: Nursery, on_beat: OnBeat) -> Executor:
        return Processes(nursery, 2, on_beat)


def workers() -> list[multiprocessing.Process]:
    return [child for child in multiprocessing.active_children() if child.name.startswith("heredity-worker")]


def test_workers_start_when_there_is_work_and_end_with_the_executor(tmp_path: Path) -> None:
    village = Village(tmp_path)
    with Processes(village.nursery, 3) as executor:
        assert workers() == []
        list(executor.develop([village.founder(0)]))
        assert len(first := workers()) == 1
        list(executor.develop([village.founder(n) for n in range(2)]))
        assert {child.pid for child in first} < {child.pid for child in workers()}
        assert len(workers()) == 2
    assert workers() == []


def test_a_worker_that_dies_idle_costs_no_newborn(tmp_path: Path) -> None:
    village = Village(tmp_path)
    requests = [village.founder(n) for n in range(2)]
    with Processes(village.nursery, 2) as executor:
        list(executor.develop(requests))
        victim, _ = workers()
        victim.kill()
        victim.join()
        assert by_number(list(executor.develop(requests))) == village.expected(requests)


def test_a_loop_that_takes_its_time_is_not_held_against_newborns(tmp_path: Path) -> None:
    village = Village(tmp_path, patience=3.0)
    statuses: list[str] = []
    with Processes(village.nursery, 2) as executor:
        list(executor.develop([village.founder(9)]))
        for individual in executor.develop([village.founder(0), village.founder(1, "slow", 240)]):
            statuses.append(individual.status)
            time.sleep(4 if len(statuses) == 1 else 0)
    assert statuses == ["developed"] * 2


def test_a_loop_that_is_stopped_while_it_tells_of_a_sign_gives_nobody_up(tmp_path: Path) -> None:
    """Everybody is, and the loop goes on first: it has heard nobody for longer than its patience."""
    village, told = Village(tmp_path, patience=1.5), list[float]()

    def tell(number: int, share: float) -> None:
        told.append(share)
        if len(told) == 3:
            (worker,) = workers()
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGSTOP)
            time.sleep(3)
            threading.Timer(0.2, os.kill, (worker.pid, signal.SIGCONT)).start()

    with Processes(village.nursery, 1, tell) as executor:
        list(executor.develop([village.founder(9)]))
        told.clear()
        (individual,) = executor.develop([village.founder(1, "slow", 300)])
    assert len(told) > 3
    assert (individual.status, individual.reason) == ("developed", None)


@pytest.mark.parametrize("n_workers", [0, -1])
def test_at_least_one_worker(tmp_path: Path, n_workers: int) -> None:
    with pytest.raises(InputError, match="expected at least 1 worker; came"):
        Processes(Village(tmp_path).nursery, n_workers)


@pytest.mark.parametrize(("patience", "threads"), [(0.0, 1), (float("nan"), 1), (1.0, 0)])
def test_a_nursery_with_bad_settings(tmp_path: Path, patience: float, threads: int) -> None:
    with pytest.raises(InputError, match="expected a patience above 0 s and at least 1 thread"):
        replace(Village(tmp_path).nursery, patience=patience, threads=threads)


def handed_over(village: Village, module: nn.Module) -> tuple[Nursery, Request]:
    operator = Founding(provide(module), village.task.inputs)
    birth = Birth(0, 0, (), operator, operator.conceive([], 0).genome, Recipe(steps=3), seed=0)
    return replace(village.nursery, module=module), Request(birth)


def test_a_module_that_is_handed_over(tmp_path: Path) -> None:
    village = Village(tmp_path)
    nursery, request = handed_over(village, nn.Sequential(nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 3)))
    with Processes(nursery, 1) as executor:
        assert by_number(list(executor.develop([request]))) == village.expected([request])


def test_a_module_that_cannot_be_pickled(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(12, 3))
    module.register_forward_hook(lambda *_: None)
    with pytest.raises(InputError, match=r"can be pickled.*name it instead \(file\.py:callable\), or develop inline"):
        Processes(replace(Village(tmp_path).nursery, module=module), 1)


def test_a_module_that_cannot_be_unpickled(tmp_path: Path) -> None:
    village = Village(tmp_path)
    _, request = handed_over(village, nn.Sequential(nn.Linear(12, 3)))
    module = nn.Sequential(Treacherous())
    refused = pytest.raises(InputError, match=r"can be pickled for worker processes; came ZeroDivisionError")
    with Processes(replace(village.nursery, module=module), 1) as executor, refused:
        list(executor.develop([request]))
    assert workers() == []


class Treacherous(nn.Module):
    def __reduce__(self) -> tuple[Callable[[int, int], object], tuple[int, int]]:
        return divmod, (1, 0)


def test_calls_from_an_ordinary_process_are_not_refused() -> None:
    refuse_inside_worker()


# What follows needs a loop of its own, to be killed or to be a script.

PREAMBLE = """
import os, signal, sys, time
from pathlib import Path
from heredity.executors.processes import Processes, refuse_inside_worker
from heredity.testing.executors import Village
village = Village(Path(sys.argv[1]))
"""

LOOP = """
def tell(number, share):
    if number == 2 and share > 0:
        print("under way", flush=True)

requests = [village.founder(0), village.founder(1, "hanging"), village.founder(2, "slow", 9999)]
for _ in range(2):
    with Processes(village.nursery, 2, tell) as executor:
        try:
            print("begun", flush=True)
            for individual in executor.develop(requests):
                print(individual.number, individual.status, flush=True)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
"""


def start(script: str, folder: Path, *, stdin: bool = False) -> subprocess.Popen[str]:
    (folder / "script.py").write_text(PREAMBLE + textwrap.dedent(script))
    with (folder / "script.py").open() as file:
        return subprocess.Popen(
            [sys.executable, "-" if stdin else file.name, str(folder)],
            stdin=file if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


def wait_until_gone(pids: Callable[[], set[int]], seconds: float = 3.0) -> None:
    start = time.monotonic()
    while left := pids():
        assert time.monotonic() - start < seconds, f"{left} live on"
        time.sleep(0.02)


@pytest.fixture
def loops() -> Iterator[list[subprocess.Popen[str]]]:
    running: list[subprocess.Popen[str]] = []
    yield running
    for process in running:
        for pid in family(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.communicate()


def read_until(process: subprocess.Popen[str], line: str) -> list[str]:
    """What it says before it says this."""
    assert process.stdout is not None
    said: list[str] = []
    for found in process.stdout:
        if found.strip() == line:
            return said
        said.append(found.strip())
    pytest.fail(f"no {line!r}: {process.communicate()[1]}")


linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to find processes")


@linux
@pytest.mark.slow
def test_workers_die_with_the_fork_server_and_with_the_loop(tmp_path: Path, loops: list[subprocess.Popen[str]]) -> None:
    loops.append(loop := start(LOOP, tmp_path))

    read_until(loop, "under way")
    processes = family(loop.pid)
    workers = {pid for pid, parent in processes.items() if parent not in (loop.pid, os.getpid())}
    assert len(workers) == 2
    (server,) = {processes[pid] for pid in workers}
    os.kill(server, signal.SIGKILL)
    wait_until_gone(lambda: workers & family(loop.pid).keys())
    assert sorted(read_until(loop, "begun")) == ["1 failed", "2 failed"], "the run goes on without them"

    read_until(loop, "under way")
    processes = family(loop.pid)
    workers = {pid for pid, parent in processes.items() if parent not in (loop.pid, os.getpid())}
    assert len(workers) == 2
    loop.kill()
    loop.wait()
    wait_until_gone(lambda: workers & family(loop.pid).keys())
    wait_until_gone(lambda: set(family(loop.pid)), 20)  # Python takes its time to tidy up the fork server
    assert len(list((tmp_path / "blobs").iterdir())) == 1, "nothing but the founder, which both times is the same"


@linux
@pytest.mark.slow
def test_ctrl_c_is_the_loops_to_decide(tmp_path: Path, loops: list[subprocess.Popen[str]]) -> None:
    loops.append(loop := start(LOOP, tmp_path))
    read_until(loop, "begun")
    time.sleep(1)  # now the fork server imports, and its workers wait for it
    os.killpg(loop.pid, signal.SIGINT)
    assert read_until(loop, "begun") == ["interrupted"]
    read_until(loop, "under way")
    os.killpg(loop.pid, signal.SIGINT)
    out, err = loop.communicate(timeout=60)
    assert out == "interrupted\n"
    assert (loop.returncode, err) == (0, "")
    wait_until_gone(lambda: set(family(loop.pid)), 20)


OWN_MODULE = """
from dataclasses import replace
from torch import nn
from heredity.anatomy.constructor import provide
from heredity.development.birth import Birth
from heredity.development.recipe import Recipe
from heredity.errors import InputError
from heredity.executors.base import Request
from heredity.variation.founding import Founding

class Net(nn.Sequential):
    pass

def main():
    refuse_inside_worker()
    with Processes(village.nursery, 1) as executor:
        print([individual.status for individual in executor.develop([village.founder(0)])])
    module = Net(nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 3))
    operator = Founding(provide(module), village.task.inputs)
    birth = Birth(0, 0, (), operator, operator.conceive([], 0).genome, Recipe(steps=3), seed=0)
    try:
        with Processes(replace(village.nursery, module=module), 2) as executor:
            print([individual.status for individual in executor.develop([Request(birth)])])
    except InputError as error:
        print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "stdin", "expected"),
    [
        ("if __name__ == '__main__':\n    main()", False, "['developed']"),
        ("main()", False, "expected worker processes that start; came exit code 1; put the call under `if __name__"),
        ("main()", True, "expected a module that can be pickled for worker processes; came AttributeError: Can't get"),
    ],
    ids=["guarded", "unguarded", "stdin"],
)
def test_scripts(tmp_path: Path, loops: list[subprocess.Popen[str]], call: str, stdin: bool, expected: str) -> None:
    loops.append(loop := start(OWN_MODULE + call, tmp_path, stdin=stdin))
    out, err = loop.communicate(timeout=180)
    named, own = out.splitlines()
    assert named == "['developed']", "a network that has a name needs no guard"
    assert own.startswith(expected), "one that the script defines does"
    assert err == ""


def test_a_session_that_is_stopped_for_a_while_goes_on(tmp_path: Path) -> None:
    """Ctrl-Z, and some time later `fg`: longer than newborns may be silent."""
    script = """
    village = Village(Path(sys.argv[1]), patience=3.0)
    told = lambda number, share: print("under way", flush=True) if share else None
    with Processes(village.nursery, 1, told) as executor:
        for individual in executor.develop([village.founder(1, "slow", 160)]):
            print(individual.status, individual.reason, flush=True)
    """
    with start(script, tmp_path) as loop:
        assert loop.stdout is not None
        assert loop.stdout.readline() == "under way\n"
        everybody = family(loop.pid)
        for number in everybody:
            os.kill(number, signal.SIGSTOP)
        time.sleep(5)
        for number in sorted(everybody, key=lambda number: number != loop.pid):  # the loop wakes before its workers
            os.kill(number, signal.SIGCONT)
        said = loop.stdout.read().splitlines()
    assert said[-1] == "developed None"
