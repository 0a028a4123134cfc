"""How a user's functions get into other processes and records."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from heredity.anatomy.constructor import resolve
from heredity.development.criteria import Custom
from heredity.errors import InputError

MINE = """
def loss(outputs, labels): return (outputs - labels).abs().mean()
def error(outputs, labels): return {error}
def nested():
    def inner(outputs, labels): return outputs.mean()
    return inner
"""


def from_file(folder: Path, error: str = "0.5") -> Custom:
    (folder / "mine.py").write_text(MINE.format(error=error))
    return Custom(*(resolve(f"{folder / 'mine.py'}:{name}", "loss", {})[0] for name in ("loss", "error")))


def test_functions_of_a_file_are_found_there_again(tmp_path: Path) -> None:
    custom = from_file(tmp_path)
    custom.check_portable()
    sent = pickle.dumps(custom)
    assert b"heredity_user" not in sent, "which is no module in another process"
    received = pickle.loads(sent)
    assert received.given_loss is not custom.given_loss
    assert received.loss(torch.ones(2), torch.zeros(2)) == 1
    assert received.error(torch.ones(2), torch.zeros(2)) == 0.5


def test_functions_and_objects_of_packages_travel_as_they_are() -> None:
    custom = Custom(nn.functional.l1_loss, nn.HuberLoss(delta=3.0), n_outputs=4)
    received = pickle.loads(pickle.dumps(custom))
    assert received.given_loss is nn.functional.l1_loss
    assert (received.given_error.delta, received.n_outputs) == (3.0, 4)


def test_what_no_other_process_can_find_is_refused(tmp_path: Path) -> None:
    inner = resolve(f"{tmp_path / 'mine.py'}:nested", "loss", {})[0]() if from_file(tmp_path) else None
    for function in (lambda outputs, labels: 0.0, inner):
        custom = Custom(nn.MSELoss(), function)
        for attempt in (custom.check_portable, lambda c=custom: pickle.dumps(c)):
            with pytest.raises(InputError, match=r"worker processes can import; came .*(lambda|inner).*workers=0"):
                attempt()


def test_records_tell_sources_apart_and_not_places(tmp_path: Path) -> None:
    records = []
    for place, error in (("a", "0.5"), ("b", "0.5"), ("c", "0.25")):
        (tmp_path / place).mkdir()
        records.append(from_file(tmp_path / place, error).record())
    assert records[0] == records[1] != records[2]
    assert records[0]["error"].startswith("file:error (")
    assert Custom(nn.HuberLoss(), len).record() == {"kind": "custom", "loss": "HuberLoss()", "error": repr(len)}
