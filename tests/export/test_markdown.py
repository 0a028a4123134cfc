from __future__ import annotations

import re

import pytest

from heredity.export.markdown import plain, share, table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("stage1.0.conv2", "stage1.0.conv2"),
        ("my_net.py:make_it", r"my\_net.py:make\_it"),
        ("a|b", r"a\|b"),
        ("a\\|b", r"a\\\|b"),
        ("<script>&amp;", r"\<script\>\&amp;"),
        ("two\n lines", "two lines"),
        ("[x](y) *z* `c` ~d~", r"\[x\](y) \*z\* \`c\` \~d\~"),
    ],
)
def test_plain_text_is_shown_as_it_is(text: str, shown: str) -> None:
    assert plain(text) == shown
    assert re.sub(r"\\(.)", r"\1", shown) == " ".join(text.split())


def test_a_table_has_as_many_cells_in_every_row() -> None:
    made = table(("name", "count"), [(plain("a|b"), "1"), (plain("c"), "22")])
    assert made == "| name | count |\n| --- | ---: |\n| a\\|b | 1 |\n| c | 22 |"
    assert table(("name",), []) == "| name |\n| --- |"


def test_shares() -> None:
    assert (share(0.01234), share(1), share(0)) == ("1.23 %", "100.00 %", "0.00 %")
