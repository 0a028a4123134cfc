from __future__ import annotations

import pytest

from heredity.api.names import METHODS, STRATEGIES, strategy_settings
from heredity.errors import InputError


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_record_of_settings_is_whole_and_comes_back(name: str) -> None:
    settings = strategy_settings(name, {"population": 5})
    assert settings["population"] == 5
    assert settings["method"] == name
    assert strategy_settings(name, settings) == settings


def test_every_method_is_a_strategy() -> None:
    assert set(METHODS) == set(STRATEGIES)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        (
            "evolution",
            {},
            "expected a strategy; came 'evolution'; .*: magnitude-removal, random-removal, synthesis$",
        ),
        ("synthesis", {"size": 3}, "expected settings of synthesis; came size; .*known: .*population"),
        ("synthesis", {"population": 2.5}, r"expected settings of synthesis; came .*\$.population`; correct it"),
        ("synthesis", {"scarcest": 0.0}, r"expected scarcest in \(0, 1\]; came 0.0"),
        ("synthesis", {"steps": (0, 5)}, "expected steps of at least 1; came 0"),
    ],
)
def test_settings_that_cannot_be_used(name: str, given: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        strategy_settings(name, given)
