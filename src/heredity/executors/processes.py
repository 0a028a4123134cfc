"""Development in worker processes on this machine, one newborn, or one litter, each at a time.

Workers come from a fork server that has imported torch once: the first takes seconds, each further one hundredths of a
second and some ten megabytes. Each has a pipe of its own, so that killing one corrupts nothing. A worker that dies or
hangs costs its newborn, and a new one takes its place.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import signal
import sys
import time
import types
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, NoReturn

from heredity.development.birth import Individual
from heredity.errors import HeredityError, InputError
from heredity.executors.base import Executor, Job, Nursery, OnBeat, Request, jobs_of, no_beat
from heredity.executors.service import Message, serve, to_bytes, unfit
from heredity.executors.worker import failed

PRELOAD = ["torch", "torch._dynamo", "heredity.executors.service"]
"""What the fork server imports before it forks; making the first optimiser imports dynamo, which takes seconds."""

GRACE = 0.3
"""Seconds between a worker's death and its being told: who kills the workers may be about to kill the loop as well."""

STOPPED = 1.0
"""Seconds by which a wait may last too long before the loop takes it that it was stopped, and its workers with it."""

_NAME = "heredity-worker"


class Processes(Executor):
    """Develops in up to `workers` processes; they start when there is work for them, and live until `close`.

    Raises:
        InputError: fewer than one worker, or a module that cannot be pickled.
    """

    def __init__(self, nursery: Nursery, workers: int, on_beat: OnBeat = no_beat) -> None:
        if workers < 1:
            raise InputError.of("at least 1 worker", workers, "give another number")
        if multiprocessing.current_process().daemon:
            raise InputError.of("a process that may start others", "a daemonic one", "develop inline")
        try:
            self._module = pickle.dumps(nursery.module)
        except Exception as error:
            raise unfit(error) from error
        script = getattr(sys.modules["__main__"], "__file__", None)
        # workers import the user's script only if the module that it handed over is defined there
        self._needs_main = b"__main__" in self._module and script is not None and Path(script).exists()
        self._nursery = nursery
        self._n_workers = workers
        self.on_beat = on_beat
        self._workers: list[_Worker] = []
        self._cancelled = False
        self._wake_reader, self._wake_writer = multiprocessing.Pipe(duplex=False)

    def develop(self, requests: Sequence[Request]) -> Iterator[Individual]:
        waiting, ended = deque(jobs_of(requests)), False
        try:
            self._hand_out(waiting)
            while (busy := self._busy()) and not self._cancelled:
                born = self._listen(busy)
                self._hand_out(waiting)  # before anybody is told, so that nobody idles while the loop records
                yield from born
            ended = not self._cancelled
        finally:
            if not ended:
                self._dismiss_all()

    def cancel(self) -> None:
        if not self._cancelled:
            self._cancelled = True
            with contextlib.suppress(OSError):  # closed
                self._wake_writer.send_bytes(b".")

    def close(self) -> None:
        self._cancelled = True
        self._dismiss_all()
        self._wake_reader.close()
        self._wake_writer.close()

    def _busy(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.job]

    def _hand_out(self, waiting: deque[Job]) -> None:
        """Give the next jobs to idle workers, having started as many as there is work for."""
        if self._cancelled or not waiting:
            return
        for worker in self._workers:
            if not worker.job and not worker.process.is_alive():
                self._dismiss(worker)
        idle = [worker for worker in self._workers if not worker.job]
        idle += self._start(min(self._n_workers - len(self._workers), len(waiting) - len(idle)))
        for worker in idle[: len(waiting)]:
            worker.begin(waiting.popleft())
            self._tell(worker, 0.0)

    def _tell(self, worker: _Worker, share: float) -> None:
        for request in worker.job:
            self.on_beat(request.birth.number, share)

    def _listen(self, busy: list[_Worker]) -> list[Individual]:
        """Wait for messages, deaths, the end of patience or `cancel`; give what came to its end."""
        patience = self._nursery.patience
        watched = [w.connection for w in busy] + [w.process.sentinel for w in busy] + [self._wake_reader]
        deadline = self._deadline(busy)
        ready = set(wait(watched, max(0.0, deadline - time.monotonic())))
        if self._wake_reader in ready:
            return []
        self._deadline(busy)
        now = time.monotonic()
        born: list[Individual] = []
        for worker in busy:
            answer = self._hear(worker) if worker.connection in ready else None
            if answer is None and (worker.process.sentinel in ready or worker.lost):
                answer = self._buried(worker)
            elif answer is None and now - worker.last_sign >= patience:
                answer = self._given_up(worker)
            born += answer or []
        return born

    def _deadline(self, busy: list[_Worker]) -> float:
        """When the first of them will have been silent for too long.

        Long past it nobody was listened to, whether all were stopped (Ctrl-Z, say) or the loop alone took its time:
        then silence counts from now on.
        """
        patience, now = self._nursery.patience, time.monotonic()
        if now > min(worker.last_sign for worker in busy) + patience + STOPPED:
            for worker in busy:
                worker.last_sign = now
        return min(worker.last_sign for worker in busy) + patience

    def _hear(self, worker: _Worker) -> list[Individual] | None:
        """Take in what a worker sent, up to its answer.

        Raises:
            HeredityError: the worker met what ends the run.
        """
        while (message := worker.receive()) is not NOTHING:
            if isinstance(message, HeredityError):
                raise message
            if isinstance(message, float):
                self._tell(worker, message)
            elif isinstance(message, list):
                worker.job = ()
                return message
            else:
                worker.ready = True
        return None

    def _buried(self, worker: _Worker) -> list[Individual] | None:
        """The records of newborns whose worker died; none if `cancel` comes in the meantime."""
        if self._wake_reader.poll(GRACE):
            return None
        self._dismiss(worker)
        if not worker.ready:
            self._refuse_to_start(_way_of_death(worker.exit_code))
        return worker.failure(f"worker died: {_way_of_death(worker.exit_code)}")

    def _given_up(self, worker: _Worker) -> list[Individual]:
        self._dismiss(worker)
        silence = f"no sign of life for {self._nursery.patience:g} s"
        if not worker.ready:
            self._refuse_to_start(silence)
        return worker.failure(f"hung: {silence}")

    def _refuse_to_start(self, came: str) -> NoReturn:
        remedy = "see what they printed, or develop inline"
        if self._needs_main:
            remedy = "put the call under `if __name__ == '__main__':`, since workers import the script with the module"
        raise InputError.of("worker processes that start", came, remedy)

    def _start(self, count: int) -> list[_Worker]:
        """New workers, started side by side."""
        if count < 1:
            return []
        payload = to_bytes(self._nursery)
        started: list[_Worker] = []
        with _main_module(self._needs_main):
            try:
                start_fork_server()
                started += [_Worker(len(self._workers) + i) for i in range(count)]
            except (OSError, EOFError) as error:
                self._refuse_to_start(f"{type(error).__name__}: {error}")
        self._workers += started
        for worker in started:
            worker.send_bytes(payload)
            worker.send_bytes(self._module)
        return started

    def _dismiss(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.end()

    def _dismiss_all(self) -> None:
        for worker in self._workers:
            worker.process.kill()
        for worker in list(self._workers):
            self._dismiss(worker)


NOTHING = object()
"""No message has come."""


class _Worker:
    """The loop's side of one worker: its process, its pipe, what it is at, and when it last gave a sign of life."""

    def __init__(self, index: int) -> None:
        context = multiprocessing.get_context("forkserver")
        self.connection: Connection[Any, Message]
        self.connection, there = context.Pipe()
        with there:
            self.process = ForkServerProcess(target=serve, args=(there, index), name=f"{_NAME}-{index}", daemon=True)
            self.process.start()
        self.job: Job = ()
        self.ready = False
        self.lost = False
        self.exit_code: int | None = None
        self.began = self.last_sign = time.monotonic()

    def begin(self, job: Job) -> None:
        """Send it its next newborns."""
        self.job, self.began = job, time.monotonic()
        self.last_sign = self.began
        try:
            self.connection.send(job)
        except OSError:
            self.lost = True

    def send_bytes(self, data: bytes) -> None:
        """Send it something; if it is dead, that shows later."""
        try:
            self.connection.send_bytes(data)
        except OSError:
            self.lost = True

    def receive(self) -> Message | object:
        """The next message, or NOTHING."""
        try:
            if not self.connection.poll():
                return NOTHING
            message = self.connection.recv()
        except (EOFError, OSError):
            self.lost = True
            return NOTHING
        self.last_sign = time.monotonic()
        return message

    def failure(self, reason: str) -> list[Individual]:
        """The records of the newborns that it was at."""
        return failed(self.job, reason, time.monotonic() - self.began)

    def end(self) -> None:
        """Let its process die, if it has not, and note how it did."""
        if self.process.is_alive():  # else its number may be another's by now
            self.process.kill()
        self.process.join(5.0)
        self.exit_code = self.process.exitcode
        self.connection.close()
        with contextlib.suppress(ValueError):  # not even a kill ends it while the kernel waits for a dead disk
            self.process.close()


def start_fork_server() -> None:
    """Have the fork server import in the background what workers need; whoever knows early that it will, saves seconds.

    Once per process, and idle when done; it ends with this process.
    """
    forkserver.set_forkserver_preload(PRELOAD)
    resource_tracker.ensure_running()  # else it is started below, and lets interrupts through again
    with _main_module(wanted=False), _interrupts_held():  # held for the fork server too, which inherits that
        forkserver.ensure_running()


def refuse_inside_worker() -> None:
    """To be called by what starts a run: refuses while a process that was started from a script imports that script.

    Raises:
        InputError: the script calls without a guard.
        SystemExit: the same in one of our own workers, silently: the loop that started it says it.
    """
    process = multiprocessing.current_process()
    if not getattr(process, "_inheriting", False):  # what multiprocessing sets, and heeds itself, for that time
        return
    if process.name.startswith(_NAME):
        raise SystemExit(1)
    raise InputError.of(
        "the call under `if __name__ == '__main__':`", "one that runs when the script is imported", "add that line"
    )


def _way_of_death(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    if -code == signal.SIGKILL:
        return "signal 9, perhaps out of memory"
    return f"signal {-code}, {signal.strsignal(-code)}"


@contextlib.contextmanager
def _interrupts_held() -> Generator[None]:
    """Ctrl-C waits."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _main_module(wanted: bool) -> Generator[None]:
    """Hides the user's script from multiprocessing, which would import it in every worker, unless that is wanted.

    A script without a guard, one that comes from standard input and one that imports for seconds all work that way.
    """
    main = sys.modules["__main__"]
    if not wanted:
        sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
