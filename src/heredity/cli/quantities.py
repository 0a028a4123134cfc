"""How people write and read quantities: `10m`, `2%`, 431,080, 1.2 %."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from heredity.errors import InputError

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str) -> float:
    """Seconds of `90s`, `10m`, `1h30m` or a bare number of seconds.

    Raises:
        InputError: it is none of these.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)([smh])", text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    try:
        return float(text)
    except ValueError:
        raise InputError.of("a duration", repr(text), "write 90s, 10m or 1h30m") from None


def parse_share(text: str) -> float:
    """A share from `0.02` or `2%`.

    Raises:
        InputError: it is neither.
    """
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise InputError.of("a share", repr(text), "write 0.02 or 2%") from None


def parse_setting(text: str) -> tuple[str, Any]:
    """`("population", 4)` from `population=4`; values are JSON, or plain text where that is none.

    Raises:
        InputError: there is no key.
    """
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise InputError.of("a setting of the strategy", repr(text), "write --set KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def parse_shape(text: str) -> tuple[int, ...]:
    """`(3, 224, 224)` from `3x224x224`.

    Raises:
        InputError: it is something else.
    """
    if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*)*", text):
        raise InputError.of("the shape of one example", repr(text), "write 3x224x224")
    return tuple(int(size) for size in text.split("x"))


def parse_generation(text: str) -> int | Literal["last"]:
    """A generation's number from `3`, or `last`.

    Raises:
        InputError: it is something else.
    """
    if text == "last":
        return "last"
    if not text.isdecimal():
        raise InputError.of("a generation", repr(text), "give its number, or last")
    return int(text)


def show_duration(seconds: float) -> str:
    """`7:05` or `1:02:03`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def show_share(share: float) -> str:
    """`1.23 %`."""
    return f"{100 * share:.2f} %"


def show_times(times: float) -> str:
    """What part of the ancestor's is left, so many times fewer: `1/3.2`; of one that has grown, `1.30x`."""
    return f"1/{times:.1f}" if times >= 1 else f"{1 / times:.2f}x"


def show_measure(name: str, value: float) -> str:
    """A measurement by its name in `heredity.measures.UNITS`: `431,080 params`, `0.012 ms`, `1.23 %`."""
    if name == "latency_ms":
        return f"{value:.3f} ms"
    if name.endswith("_error"):
        return f"{'validation' if name == 'val_error' else 'test'} error {show_share(value)}"
    return f"{show_count(value)} {name}"


def show_effort(flops: float | None, seconds: float) -> str:
    """`1.23e+12 FLOPs, 1:02:03 of workers' time`."""
    known = "FLOPs not known" if flops is None else f"{flops:.2e} FLOPs"
    return f"{known}, {show_duration(seconds)} of workers' time"


def show_count(count: float) -> str:
    """`431,080`."""
    return f"{count:,.0f}"
