"""Recognisers of speech from what a run left behind."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from heredity.anatomy.body import Deployed
from heredity.anatomy.genome import Genome
from heredity.api.load import load
from heredity.development.speech.transcription import Recogniser
from heredity.errors import InputError
from heredity.export.member import GENOME, RECORD
from heredity.store.folder import read_json


def recogniser(path: str | Path, member: str | None = None, *, model: nn.Module | None = None) -> Recogniser:
    """The recogniser in an exported member's folder, or that of a run's `member`, else of the front's best.

    `model` is needed again if the run began with a module instead of a name.

    Raises:
        InputError: the path is neither, such as an ensemble's, or there is no such member.
        StoreError: a file is missing or damaged.
        ModelError: the network's source is not what it was.
    """
    found = load(path, model=model)
    if isinstance(found, Deployed):
        if (Path(path) / RECORD).exists():
            raise InputError.of("a member's folder, or a run's", f"an ensemble's, {path}", "choose one of its members")
        if member is not None:
            raise InputError.of("a run's folder, to choose a member from", f"one member's, {path}", "leave it out")
        return Recogniser(found, read_json(Path(path) / GENOME, Genome).inputs)
    chosen = found.front.pick() if member is None else found.member(member)
    return Recogniser(chosen.module(), chosen.individual.birth.genome.inputs)
