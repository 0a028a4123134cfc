"""What does not go with the ancestor is refused before anybody is trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from heredity.anatomy.constructor import describe
from heredity.development.recipe import Culture
from heredity.errors import InputError
from heredity.run.strategy import Setting
from heredity.strategies.descent import Descent, DescentSettings
from heredity.strategies.dual_inheritance import DualInheritance, DualInheritanceSettings
from heredity.strategies.generations import Generations, GenerationsSettings
from heredity.strategies.group_pruning import GroupPruning, GroupPruningSettings
from heredity.testing.refusals import expect_one_line
from heredity.testing.strategies import Life, sample_setting

TWO_ENDS = """
from torch import nn

class Network(nn.Module):
    def __init__(self, width=5):
        super().__init__()
        self.hidden, self.one, self.other = nn.Linear(64, width), nn.Linear(width, 10), nn.Linear(width, 10)

    def forward(self, x):
        x = self.hidden(x.flatten(1)).relu()
        return self.one(x) + self.other(x)
"""


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    (tmp_path / "mine.py").write_text(TWO_ENDS)
    constructor = describe(f"{tmp_path / 'mine.py'}:Network", {})
    return replace(sample_setting("generations", Life()), constructor=constructor)


@pytest.mark.parametrize(
    ("strategy", "settings"),
    [
        (Descent, DescentSettings),
        (Generations, GenerationsSettings),
        (GroupPruning, GroupPruningSettings),
        (DualInheritance, DualInheritanceSettings),
    ],
)
def test_hidden_features_that_the_ancestor_has_not(setting: Setting, strategy: type, settings: type) -> None:
    strategy(setting, settings(culture=Culture()))
    with pytest.raises(InputError) as caught:
        strategy(setting, settings(culture=Culture(hidden=0.1)))
    expect_one_line(caught, "one layer that makes the outputs", "one, other", "leave culture.hidden at 0")
