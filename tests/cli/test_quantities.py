from __future__ import annotations

import pytest

from heredity.cli.quantities import (
    parse_duration,
    parse_setting,
    parse_shape,
    parse_share,
    show_count,
    show_duration,
    show_measure,
    show_share,
    show_times,
)
from heredity.errors import InputError


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("1h30m", 5400), ("1.5h", 5400), ("45", 45), ("0.5", 0.5)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "ten", "10 m", "5x", "-5s", "m", "1h-30m", "10M"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InputError, match=r"expected a duration; came .*; write 90s, 10m or 1h30m"):
        parse_duration(text)


@pytest.mark.parametrize(("text", "share"), [("2%", 0.02), ("0.02", 0.02), ("1e-3", 0.001), (".5%", 0.005)])
def test_shares(text: str, share: float) -> None:
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "%", "two", "2 %%"])
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(InputError, match="expected a share; came"):
        parse_share(text)


def test_shapes() -> None:
    assert parse_shape("3x224x224") == (3, 224, 224)
    assert parse_shape("12") == (12,)


@pytest.mark.parametrize("text", ["", "3x", "0x4", "3,224", "3X4", "-3"])
def test_what_is_no_shape(text: str) -> None:
    with pytest.raises(InputError, match="expected the shape of one example; came"):
        parse_shape(text)


def test_what_people_read() -> None:
    assert [show_duration(s) for s in (-3, 0, 425, 3723)] == ["0:00", "0:00", "7:05", "1:02:03"]
    assert (show_share(0.0123), show_count(431080.0)) == ("1.23 %", "431,080")
    assert [show_times(times) for times in (3.21, 1, 0.77)] == ["1/3.2", "1/1.0", "1.30x"]
    assert show_measure("params", 431080) == "431,080 params"
    assert show_measure("latency_ms", 0.0123) == "0.012 ms"
    assert show_measure("val_error", 0.02) == "validation error 2.00 %"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("population=4", ("population", 4)),
        ("preset=paper", ("preset", "paper")),
        ("culture=null", ("culture", None)),
        ('clusters=[{"value": 0.7}]', ("clusters", [{"value": 0.7}])),
        ("a=b=c", ("a", "b=c")),
    ],
)
def test_settings(text: str, expected: tuple[str, object]) -> None:
    assert parse_setting(text) == expected


@pytest.mark.parametrize("text", ["population", "=4", ""])
def test_what_is_no_setting(text: str) -> None:
    with pytest.raises(InputError, match=r"expected a setting of the strategy; came .*; write --set KEY=VALUE"):
        parse_setting(text)
