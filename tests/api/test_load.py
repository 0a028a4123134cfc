from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from heredity.api.load import load
from heredity.errors import InputError, StoreError
from heredity.run.run import Run


@pytest.fixture
def member(finished: Run, tmp_path: Path) -> Path:
    """An exported member's folder, to be damaged."""
    return Path(shutil.copytree(finished.folder.front / finished.front[0].id, tmp_path / "member"))


def test_neither_a_run_nor_a_member(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected the folder of a run, of an exported member, or of an "):
        load(tmp_path)


def test_a_missing_file(member: Path) -> None:
    (member / "model.safetensors").unlink()
    with pytest.raises(StoreError, match=r"expected weights in .*model.safetensors; came .*; export the member again"):
        load(member)


def test_a_truncated_file(member: Path) -> None:
    weights = member / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(StoreError, match=r"expected weights in .*; export the member again"):
        load(member)


def test_another_members_weights(finished: Run, member: Path) -> None:
    other = finished.folder.front / finished.front[1].id / "model.safetensors"
    shutil.copy(other, member / "model.safetensors")
    with pytest.raises(StoreError, match=r"expected weights in .*; export the member again"):
        load(member)


def test_a_damaged_genome(member: Path) -> None:
    (member / "genome.json").write_text("{}")
    with pytest.raises(StoreError, match=r"expected a record in .*genome.json"):
        load(member)
