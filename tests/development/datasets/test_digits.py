from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from heredity.development.datasets import load_task
from heredity.development.task import Split
from heredity.errors import DataError
from heredity.testing.refusals import expect_one_line

from .conftest import rows


class TestDigits:
    def test_three_disjoint_seeded_parts_of_all_there_are(self) -> None:
        one, same, other = (load_task("digits", seed=seed) for seed in (1, 1, 2))
        assert [len(s) for s in (one.train, one.validation, one.test)] == [1137, 300, 360]
        assert one.n_classes == 10
        assert one.inputs.shape == (1, 8, 8)
        assert one.digest == same.digest != other.digest
        raw = load_digits()
        everything = Split(
            torch.from_numpy((raw.images * 255 / 16).round().astype(np.uint8)), torch.from_numpy(raw.target)
        )
        assert rows(one.train, one.validation, one.test) == rows(everything)

    def test_a_share_of_them(self) -> None:
        whole, part = load_task("digits", seed=1), load_task("digits:10%", seed=1)
        assert [len(s) for s in (part.train, part.validation)] == [114, 30]
        assert part.test.digest == whole.test.digest, "the test split stays whole"
        assert set(rows(part.train)) <= set(rows(whole.train))
        assert set(rows(part.validation)) <= set(rows(whole.validation))
        assert part.digest == load_task("digits:10%", seed=1).digest != load_task("digits:10%", seed=2).digest
        assert load_task("digits:100%", seed=1).train.digest != ""

    @pytest.mark.parametrize("share", ["0%", "-3%", "101%", "ten%", "nan%", "%"])
    def test_shares_that_are_none(self, share: str) -> None:
        with pytest.raises(DataError) as caught:
            load_task(f"digits:{share}", seed=0)
        expect_one_line(caught, f"digits:{share}", "(0, 100]")

    def test_a_share_too_small_to_learn_from(self) -> None:
        with pytest.raises(DataError) as caught:
            load_task("digits:0.01%", seed=0)
        expect_one_line(caught, "2 classes")
