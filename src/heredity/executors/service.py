"""The worker's side of `processes`: a process that brings newborns up until the loop lets go of it.

Over one pipe of its own a worker gets its nursery (`to_bytes`), the module that the user handed over, if any, and then
one `Job` after the other. It sends None when it is ready, a float (the share that is done) as a sign of life, and
per job one answer: its individuals, or the error that ends the run.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import io
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy.typing as npt
import torch

from heredity.anatomy.constructor import provide
from heredity.development.birth import Individual
from heredity.errors import InputError, StoreError
from heredity.executors.base import Job, Nursery
from heredity.executors.worker import bring_up, keep_memory, one_line, prepare_device, prepare_process, seldom

Message = None | float | list[Individual] | StoreError | InputError
"""What a worker sends."""


def serve(connection: Connection[Message, Any], number: int) -> None:
    """A worker's life; workers count from 0."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; what it means, the loop decides
    _die_with_the_loop()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the loop let go
        nursery: Nursery = connection.recv()
        prepare_process(nursery.threads)
        prepare_device(nursery.device, number)
        keep_memory()
        handed_over = connection.recv_bytes()
        try:
            if module := pickle.loads(handed_over):  # noqa: S301  # from the loop's own memory
                provide(module)
        except Exception as error:  # noqa: BLE001  # unpickling runs the user's code
            connection.send(unfit(error))
            return
        connection.send(None)
        while True:
            connection.send(_answer(connection.recv(), nursery, connection))


def _answer(job: Job, nursery: Nursery, connection: Connection[Message, Any]) -> Message:
    try:
        return bring_up(job, nursery, seldom(connection.send))
    except (StoreError, InputError) as error:
        return error


def to_bytes(nursery: Nursery) -> bytes:
    """What a worker is sent of a nursery: all but the module, and no test split, which is none of a newborn's business.

    By value: torch's own way to send tensors puts them into /dev/shm, which is tiny in many containers.
    """
    test = nursery.task.test.take(torch.arange(0))
    buffer = io.BytesIO()
    _ByValue(buffer, protocol=5).dump(
        dataclasses.replace(nursery, task=dataclasses.replace(nursery.task, test=test), module=None)
    )
    return buffer.getvalue()


def unfit(error: Exception) -> InputError:
    """A module that cannot travel to another process."""
    came = one_line(f"{type(error).__name__}: {error}")
    remedy = "name it instead (file.py:callable), or develop inline"
    return InputError.of("a module that can be pickled for worker processes", came, remedy)


class _ByValue(pickle.Pickler):
    """Pickles tensors as NumPy arrays: ten times as fast as torch does, and views without what they are views of."""

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is torch.Tensor:
            return _tensor, (obj.cpu().contiguous().numpy(),)
        return NotImplemented


def _tensor(array: npt.NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(array).clone()  # into memory that torch aligns, as in the loop's process


def _die_with_the_loop() -> None:
    """However the loop's process ends, this one ends at once, and writes nothing more.

    The loop holds the other end of a pipe, which closes when it dies. A thread waits for that; where the kernel can, it
    kills this process itself, also when a newborn hangs in a call that lets no other thread run.
    """
    loop = multiprocessing.parent_process()
    if loop is None:
        return
    pipe = loop.sentinel
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a sandbox that does not know it
            fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
            fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)

    def watch() -> None:
        wait([pipe])
        os._exit(1)

    threading.Thread(target=watch, name="watch for the loop's end", daemon=True).start()
