from __future__ import annotations

import pytest

from heredity.measures import latency
from heredity.measures.latency import PROTOCOL, Protocol, latency_ms


class Clock:
    """Calls take as long as they are told, and nothing else takes time."""

    def __init__(self, milliseconds: list[float]) -> None:
        self.milliseconds, self.now, self.calls = milliseconds, 0.0, 0

    def call(self) -> None:
        self.now += self.milliseconds[self.calls] / 1e3
        self.calls += 1


def test_the_median_after_warming_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock([1000.0, 1000.0, 5.0, 1.0, 2.0, 900.0, 3.0])
    monkeypatch.setattr(latency.time, "perf_counter", lambda: clock.now)
    assert latency_ms(clock.call, Protocol(warmup=2, repeats=5)) == pytest.approx(3.0)
    assert clock.calls == 7


def test_the_protocol_is_stated() -> None:
    assert str(PROTOCOL) == "one example, 1 thread, 20 warm-up calls, median of 100"
    calls: list[int] = []
    assert latency_ms(lambda: calls.append(1)) >= 0
    assert len(calls) == PROTOCOL.warmup + PROTOCOL.repeats
