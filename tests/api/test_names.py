from __future__ import annotations

import pytest

from heredity.api.names import STRATEGIES, strategy_settings
from heredity.errors import InputError


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_record_of_settings_is_whole_and_comes_back(name: str) -> None:
    settings = strategy_settings(name, {"learning_rate": 5e-4})
    assert settings["learning_rate"] == 5e-4
    assert settings.get("method", name) == name
    assert strategy_settings(name, settings) == settings


@pytest.mark.parametrize("preset", STRATEGIES["synthesis"])
def test_presets_of_synthesis(preset: str) -> None:
    settings = strategy_settings("synthesis", {"preset": preset, "population": 5})
    assert (settings["preset"], settings["population"]) == (preset, 5)
    assert strategy_settings("synthesis", settings) == settings
    if preset == "best":
        assert (settings["sharpness"], settings["mating"]) == (4.0, "geometric")
        assert strategy_settings("synthesis", {"preset": "best", "sharpness": 2.0})["sharpness"] == 2.0


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        (
            "evolution",
            {},
            "expected a strategy; came 'evolution'; .*known: dual_inheritance, group_pruning, .*, synthesis$",
        ),
        ("synthesis", {"size": 3}, "expected settings of synthesis; came size; .*known: .*population"),
        ("synthesis", {"population": 2.5}, r"expected settings of synthesis; came .*\$.population`; correct it"),
        ("synthesis", {"scarcest": 0.0}, r"expected scarcest in \(0, 1\]; came 0.0"),
        ("synthesis", {"preset": "bets"}, "expected a preset of synthesis; came 'bets'; .*best"),
        ("random-removal", {"preset": "paper"}, "expected a preset of random-removal; came 'paper'; "),
        (
            "synthesis",
            {"preset": "paper", "parents": 5},
            "expected at most as many parents as a generation has members; ",
        ),
        ("synthesis", {"preset": "paper", "chi": 0.0}, r"expected a share chi of the parents in \(0, 1\]; came 0.0"),
        ("synthesis", {"preset": "paper", "clusters": ()}, "expected an environment of clusters; came none"),
        ("synthesis", {"steps": (5, 0)}, "expected steps of at least 1; came 0"),
        ("synthesis", {"method": "x"}, "'x' - at `.*`; choose among synthesis, random-removal, magnitude-removal$"),
        ("synthesis", {"prior.norm": "l3"}, r"a norm of groups; came 'l3'; choose among l1, l2, rms, max, or name a"),
        ("synthesis", {"prior.kind": "l3"}, r"'l3' - at `\$.prior.kind`; choose among mixture, l2, group-lasso$"),
        ("group_pruning", {"prior.nrom": "l1"}, r"unknown field `nrom` - at `\$.prior`; choose among kind, members, "),
        (
            "group_pruning",
            {"shares.first": 0.5},
            r"Expected `array`, got `object` - at `\$.shares`; give a list, such as",
        ),
        ("group_pruning", {"prior.families": ["gauss"] * 2}, r"families\[0\]`; choose among gaussian, laplace, "),
        (
            "neuroevolution",
            {"kernels": {"1": 0.5, "3": 0.5}},
            r"`\$.kernels`; .* lists, such as \[\[1, 0.5\], \[3, 0.5\]\]$",
        ),
        (
            "neuroevolution",
            {"chances": {"foo": 1}},
            r"'foo' - at .*; choose among widening, .*, inception, flattening$",
        ),
        ("synthesis", {"culture.heat": 2}, r"unknown field `heat` .*; choose among weight, temperature, .*, hidden$"),
    ],
)
def test_settings_that_cannot_be_used(name: str, given: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        strategy_settings(name, given)


def test_settings_within_settings() -> None:
    settings = strategy_settings("synthesis", {"culture.temperature": 3, "prior.kind": "l2", "prior.strength": 0.5})
    assert settings["culture"] == {**strategy_settings("synthesis", {})["culture"], "temperature": 3}
    assert (settings["prior"]["kind"], settings["prior"]["strength"]) == ("l2", 0.5)
    both = strategy_settings("group_pruning", {"prior": {"norm": "l2", "strength": 0.2}, "prior.strength": 0.3})
    assert (both["prior"]["norm"], both["prior"]["strength"]) == ("l2", 0.3)
