"""Loading what a run left behind: a whole run, one exported member, or an ensemble."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from heredity.anatomy.body import Deployed, anatomy_of, deploy
from heredity.anatomy.constructor import provide
from heredity.anatomy.genome import Genome
from heredity.errors import InputError, StoreError
from heredity.export.ensemble import read_ensemble
from heredity.export.member import GENOME, RECORD, WEIGHTS
from heredity.run.run import Run
from heredity.store.folder import RunFolder, read_json


def open_run(path: str | Path) -> Run:
    """A run's folder, opened.

    Raises:
        StoreError: there is no run in it, or it cannot be read.
    """
    return Run.open(RunFolder(Path(path)))


def load(path: str | Path, *, model: nn.Module | None = None) -> Run | Deployed:
    """A run's folder gives a `Run`; that of an exported member (`front/0042`) or an ensemble its network, ready to use.

    `model` is needed again if the run began with a module instead of a name.

    Raises:
        InputError: the path is neither.
        StoreError: a file is missing or damaged.
        ModelError: the network's source is not what it was.
    """
    if model is not None:
        provide(model)
    folder = RunFolder(Path(path))
    if folder.settings.exists():
        return Run.open(folder)
    if (folder.path / RECORD).exists():
        return read_ensemble(folder.path).deployed()
    if (folder.path / GENOME).exists():
        genome = read_json(folder.path / GENOME, Genome)
        weights = folder.path / WEIGHTS
        try:
            tensors = load_file(weights)
        except (OSError, SafetensorError) as error:
            raise StoreError(f"expected weights in {weights}; came {error}; export the member again") from error
        if {name: tuple(tensor.shape) for name, tensor in tensors.items()} != anatomy_of(genome).shapes:
            raise StoreError(
                f"expected weights in {weights} of the shapes that {folder.path / GENOME} says; came others; "
                f"export the member again"
            )
        return deploy(genome, tensors)
    raise InputError.of("the folder of a run, of an exported member, or of an ensemble", str(path), "check the path")
