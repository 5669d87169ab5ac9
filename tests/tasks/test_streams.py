import pytest
import torch

from memscape.core.errors import InputError
from memscape.sequence import PRESETS, MemoryLayer
from memscape.tasks import KeyValueStream
from memscape.tasks.streams import read_error, squared_error
from memscape.theory.interference import delta_error, hebb_error, ridge_error
from memscape.training import train


def hebb(keys, values):
    store = keys.transpose(1, 2) @ values
    return lambda cues: cues @ store


def delta(keys, values):
    store = torch.zeros(len(keys), keys.shape[-1], values.shape[-1])
    for k, v in zip(keys.unbind(1), values.unbind(1), strict=True):
        store = store + k[:, :, None] * (v - (k[:, None] @ store)[:, 0])[:, None]
    return lambda cues: cues @ store


def least_squares(keys, values):
    store = torch.linalg.pinv(keys.double()) @ values.double()
    return lambda cues: (cues.double() @ store).float()


@pytest.mark.parametrize("pairs", [16, 64, 128])
def test_interference_follows_the_laws_of_the_three_rules(pairs):
    stream = KeyValueStream(pairs, 64, 16).sample(60, generator=0)
    assert abs(float(read_error(hebb, stream).mean()) / hebb_error(pairs, 64) - 1) < 0.1
    assert abs(float(read_error(delta, stream).mean()) / delta_error(pairs, 64) - 1) < 0.1
    assert abs(float(read_error(least_squares, stream).mean()) - ridge_error(pairs, 64)) < 0.03


def test_the_key_written_last_is_exact_for_the_delta_rule():
    stream = KeyValueStream(50, 32, 8).sample(5, generator=0)
    assert read_error(delta, stream)[-1] < 1e-10


def test_keys_that_are_written_again_ought_to_read_the_new_value():
    stream = KeyValueStream(20, 64, 8, rewritten=0.25).sample(20, generator=0)
    assert stream.keys.shape[1] == 25
    assert torch.equal(stream.keys[:, :5], stream.keys[:, 20:])
    assert torch.equal(stream.clean[:, :5], stream.clean[:, 20:])
    again = slice(20, None)
    assert read_error(delta, stream)[again].mean() < 0.3 < 1 < read_error(hebb, stream)[again].mean()


def test_keys_overlap_as_they_were_asked_to():
    keys = KeyValueStream(30, 256, 1, similarity=0.4).sample(30, generator=0).keys
    overlap = keys @ keys.transpose(1, 2)
    off = ~torch.eye(30, dtype=torch.bool)
    assert abs(float(overlap[:, off].mean()) - 0.4) < 0.02


def test_readers_of_another_shape_are_refused():
    stream = KeyValueStream(3, 4, 2).sample(1, generator=0)
    with pytest.raises(InputError, match="must give"):
        read_error(lambda k, v: lambda cues: cues, stream)


def test_one_token_is_one_pair_and_a_layer_learns_to_answer_keys_alone():
    task = KeyValueStream(pairs=4, size=8, values=8)
    batch = task.sample(3, generator=0)
    assert torch.equal(batch.queries[:, :4], batch.tokens)
    assert torch.equal(batch.queries[:, 4:, :8], batch.keys)
    assert not batch.queries[:, 4:, 8:].any()
    silent = torch.nn.Module()
    silent.forward = lambda x: torch.zeros_like(x)
    assert float(squared_error(silent, batch)) == 1.0
    spec = PRESETS["softmax"].but(short="none")
    layer = MemoryLayer(16, 1, spec, generator=0)
    optimizer = torch.optim.AdamW(layer.parameters(), 3e-2)
    train(
        layer, squared_error, task.batches(16, 0), optimizer=optimizer, steps=80, generator=0, progress=False
    )
    with torch.no_grad():
        assert float(squared_error(layer, task.sample(100, generator=1))) < 0.2


def test_the_same_seed_draws_the_same_streams():
    batches = KeyValueStream(3, 4, 2).batches(2, 7)
    assert torch.equal(batches(3).values, KeyValueStream(3, 4, 2).batches(2, 7)(3).values)
    assert not torch.equal(batches(3).values, batches(4).values)
