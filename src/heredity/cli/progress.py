"""What a run looks like while it goes: a live picture on a terminal, a line per newborn anywhere else."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from heredity.cli.quantities import show_duration, show_measure, show_share
from heredity.development.birth import Birth, Individual
from heredity.run.front import front_of
from heredity.run.loop import Listener

ROWS = 12
"""Members of the front that the live picture shows."""


MANY = 1000
"""Images whose decoding takes a while, of which ten lines tell."""


SILENCE = 30.0
"""Seconds after which it is told how far the reading of test errors is."""


class Narrator(Listener):
    """Keeps what both forms of progress tell: who lives, how far the run is, how long it will go on."""

    def __init__(self, budget_seconds: float | None, generations: int | None, cost: str, started: float) -> None:
        self._budget = budget_seconds
        self._generations = generations
        self._cost = cost
        self._started = started
        self._living: dict[int, Individual] = {}
        self._failed = 0
        self._generation = 0

    def know(self, individuals: Sequence[Individual], elapsed: float) -> None:
        self._started = time.monotonic() - elapsed
        self._living = {i.number: i for i in individuals if i.developed}
        self._failed = len(individuals) - len(self._living)

    def asked(self, births: Sequence[Birth], known: int) -> None:
        self._generation = births[0].generation

    def recorded(self, individual: Individual) -> None:
        if individual.developed:
            self._living = self._living | {individual.number: individual}  # a new one: the picture is drawn by a thread
        else:
            self._failed += 1

    def timed(self, individual: Individual) -> None:
        self._living = self._living | {individual.number: individual}

    def front(self) -> list[Individual]:
        """The front so far, in error and cost; whose latency is the cost and not known yet is not on it."""
        return front_of(list(self._living.values()), ("val_error", self._cost))

    def headline(self) -> str:
        """Generation, best error, smallest size, time left: one line."""
        of = f" of {self._generations}" if self._generations else ""
        parts = [f"generation {self._generation}{of}", f"{len(self._living)} living"]
        if self._failed:
            parts.append(f"{self._failed} failed")
        if front := self.front():
            best = min(i.measures["val_error"] for i in front)
            parts.append(f"best error {show_share(best)}")
            small = min(i.measures[self._cost] for i in front if i.measures["val_error"] <= best + 0.01)
            parts.append(f"within a point of it from {show_measure(self._cost, small)}")
        elapsed = time.monotonic() - self._started
        if self._budget is not None:
            parts.append(f"{show_duration(self._budget - elapsed)} left")
        else:
            parts.append(f"{show_duration(elapsed)} so far")
        return " · ".join(parts)


def told(individual: Individual, cost: str) -> str:
    """One line on one newborn."""
    birth = individual.birth
    operator = birth.operator.__struct_config__.tag
    origin = f" of {', '.join(f'{parent:04d}' for parent in birth.parents)}" if birth.parents else ""
    if not individual.developed:
        return f"{birth.number:04d}  {operator}{origin}: failed, {individual.reason}"
    known = cost if cost in individual.measures else "params"  # latency is measured later
    shown = ", ".join(show_measure(name, individual.measures[name]) for name in (known, "val_error"))
    return f"{birth.number:04d}  {operator}{origin}: {shown}"


class Lines(Narrator):
    """Plain lines, for logs and pipes."""

    _read = 0
    _told = 0.0

    def reading(self, done: int, images: int) -> None:
        if images >= MANY and 10 * done // images > self._read:
            self._read = 10 * done // images
            print(f"{done:,} of {images:,} images decoded", flush=True)

    def asked(self, births: Sequence[Birth], known: int) -> None:
        super().asked(births, known)
        if known < len(births):  # else there is nothing to wait for
            print(f"{self.headline()}{f' · {known} known from before' if known else ''}", flush=True)

    def recorded(self, individual: Individual) -> None:
        super().recorded(individual)
        print(f"  {told(individual, self._cost)}", flush=True)

    def finishing(self, done: int, members: int) -> None:
        if not done:
            print(f"measuring and exporting {members} members", flush=True)

    def measuring(self, done: int, readings: int) -> None:
        if done == readings or time.monotonic() - self._told < SILENCE:
            return
        self._told = time.monotonic()
        print(f"{done} of {readings} test errors read", flush=True)


class Picture(Narrator):
    """A live picture: the headline, newborns under way, the front."""

    def __init__(
        self, console: Console, budget_seconds: float | None, generations: int | None, cost: str, started: float
    ) -> None:
        super().__init__(budget_seconds, generations, cost, started)
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), TextColumn("{task.percentage:>3.0f} %"))
        self._bars = Progress(*columns, console=console)
        self._tasks: dict[int, TaskID] = {}
        self._live = Live(console=console, get_renderable=self._picture, refresh_per_second=4, transient=True)

    def __enter__(self) -> Picture:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def reading(self, done: int, images: int) -> None:
        if not self._bars.tasks:
            self._bars.add_task("decoding", total=images)
        self._bars.update(self._bars.task_ids[0], completed=done, description=f"{done:,} of {images:,} images decoded")
        if done == images:
            self._bars.remove_task(self._bars.task_ids[0])

    def beat(self, number: int, share: float) -> None:
        if number not in self._tasks:
            self._tasks[number] = self._bars.add_task(f"{number:04d}", total=1.0)
        self._bars.update(self._tasks[number], completed=share)

    def recorded(self, individual: Individual) -> None:
        super().recorded(individual)
        if individual.number in self._tasks:
            self._bars.remove_task(self._tasks.pop(individual.number))
        if not individual.developed:
            self._live.console.print(Text(told(individual, self._cost), style="yellow"))

    def finishing(self, done: int, members: int) -> None:
        self._alone("finishing", done, members)

    def measuring(self, done: int, readings: int) -> None:
        self._alone("reading test errors", done, readings)

    def _alone(self, what: str, done: int, total: int) -> None:
        """The one bar that is left when everybody has grown up."""
        if what not in (task.description for task in self._bars.tasks):
            for task in list(self._bars.task_ids):
                self._bars.remove_task(task)
            self._bars.add_task(what, total=total)
        self._bars.update(self._bars.task_ids[-1], completed=done)

    def _picture(self) -> Group:
        front, living = self.front(), self._living
        table = Table(box=None, padding=(0, 2), header_style="bold")
        for name in ("member", self._cost, "of ancestor", "validation error", "by"):
            table.add_column(name, justify="left" if name in ("member", "by") else "right")
        shown = [front[round(k * (len(front) - 1) / (ROWS - 1))] for k in range(ROWS)] if len(front) > ROWS else front
        for i in shown:
            size, first = i.measures[self._cost], living[0].measures[self._cost]
            share = f"{size / first:.1%}" if size > first / 100 else f"1/{first / size:.0f}"
            shown = show_measure(self._cost, size).removesuffix(f" {self._cost}")
            operator = str(i.birth.operator.__struct_config__.tag)
            table.add_row(f"{i.number:04d}", shown, share, show_share(i.measures["val_error"]), operator)
        return Group(Text(self.headline(), style="bold"), self._bars, table)
