"""What every refusal must read like."""

from __future__ import annotations

import pytest

from heredity.errors import HeredityError


def expect_one_line(caught: pytest.ExceptionInfo[HeredityError], *words: object) -> None:
    """A message is one line that names these, and says what to do."""
    message = str(caught.value)
    if "\n" in message or not message.startswith("expected ") or message.count("; ") < 2:
        pytest.fail(f"not one line of what was expected, what came and what to do: {message!r}")
    if missing := [word for word in words if str(word) not in message]:
        pytest.fail(f"{message!r} does not name {missing}")
