"""Runs small enough for tests: a user's file with networks and data, and what two equal runs must agree in."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Generator
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
from torch.onnx._internal.exporter._registration import ONNXRegistry

from heredity.anatomy.constructor import describe
from heredity.anatomy.inputs import InputForm
from heredity.api.evolve import evolve
from heredity.development.birth import Individual
from heredity.run.run import Run
from heredity.run.settings import RunSettings
from heredity.run.targets import Targets
from heredity.store.folder import RunFolder, read_json
from heredity.store.store import Store

USERS_FILE = '''
import os, signal, time, torch
from torch import nn

class Network(nn.Module):
    """12 features, 16 hidden channels, 3 classes. `mischief` sees the input and the width, in training only."""

    def __init__(self, mischief=None):
        super().__init__()
        self.hidden, self.out, self.mischief = nn.Linear(12, 16), nn.Linear(16, 3), mischief

    def forward(self, x):
        if self.training and self.mischief:
            x = self.mischief(x, self.hidden.out_features)
        return self.out(torch.relu(self.hidden(x)))

def sound():
    return Network()

def fail(x, width):
    """What befalls newborns of other widths than the ancestor's and the smallest."""
    if width < 5 or width > 15:
        return x
    if width < 7:
        raise ValueError("two lines\\nof grief")
    if width < 9:
        return x * float("nan")
    if width < 12:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(3600)

def mischievous():
    return Network(fail)

def slow():
    return Network(lambda x, width: (time.sleep(0.005), x)[1])

def data():
    coins = torch.Generator().manual_seed(0)
    labels = torch.arange(300) % 3
    return torch.randn(3, 12, generator=coins)[labels] + 2 * torch.randn(300, 12, generator=coins), labels

def images():
    inputs, labels = data()
    return ((inputs * 20 + 128).clamp(0, 255).to(torch.uint8)[:, :9].reshape(-1, 1, 3, 3), labels)

def on_images():
    return nn.Sequential(nn.Conv2d(1, 8, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3))
'''
"""What a user might write; as small as networks get."""

QUICK = {"population": 3, "steps": (60, 30)}
"""Settings of a strategy for which a generation takes less than a second."""


def users_file(folder: Path) -> Path:
    """The file above, written to a folder."""
    path = folder / "users.py"
    path.write_text(USERS_FILE)
    return path


@contextlib.contextmanager
def quick_exports() -> Generator[None]:
    """The exporter reads its whole library for every export, which takes a second; in here it does so once."""
    with mock.patch.object(ONNXRegistry, "from_torchlib", staticmethod(functools.cache(ONNXRegistry.from_torchlib))):
        yield


def small_run(users: Path, out: Path, **options: Any) -> Run:
    """A finished run on 3x3 images of bytes, developed in this process; `options` are those of `evolve`."""
    given: dict[str, Any] = {"generations": 2, "strategy_options": QUICK, "workers": 0, **options}
    return evolve(f"{users}:on_images", f"{users}:images", out=out, **given)


def some_settings(**changes: Any) -> RunSettings:
    """Settings as `run.json` has them: of LeNet-5 on 8x8 images, but for `changes`."""
    given: dict[str, Any] = {
        "constructor": describe("lenet5", {"input_shape": (1, 8, 8), "n_classes": 10}),
        "inputs": InputForm((1, 8, 8)),
        "data": "digits",
        "task": "0123abcd",
        "n_classes": 10,
        "strategy": "synthesis",
        "strategy_settings": {},
        "seed": 0,
        "generations": 3,
        "budget_seconds": None,
        "cost": "params",
        "targets": Targets(),
        "workers": 0,
        "graph_bytes": 1000,
    }
    return RunSettings(**{**given, **changes})


def essence(folder: Path) -> dict[str, Any]:
    """All that two runs of one seed must agree in, bit for bit: everything but times and latencies."""
    place = RunFolder(folder)
    with Store.open(folder) as store:
        individuals = [timeless(individual) for individual in store.individuals()]
    content = read_json(place.front_json, dict[str, Any])
    for timed in (content, content["ancestor"], *content["members"]):
        for name in ("latency_ms", "seconds", "line_seconds"):
            timed.pop(name, None)
    files = (*place.front.rglob("*"), *place.blobs.iterdir())
    digests = {
        str(file.relative_to(folder)): hashlib.sha256(_timeless_content(file)).hexdigest()
        for file in files
        if file.is_file()
    }
    return {"individuals": individuals, "front": content, "files": digests}


def _timeless_content(file: Path) -> bytes:
    """A file without latencies and times, which pages of facts have."""
    if file.suffix != ".md":
        return file.read_bytes()
    return b"\n".join(line for line in file.read_bytes().splitlines() if b"seconds" not in line)


def timeless(individual: Individual) -> Individual:
    """An individual without times."""
    measures = {name: value for name, value in individual.measures.items() if name != "latency_ms"}
    return msgspec.structs.replace(individual, measures=measures, seconds=0.0, elapsed=0.0, seconds_left=None)
