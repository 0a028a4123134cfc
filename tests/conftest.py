"""What all tests share: one thread per process, data sets, a user's file, quick exports, how hypothesis draws."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when onnxruntime is imported

import hypothesis
import pytest
import torch

from heredity.testing.runs import quick_exports, users_file

torch.set_num_threads(1)  # the promise of equal results holds for fixed threads; pytest-xdist fills the cores
torch.set_flush_denormal(True)
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background of a script inherits deafness

hypothesis.settings.register_profile("heredity", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("heredity")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "data_dir" in getattr(item, "fixturenames", ()):
            item.add_marker("data")


@pytest.fixture(scope="session", autouse=True)
def _quick_exports() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    with quick_exports():
        yield


@pytest.fixture(scope="session")
def users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's file."""
    return users_file(tmp_path_factory.mktemp("users"))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of data sets; without it, the tests that need one are skipped and say so."""
    if not (folder := os.environ.get("HEREDITY_DATA")):
        pytest.skip("HEREDITY_DATA is not set: point it to the folder that holds the data sets (MNIST/, cifar10/)")
    return Path(folder)
