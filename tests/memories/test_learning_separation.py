"""A separation that is learnt is a separation like any other, and recalls where Hebb's rule is lost."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import memscape as ms
from memscape.core.errors import InputError
from memscape.mechanisms import Power, Separated
from memscape.memories import Dense, learn_separation
from memscape.memories.learning_separation import overlap_counts

SMALL: dict[str, Any] = {"cues": 60, "steps": 30, "last": 60, "generator": 0, "progress": False}


@given(seed=st.integers(0, 2**31), n=st.integers(2, 12), p=st.integers(1, 6))
def test_counts_times_the_table_are_twice_the_field(seed, n, p):
    """h_i = (E(s_i = -1) - E(s_i = +1)) / 2 for any separation."""
    X, cue = (ms.patterns.independent(k, n, generator=seed + i) for i, k in enumerate((p, 3)))
    counts = overlap_counts(X.to(torch.int64), cue.to(torch.int64)).double()
    table = Power(3).value(torch.arange(-n, n + 1, 2, dtype=torch.float64))
    field = Separated(X.to(torch.int8), Power(3)).field(cue)
    torch.testing.assert_close((counts @ table / 2).view(3, n), field.double())


@pytest.mark.filterwarnings("ignore::memscape.core.errors.MemscapeWarning")
def test_it_recalls_where_hebb_is_lost_and_serves_other_patterns():
    X, Y = (ms.patterns.independent(60, 60, generator=seed) for seed in (0, 1))
    learnt = learn_separation(X, damage=0.15, **SMALL)
    for stored in (X, Y):
        cue = ms.patterns.flip(stored, fraction=0.15, generator=2)
        right = Dense(stored, separation=learnt).recall(cue, generator=3).exact
        assert right.double().mean() > 0.9
    assert Dense(Y, separation=Power(2)).recall(cue, generator=3).exact.double().mean() < 0.2


def test_it_is_saved_with_its_memory(tmp_path):
    X = ms.patterns.independent(10, 30, generator=0)
    memory = Dense(X, separation=learn_separation(X, **SMALL))
    memory.save(tmp_path / "memory.safetensors")
    cue = ms.patterns.flip(X, fraction=0.1, generator=1)
    back = ms.load(tmp_path / "memory.safetensors")
    assert back.separation == memory.separation
    assert torch.equal(back.energy(cue), memory.energy(cue))


def test_the_same_seed_learns_the_same():
    X = ms.patterns.independent(10, 30, generator=0)
    assert learn_separation(X, **SMALL) == learn_separation(X, **SMALL)


@pytest.mark.parametrize(
    "call",
    [
        lambda: learn_separation(torch.zeros(2, 5)),
        lambda: learn_separation(torch.ones(2, 5), damage=0.7),
        lambda: learn_separation(torch.ones(2, 5), cues=0),
        lambda: learn_separation(torch.ones(2, 5), size=2),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(InputError):
        call()
