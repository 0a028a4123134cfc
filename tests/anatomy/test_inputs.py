from __future__ import annotations

import pickle

import msgspec
import torch

from heredity.anatomy.inputs import Audio, InputForm, example


def test_examples_differ_from_each_other_and_are_the_same_again() -> None:
    batch = example(InputForm((3, 4)), 2)
    assert batch.shape == (2, 3, 4)
    assert not torch.equal(batch[0], batch[1])
    assert torch.equal(batch, example(InputForm((3, 4)), 2))
    assert not torch.equal(batch, example(InputForm((3, 4)), 2, seed=1))


def test_examples_are_the_same_in_every_precision() -> None:
    exact = example(InputForm((3,)), 5, dtype=torch.float64)
    assert exact.dtype == torch.float64
    assert torch.equal(exact.float(), example(InputForm((3,)), 5))


def test_tokens_are_whole_numbers_below_the_vocabulary() -> None:
    tokens = example(InputForm((50,), vocabulary=3), 4, dtype=torch.float64)
    assert tokens.shape == (4, 50)
    assert tokens.dtype == torch.int64
    assert set(tokens.unique().tolist()) == {0, 1, 2}


def test_a_form_without_audio_is_recorded_as_it_always_was() -> None:
    """Digests of genomes, and with them runs, must stay what they were."""
    form = InputForm((1, 8, 8))
    record = msgspec.json.encode(form)
    assert record == (b'{"shape":[1,8,8],"mean":[0.0],"std":[1.0],"vocabulary":null,"answer_mean":[],"answer_std":[]}')
    assert pickle.loads(pickle.dumps(form)) == form == msgspec.json.decode(record, type=InputForm)
    heard = InputForm((13, 90), audio=Audio(("yes", "no"), connected=True))
    assert msgspec.json.decode(msgspec.json.encode(heard), type=InputForm) == heard != InputForm((13, 90))
