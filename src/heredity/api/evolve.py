"""The facade: evolve, resume, and what belongs to opening and finishing a run."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import warnings
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from torch import nn

from heredity.anatomy import body
from heredity.anatomy.constructor import INSTANCE, describe, provide
from heredity.api.adoption import adopt, ancestor_of
from heredity.api.checks import check_changeable, check_device, check_fit, check_free, check_reach, choose_cost
from heredity.api.deadline import Deadline
from heredity.api.names import make_executor, strategy_of, strategy_settings
from heredity.development.birth import Individual
from heredity.development.datasets import as_task, load_task
from heredity.development.datasets.images import Reading, silently
from heredity.development.task import Task
from heredity.errors import DataError, InputError, StoreError
from heredity.executors.base import Nursery
from heredity.executors.processes import refuse_inside_worker, start_fork_server
from heredity.export.family import finish
from heredity.export.onnx import file_latency_ms, graph_bytes, to_onnx
from heredity.report.page import write_report
from heredity.run.front import front_of
from heredity.run.loop import Clock, Listener, Loop
from heredity.run.run import Run
from heredity.run.settings import RunSettings, check_horizon, read_settings
from heredity.run.strategy import Strategy
from heredity.run.targets import Targets
from heredity.store.folder import RunFolder, write_json
from heredity.store.store import Store

Model = str | nn.Module | Callable[..., nn.Module]
Data = Any
"""A data reference, a `Task`, a pair of tensors, a torch Dataset, or a tuple of splits; see `as_task`."""


def evolve(
    model: Model = "lenet5",
    data: Data = "digits",
    *,
    strategy: str = "synthesis",
    strategy_options: Mapping[str, Any] | None = None,
    generations: int | None = None,
    budget_seconds: float | None = None,
    seed: int = 0,
    cost: str | None = None,
    targets: Targets | None = None,
    ancestor: str | Path | None = None,
    workers: int | None = None,
    device: str = "cpu",
    out: str | Path = "runs/latest",
    data_dir: str | Path | None = None,
    listener: Listener | None = None,
    started: float | None = None,
    export: bool = True,
) -> Run:
    """Evolve a family of descendants of `model` on `data`, and give the run with its front.

    Exactly one of `generations` and `budget_seconds` (wall clock from `started` on the monotonic clock, default now, to
    `front.json`) bounds the run; a run bounded by generations gives the same front for the same seed on a CPU, whatever
    `workers` (default: one a core; 0 develops in this process). Newborns train on `device`: "cpu", "cuda", which is all
    GPUs in turn, or "cuda:1"; they are measured on the CPU. `cost` is what is traded against error: "params" (the
    default, unless `targets` bound another measure), "macs", "bytes" or "latency". `ancestor` is the folder of another
    run, whose trained ancestor this one begins with: one that it would train just so. `out` is a new folder. Without
    `export` a run bounded by generations stops short of its end, the front's test errors and files: `resume` adds them.

    Raises:
        InputError: anything that cannot be used, in one line; ModelError and DataError are kinds of it.
        StoreError: the folder is taken, or cannot be written.
    """
    started = time.monotonic() if started is None else started
    refuse_inside_worker()
    check_horizon(generations, budget_seconds)
    if ancestor is not None and generations is None:
        raise InputError.of("generations, where an ancestor is given", "a budget of time", "give --generations instead")
    if not export and generations is None:
        raise InputError.of("generations, where nothing is exported", "a budget of time", "drop export=False")
    targets = targets or Targets()
    workers = (os.cpu_count() or 1) if workers is None else workers
    if workers < 0:
        raise InputError.of("0 workers or more", workers, "leave --workers out for one a core")
    check_device(device)
    options = strategy_settings(strategy, dict(strategy_options or {}))
    cost = choose_cost(cost, targets)
    folder = RunFolder(Path(out))
    check_free(folder)
    listener = listener or Listener()
    if isinstance(data, str):
        task = load_task(data, seed=seed, data_dir=data_dir, reading=listener.reading)
    else:
        task = as_task(data, seed=seed)
    if workers:
        task.criterion.check_portable()
    constructor = describe(model, _offered(task))
    check_fit(constructor, task)
    settings = RunSettings(
        constructor=constructor,
        inputs=task.inputs,
        data=data if isinstance(data, str) else INSTANCE,
        task=task.digest,
        n_classes=task.n_classes,
        strategy=strategy,
        strategy_settings=options,
        seed=seed,
        generations=generations,
        budget_seconds=budget_seconds,
        cost=cost,
        targets=targets,
        workers=workers,
        graph_bytes=0,
        data_dir=None if data_dir is None else str(data_dir),
        criterion=task.criterion.record(),
        classes=task.classes,
        device=device,
    )
    reshapes = _strategy(settings, task).reshapes  # it refuses what does not fit the network
    if reshapes:
        check_changeable(constructor, task.inputs)
        check_reach(constructor, task.inputs, targets, 0)  # what arithmetic can tell, before the export takes seconds
    if workers:
        start_fork_server()  # imports while the ancestor is exported
    graph = graph_bytes(constructor, task.inputs)  # and what cannot be exported is refused now, not at the end
    if reshapes:
        check_reach(constructor, task.inputs, targets, graph)
    settings = replace(settings, graph_bytes=graph)
    # again, now that it is known what a file weighs
    beginning = _strategy(settings, task)
    deadline = None if budget_seconds is None else Deadline.of(budget_seconds, constructor, task)
    if deadline is not None:
        deadline.check(time.monotonic() - started)
    adopted = None
    if ancestor is not None:
        (birth,) = beginning.ask(None)
        adopted = ancestor_of(Path(ancestor), birth, task.digest)
    folder.make()
    with folder.lock():
        check_free(folder)  # another run may have come and gone since
        store = _new_store(folder)
        run = Run(folder, settings, store)
        with _closed_on_failure(run):
            if adopted is not None:
                adopt(store, *adopted)
            write_json(folder.settings, settings)  # last: where it lies, there is a run
            _live(run, task, listener, started, deadline, device=device, export=export)
    return run


def resume(
    out: str | Path,
    *,
    model: nn.Module | None = None,
    data: Data = None,
    device: str | None = None,
    listener: Listener | None = None,
    started: float | None = None,
    data_dir: str | Path | None = None,
    export: bool = True,
) -> Run:
    """Go on with a run that was interrupted, however it was; a finished run is given back as it is.

    `export`: see `evolve`. `device`: where it is to go on, if not where it was. `model` and `data` are needed again if
    they were handed over in Python.

    Raises:
        StoreError: no run, another process at it, or it cannot be read.
        InputError: the model or the data is not what the run began with.
        ReplayError: the history cannot have come from this strategy.
    """
    started = time.monotonic() if started is None else started
    refuse_inside_worker()
    folder = RunFolder(Path(out))
    read_settings(folder)  # before a lock is put where no run is
    listener = listener or Listener()
    with folder.lock():
        run, task = reopen(folder, model=model, data=data, data_dir=data_dir, reading=listener.reading)
        if not folder.front_json.exists():
            budget, constructor = run.settings.budget_seconds, run.settings.constructor
            with _closed_on_failure(run):
                device = device or run.settings.device
                check_device(device)
                deadline = None if budget is None else Deadline.of(budget, constructor, task)
                _live(run, task, listener, started, deadline, device=device, export=export)
    return run


def reopen(
    folder: RunFolder,
    *,
    model: nn.Module | None = None,
    data: Data = None,
    data_dir: str | Path | None = None,
    reading: Reading = silently,
) -> tuple[Run, Task]:
    """A run and its task, checked to be those that it began with.

    Raises:
        StoreError, InputError: see `resume`.
    """
    if model is not None:
        provide(model)
    run = Run.open(folder)
    settings = run.settings
    if data is None and settings.data == INSTANCE:
        raise DataError.of("the data that this run was started with", "none", "hand it over again (data=)")
    if data is None:
        place = data_dir or settings.data_dir
        task = load_task(settings.data, seed=settings.seed, data_dir=place, reading=reading)
    else:
        task = as_task(data, seed=settings.seed)
    if task.digest != settings.task:
        raise DataError.of("the data that the run began with", "other data", "restore it, or start a new run")
    return run, task


def _offered(task: Task) -> dict[str, Any]:
    """What a constructor may ask for by naming it."""
    offered = {"input_shape": task.inputs.shape, "n_classes": task.n_classes}
    if task.criterion.framewise:
        offered["framewise"] = True
    return offered if task.inputs.vocabulary is None else {**offered, "vocabulary": task.inputs.vocabulary}


def _strategy(settings: RunSettings, task: Task, store: Store | None = None) -> Strategy:
    """A run's strategy, told of its task; before there is a store it can only begin."""
    return strategy_of(
        settings,
        examples=len(task.train),
        augmentation=task.augmentation,
        graded=task.graded,
        smooths=task.criterion.smooths,
        organism=None if store is None else store.organism,
    )


def _new_store(folder: RunFolder) -> Store:
    """The store of a run that begins; an empty one is left by a start that was killed before it wrote `run.json`."""
    try:
        return Store.create(folder.path)
    except StoreError as error:
        try:
            store = Store.open(folder.path)
        except StoreError:
            raise error from None
        if store.individuals():
            raise
        return store


@contextlib.contextmanager
def _closed_on_failure(run: Run) -> Generator[None]:
    """Lets go of the store if nobody gets the run: its disk may have to be unmounted."""
    try:
        yield
    except BaseException:
        run.store.close()
        raise


def _live(
    run: Run,
    task: Task,
    listener: Listener,
    started: float,
    deadline: Deadline | None,
    *,
    device: str,
    export: bool,
) -> None:
    """Runs the loop to its end, then measures and exports the front."""
    settings, folder = run.settings, run.folder
    handed_over = settings.constructor.reference == INSTANCE
    nursery = Nursery(
        task,
        folder.blobs,
        folder.cache,
        module=body.ancestor(settings.constructor, settings.inputs).module if handed_over else None,
        graph_bytes=settings.graph_bytes,
        device=device,
    )
    strategy = _strategy(settings, task, run.store)
    run.store.blobs.clean()
    clock = Clock(run.store, started)

    def until() -> float | None:
        return None if deadline is None else deadline.at(len(front_of(loop.individuals, run.objectives)), clock.elapsed)

    def latency(individual: Individual) -> float:
        organism = run.store.organism(individual)
        return file_latency_ms(to_onnx(organism), settings.inputs)

    with make_executor(settings.workers, nursery, lambda number, share: loop.beat(number, share)) as executor:
        loop = Loop(
            run.store,
            strategy,
            executor,
            clock,
            deadline=until,
            latency_ms=latency if "latency_ms" in run.objectives else None,
            listener=listener,
        )
        loop.run()
    if export:
        finish(run, task, listener.finishing)
    clock.note()
    shutil.rmtree(folder.cache, ignore_errors=True)
    _report(run)


def _report(run: Run) -> None:
    """Writes the run's page. The result is on the disk by now: whatever fails here costs no more than the page."""
    try:
        write_report(run)
    except Exception as error:  # noqa: BLE001  # see above
        came = " ".join(f"{type(error).__name__}: {error}".split())
        warnings.warn(f"no report ({came}); `heredity report {run.folder.path}` tries again", stacklevel=2)
