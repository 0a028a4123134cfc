"""heredity evolves neural networks: a network and data in, a family of trained, deployable descendants out.

What is named in `__all__` is loaded when it is first used: `import heredity` alone costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heredity.api.ensemble import ensemble as ensemble
    from heredity.api.evolve import evolve as evolve
    from heredity.api.evolve import resume as resume
    from heredity.api.export import export_member as export_member
    from heredity.api.load import load as load
    from heredity.api.recogniser import recogniser as recogniser
    from heredity.api.regulariser import Regulariser as Regulariser
    from heredity.development.criteria import CTC as CTC
    from heredity.development.criteria import Classification as Classification
    from heredity.development.criteria import Custom as Custom
    from heredity.development.criteria import MultiLabel as MultiLabel
    from heredity.development.criteria import Regression as Regression
    from heredity.development.datasets import as_task as as_task
    from heredity.development.datasets import load_task as load_task
    from heredity.development.task import Split as Split
    from heredity.development.task import Task as Task
    from heredity.errors import HeredityError as HeredityError
    from heredity.priors.mixture import Component as Component
    from heredity.priors.mixture import Mixture as Mixture
    from heredity.priors.prior import GroupPrior as GroupPrior
    from heredity.run.run import Front as Front
    from heredity.run.run import Member as Member
    from heredity.run.run import Run as Run
    from heredity.run.targets import Targets as Targets

__version__ = version("heredity")

_HOMES = {
    "evolve": "heredity.api.evolve",
    "resume": "heredity.api.evolve",
    "export_member": "heredity.api.export",
    "ensemble": "heredity.api.ensemble",
    "Regulariser": "heredity.api.regulariser",
    "GroupPrior": "heredity.priors.prior",
    "Mixture": "heredity.priors.mixture",
    "Component": "heredity.priors.mixture",
    "load": "heredity.api.load",
    "recogniser": "heredity.api.recogniser",
    "CTC": "heredity.development.criteria",
    "Classification": "heredity.development.criteria",
    "Regression": "heredity.development.criteria",
    "MultiLabel": "heredity.development.criteria",
    "Custom": "heredity.development.criteria",
    "as_task": "heredity.development.datasets",
    "load_task": "heredity.development.datasets",
    "Split": "heredity.development.task",
    "Task": "heredity.development.task",
    "HeredityError": "heredity.errors",
    "Front": "heredity.run.run",
    "Member": "heredity.run.run",
    "Run": "heredity.run.run",
    "Targets": "heredity.run.targets",
}

__all__ = [  # noqa: RUF022  # in the order in which a reader meets them; loaded by __getattr__
    "evolve",
    "resume",
    "load",
    "export_member",
    "recogniser",
    "ensemble",
    "Regulariser",
    "GroupPrior",
    "Mixture",
    "Component",
    "load_task",
    "as_task",
    "Task",
    "Split",
    "Classification",
    "Regression",
    "MultiLabel",
    "CTC",
    "Custom",
    "Targets",
    "Run",
    "Front",
    "Member",
    "HeredityError",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'heredity' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
