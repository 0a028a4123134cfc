"""Latency, by one stated protocol: single example, one thread, warm-up, median."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Protocol:
    """`warmup` calls that do not count, then the median of `repeats`; each call is one example on `threads` threads."""

    threads: int = 1
    warmup: int = 20
    repeats: int = 100

    def __str__(self) -> str:
        return f"one example, {self.threads} thread, {self.warmup} warm-up calls, median of {self.repeats}"


PROTOCOL = Protocol()


def latency_ms(call: Callable[[], object], protocol: Protocol = PROTOCOL) -> float:
    """Median duration of `call` in milliseconds; the caller sees to the thread count."""
    for _ in range(protocol.warmup):
        call()
    durations: list[float] = []
    for _ in range(protocol.repeats):
        start = time.perf_counter()
        call()
        durations.append(time.perf_counter() - start)
    return statistics.median(durations) * 1e3
