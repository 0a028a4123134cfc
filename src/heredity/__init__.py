"""heredity evolves neural networks: a network and data in, a family of trained, deployable descendants out."""

from __future__ import annotations

from importlib.metadata import version

from heredity.api.evolve import evolve, resume
from heredity.api.load import load
from heredity.development.datasets import as_task, load_task
from heredity.development.task import Split, Task
from heredity.errors import HeredityError
from heredity.run.run import Front, Member, Run
from heredity.run.targets import Targets

__version__ = version("heredity")

__all__ = [
    "Front",
    "HeredityError",
    "Member",
    "Run",
    "Split",
    "Targets",
    "Task",
    "as_task",
    "evolve",
    "load",
    "load_task",
    "resume",
]
