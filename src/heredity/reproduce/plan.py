"""The runs that a study consists of: one for every arm, preset and seed, each in a folder of its own.

A study goes on where it ended: a run that is measured is left alone, one that was interrupted goes on, and one that was
finished is measured. An ancestor is trained once for all arms in which it is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec import Struct

from heredity.api.evolve import evolve, reopen, resume
from heredity.api.names import strategy_settings
from heredity.errors import InputError, StoreError
from heredity.reproduce.measure import Measured, measure
from heredity.reproduce.study import (
    SMOKE_DATA,
    SMOKE_GENERATIONS,
    SMOKE_SEEDS,
    Arm,
    Preset,
    Scale,
    Study,
)
from heredity.run.loop import Listener
from heredity.run.settings import read_settings
from heredity.store.files import make_folder
from heredity.store.folder import RunFolder, read_json, write_json


@dataclass(frozen=True)
class Part:
    """One run of a study."""

    arm: Arm
    preset: Preset
    seed: int

    @property
    def name(self) -> str:
        """Its folder's name."""
        return f"{self.arm.name}-{self.preset}-{self.seed}"


@dataclass(frozen=True)
class Result:
    """A run that is measured, and what it was run on, which may be other than its arm's."""

    part: Part
    measured: Measured
    data: str
    model: str


class Kind(Struct, frozen=True):
    """What all runs in a study's folder have in common; `study.json`. `data` is what replaces the arms' own."""

    study: str
    scale: Scale
    data: str | None


@dataclass(frozen=True)
class Plan:
    """A study in a folder: `out`. `arms`, `presets` and `seeds` are what was asked for; others may lie there too."""

    study: Study
    scale: Scale
    out: Path
    arms: tuple[Arm, ...]
    presets: tuple[Preset, ...] = ("paper",)
    seeds: int | None = None
    data: str | None = None
    data_dir: Path | None = None
    workers: int | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.seeds is not None and self.seeds < 1:
            raise InputError.of("at least 1 seed", self.seeds, f"leave --seeds out for {self._usual_seeds}")

    @property
    def parts(self) -> list[Part]:
        """What was asked for: seed by seed, so that there is something of every arm early."""
        seeds = range(self._usual_seeds if self.seeds is None else self.seeds)
        return [Part(arm, preset, seed) for seed in seeds for preset in self.presets for arm in self.arms]

    def generations(self, part: Part) -> int:
        """How many follow the ancestor."""
        if self.scale == "smoke":
            return SMOKE_GENERATIONS
        own = part.arm.generations
        return own if part.preset == "paper" else part.arm.briefly or own

    def open(self) -> None:
        """Makes the folder, or refuses one that another study is in.

        Raises:
            StoreError: another study is there, or it cannot be written.
        """
        make_folder(self.out)
        place, mine = self.out / "study.json", Kind(self.study.name, self.scale, self.data)
        if not place.exists():
            return write_json(place, mine)
        found = read_json(place, Kind)
        if found != mine:
            raise StoreError(
                f"expected {_called(mine)} in {self.out}; came {_called(found)}; choose another folder with --out"
            )
        return None

    def live(self, part: Part, listener: Listener) -> None:
        """Begins a run, or goes on with it, to its end; then measures everybody in it, once.

        Raises:
            HeredityError: see `evolve` and `resume`; a StoreError also if a run there has other settings than its arm.
        """
        folder, options = RunFolder(self.out / part.name), self._options(part)
        if folder.settings.exists():
            self._check(folder, part, options)
            resume(folder.path, listener=listener, data_dir=self.data_dir, export=False).store.close()
        else:
            evolve(
                self._model(part),
                self._data(part),
                strategy=self.study.strategy,
                strategy_options=options,
                generations=self.generations(part),
                seed=part.seed,
                ancestor=self._relative(part),
                workers=self._workers,
                device=self.device,
                out=folder.path,
                data_dir=self.data_dir,
                listener=listener,
                export=False,  # no table needs the front's files, which take as long as a generation
            ).store.close()
        run, task = reopen(folder, data_dir=self.data_dir)
        with run.store:
            whose = {
                "study": self.study.name,
                "arm": part.arm.name,
                "preset": part.preset,
                "seed": part.seed,
                "run": part.name,
            }
            found = measure(
                run, task, whose, timed=self.study.timed, ensemble=self.study.ensemble, telling=listener.measuring
            )
        make_folder(self._measured(part).parent)
        write_json(self._measured(part), found)

    def is_measured(self, part: Part) -> bool:
        """Whether there is nothing left to do.

        Raises:
            StoreError: the run in its folder has other settings than its arm.
        """
        if not self._measured(part).exists():
            return False
        self._check(RunFolder(self.out / part.name), part, self._options(part))
        return True

    def outcome(self) -> list[Result]:
        """What is measured so far of all arms, presets and seeds, asked for now or earlier."""
        parts: list[Part] = []
        for arm in self.study.arms:
            for preset in get_args(Preset):
                paths = (self.out / "measured").glob(f"{arm.name}-{preset}-*.json")
                seeds = sorted(int(seed) for path in paths if (seed := path.stem.rpartition("-")[2]).isdecimal())
                parts += [Part(arm, preset, seed) for seed in seeds]
        return [
            Result(part, read_json(self._measured(part), Measured), self._data(part), self._model(part))
            for part in parts
            if self.is_measured(part)
        ]

    @property
    def _usual_seeds(self) -> int:
        return SMOKE_SEEDS if self.scale == "smoke" else self.study.seeds

    @property
    def _workers(self) -> int | None:
        return 0 if self.workers is None and self.scale == "smoke" else self.workers

    def _relative(self, part: Part) -> Path | None:
        """A run of which the ancestor is that of this part."""
        for other in (Part(arm, preset, part.seed) for arm in self.study.arms for preset in get_args(Preset)):
            if other != part and self._founding(other) == self._founding(part) and self.is_measured(other):
                return self.out / other.name
        return None

    def _founding(self, part: Part) -> tuple[Any, ...]:
        """All that the ancestor of a part follows from."""
        settings = strategy_settings(self.study.strategy, self._options(part))
        own = settings["steps"][0], settings["batch_size"], settings["learning_rate"]
        return part.seed, part.arm.model, self._data(part), *own

    def _measured(self, part: Part) -> Path:
        return self.out / "measured" / f"{part.name}.json"

    def _data(self, part: Part) -> str:
        if self.data or self.scale == "smoke":
            return self.data or SMOKE_DATA
        return part.arm.amply if part.arm.amply and part.preset == "best" else part.arm.data

    def _model(self, part: Part) -> str:
        return self.study.smoke_model if self.scale == "smoke" else part.arm.model

    def _options(self, part: Part) -> dict[str, Any]:
        return self.study.options(part.arm, part.preset, self.scale)

    def _check(self, folder: RunFolder, part: Part, options: dict[str, Any]) -> None:
        found = read_settings(folder)
        whole = strategy_settings(found.strategy, found.strategy_settings)  # it may be from before a setting was there
        found = msgspec.structs.replace(found, strategy_settings=_as_stored(whole))
        wanted = {
            "data": self._data(part),
            "generations": self.generations(part),
            "seed": part.seed,
            "strategy_settings": _as_stored(strategy_settings(self.study.strategy, options)),
        }
        for name, value in wanted.items():
            if (came := getattr(found, name)) != value:
                raise StoreError(
                    f"expected the run of {part.name} in {folder.path}; came one of other {name}, "
                    f"{_unlike(came, value)}; choose another --out"
                )


def _as_stored(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as they come back from `run.json`, with lists for tuples."""
    return msgspec.json.decode(msgspec.json.encode(settings))


def _unlike(came: Any, wanted: Any) -> str:
    """What came, for people: of settings only those that differ."""
    if not isinstance(came, dict) or not isinstance(wanted, dict):
        return str(came)
    return ", ".join(f"{key}={came.get(key)}" for key in wanted if came.get(key) != wanted[key])


def _called(kind: Kind) -> str:
    return f"{kind.study} at scale {kind.scale} on {kind.data or 'its own data'}"
