"""A worker's work: a newborn, or a litter, from request to record, the same in whatever process."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import time
import warnings
from collections.abc import Generator, Sequence

import torch

from heredity.development.birth import Individual
from heredity.development.develop import Grown, develop, develop_litter
from heredity.development.loop import Beat, Effort
from heredity.development.teaching import Mentor
from heredity.errors import DevelopmentError, InputError, StoreError
from heredity.executors.base import Job, Nursery, Record
from heredity.rng import derive
from heredity.store.blobs import BlobStore, Part
from heredity.variation.operator import Organism

BEAT_EVERY = 0.5
"""Seconds between two signs of life that are passed on."""

LONGEST_REASON = 300
"""Characters of a reason that are kept."""


def bring_up(job: Job, nursery: Nursery, beat: Beat) -> list[Individual]:
    """Develop a newborn, or a litter, put the weights into the store, and give records; a failure is a record too.

    Raises:
        StoreError: weights cannot be read or written.
        InputError: the ancestor cannot be built, or siblings cannot be developed together.
    """
    start, efforts = time.perf_counter(), [Effort() for _ in job]
    try:
        # layers that draw (dropout) draw from torch's global state, which must not depend on who came before
        with torch.random.fork_rng(devices=[] if nursery.device == "cpu" else [nursery.device]):
            torch.manual_seed(derive(job[0].birth.seed, "layers"))
            alone = job[0].birth.litter is None
            grown, weights = (_alone if alone else _litter)(job, nursery, beat, efforts)
    except (InputError, StoreError):
        raise
    except (Exception, SystemExit) as error:  # whatever it is, it is these newborns' end, not the run's
        if _disk_is_full(error):
            raise StoreError(
                f"expected room below {nursery.cache}; came {one_line(str(error))}; free some disk space, then resume"
            ) from error
        return failed(job, _reason(error), time.perf_counter() - start, efforts)
    seconds = time.perf_counter() - start
    in_all = sum(one.trained.steps for one in grown)
    return [
        Individual(
            request.birth,
            "developed",
            one.measures,
            digest,
            one.newborn,
            seconds=seconds * one.trained.steps / in_all if in_all else seconds / len(job),
            train_flops=float(effort.flops),
            readings=one.readings,
            right=one.right,
        )
        for request, one, digest, effort in zip(job, grown, weights, efforts, strict=True)
    ]


Born = tuple[Sequence[Grown], list[str]]
"""Who was developed, and the digests of their weights."""


def _alone(job: Job, nursery: Nursery, beat: Beat, efforts: Sequence[Effort]) -> Born:
    (request,), (effort,), blobs = job, efforts, BlobStore(nursery.blobs)
    grown = develop(
        request.birth,
        [_organism(blobs, record) for record in request.parents],
        [Mentor(record[1], _organism(blobs, record)) for record in request.teachers],
        nursery.task,
        cache=nursery.cache,
        beat=beat,
        graph_bytes=nursery.graph_bytes,
        effort=effort,
        device=nursery.device,
    )
    return [grown], [blobs.put(grown.organism.tensors, grown.organism.masks)]


def _litter(job: Job, nursery: Nursery, beat: Beat, efforts: Sequence[Effort]) -> Born:
    blobs = BlobStore(nursery.blobs)
    brood = develop_litter(
        [request.birth for request in job],
        [[_organism(blobs, record) for record in request.parents] for request in job],
        nursery.task,
        beat=beat,
        graph_bytes=nursery.graph_bytes,
        efforts=efforts,
        device=nursery.device,
    )
    parts: list[Part] = []
    for one, plan, names in zip(brood.grown, brood.sharing.plans, brood.sharing.names, strict=True):
        own = {name: tensor for name, tensor in one.organism.tensors.items() if name not in names}
        parts.append(Part(own, one.organism.masks, names, plan))
    return brood.grown, blobs.put_litter(brood.bank, brood.moments, parts)


def failed(job: Job, reason: str, seconds: float, efforts: Sequence[Effort] | None = None) -> list[Individual]:
    """The records of newborns that did not live."""
    flops = [None] * len(job) if efforts is None else [float(effort.flops) for effort in efforts]
    return [
        Individual(request.birth, "failed", reason=reason, seconds=seconds / len(job), train_flops=own)
        for request, own in zip(job, flops, strict=True)
    ]


def prepare_process(threads: int) -> None:
    """Make this process compute like every other: this many threads, and no denormal numbers.

    Masked weights and decaying moments become denormal; they slow a sparse network's training down tenfold.
    """
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)


def prepare_device(device: str, turn: int = 0) -> None:
    """Make this process train reproducibly on a GPU, in float32 proper; of several it takes the one whose turn it is.

    On a CPU there is nothing to do. What a user's network computes for which there is no reproducible algorithm is
    computed all the same.
    """
    if torch.device(device).type != "cuda":
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS needs for it
    warnings.filterwarnings("ignore", message=".*deterministic")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
    torch.backends.cudnn.allow_tf32 = False
    if device == "cuda":
        torch.cuda.set_device(turn % torch.cuda.device_count())


M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of glibc's `mallopt`."""


def keep_memory() -> None:
    """Make this process keep what memory it ever had, where its C library is glibc.

    By default large tensors are given back when they are freed, and the next ones cost a page fault for every 4 KiB: a
    tenth to a seventh of a training step of wide networks (lab log, 2026-11-25).
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        library = ctypes.CDLL(None)
        library.mallopt(M_MMAP_MAX, 0)
        library.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


@contextlib.contextmanager
def prepared(threads: int) -> Generator[None]:
    """`prepare_process` for a while: what was set before is restored."""
    before, flushed = torch.get_num_threads(), _flushes_denormals()
    prepare_process(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.set_flush_denormal(flushed)


def seldom(beat: Beat) -> Beat:
    """Passes a beat on when the last one that was passed on is half a second old."""
    last = time.monotonic()

    def pass_on(share: float) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= BEAT_EVERY:
            last = now
            beat(share)

    return pass_on


def one_line(text: str) -> str:
    """The text without line breaks, and not too long."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 3]}..."


def _organism(blobs: BlobStore, record: Record) -> Organism:
    genome, weights = record
    return Organism(genome, *blobs.get(weights))


def _reason(error: BaseException) -> str:
    if isinstance(error, DevelopmentError):  # our own, which says it all
        return one_line(str(error))
    return one_line(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


def _disk_is_full(error: BaseException) -> bool:
    """A full disk is not this newborn's failing: the next one would meet it too."""
    full = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
    # safetensors gives the system's words in an error of its own
    return (isinstance(error, OSError) and error.errno in full) or "No space left on device" in str(error)


def _flushes_denormals() -> bool:
    return (torch.full((1,), torch.finfo(torch.float32).tiny) / 2).item() == 0
