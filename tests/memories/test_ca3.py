"""CA3: any fragment calls every content that shares it, a cue learnt anew leaves nothing of the old one."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import memscape as ms
from memscape.core.errors import InputError, SpaceError
from memscape.core.memory import EnergyMemory, ForgettingMemory, HeteroMemory
from memscape.memories import CA3

CUES, UNITS = 32, 128


def contents(seed: int, count: int = CUES, units: int = UNITS, density: float = 0.1) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    drawn = (torch.rand(count, units, generator=g) < density).float()
    drawn[:, 0] = 1  # none is empty, and all overlap
    drawn[-1] = torch.maximum(drawn[-1], drawn[0])  # one holds another
    return drawn


@given(seed=st.integers(0, 2**31))
def test_a_cue_reads_its_content_and_a_fragment_every_content_that_shares_a_bit(seed):
    X = contents(seed)
    memory = CA3(cues=CUES, units=UNITS).associate(range(CUES), X)
    assert torch.equal(memory.read(torch.arange(CUES)), X)
    fragments = contents(seed + 1, 50)
    assert torch.equal(memory.recall_by_content(fragments), fragments @ X.T > 0)
    asked = X * (torch.rand(X.shape, generator=torch.Generator().manual_seed(seed)) < 0.5)
    asked[:, 0] = 1
    inside = (asked[:, None] <= X).all(-1)
    assert torch.equal(memory.recall_by_content(asked, bits=None), inside)


@given(seed=st.integers(0, 2**31), place=st.integers(0, CUES - 1))
def test_learning_anew_leaves_no_old_bit_and_every_other_row_as_it_was(seed, place):
    memory = CA3(cues=CUES, units=UNITS).associate(range(CUES), contents(seed))
    before, new = memory.synapses.clone(), contents(seed + 7, 1)[0]
    memory.associate(place, new)
    others = torch.arange(CUES) != place
    assert torch.equal(memory.read(place), new)
    assert torch.equal(memory.synapses[others], before[others])
    assert len(memory) == CUES


def test_it_keeps_the_laws_and_has_the_capabilities():
    made = ms.testing.check_memory(lambda X: CA3(X, cues=CUES))
    assert {"forgetting", "knows what it does not know", "save and load"} <= {check.name for check in made}
    memory = CA3(contents(0))
    assert isinstance(memory, ForgettingMemory)
    assert isinstance(memory, HeteroMemory)
    assert not isinstance(memory, EnergyMemory)


@given(seed=st.integers(0, 2**31))
def test_every_content_is_a_fixed_point_even_one_within_another(seed):
    X = contents(seed)
    recall = CA3(X).recall(X)
    assert torch.equal(recall.state, X)


def test_its_contents_are_wells_whose_landscape_can_be_taken():
    X = contents(3, 4, 12, density=0.4)
    memory = CA3(X).as_memory()
    assert isinstance(memory, EnergyMemory)
    assert torch.equal(memory.recall(2 * X - 1).state, 2 * X - 1)


def test_forgetting_frees_a_cue():
    X = contents(1, 4)
    memory = CA3(X, cues=4).forget(2)
    assert not memory.read(2).any()
    memory.store(X[2])
    assert torch.equal(memory.read(2), X[2])


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.associate(32, torch.ones(UNITS)),
        lambda m: m.associate(-1, torch.ones(UNITS)),
        lambda m: m.associate(0.5, torch.ones(UNITS)),
        lambda m: m.associate([0, 1], torch.ones(1, UNITS)),
        lambda m: m.read(99),
        lambda m: m.recall_by_content(torch.zeros(UNITS)),
        lambda m: m.recall_by_content(torch.ones(UNITS), bits=0),
        lambda m: m.recall_by_content(torch.ones(3)),
        lambda m: m.store(contents(5, 2)),
        lambda m: m.associate(0, torch.full((UNITS,), float("nan"))),
    ],
)
def test_what_cannot_be_is_refused(call):
    memory = CA3(contents(0, 31))
    with pytest.raises(InputError):
        call(memory)
    assert torch.equal(memory.patterns.float(), contents(0, 31))


def test_too_many_contents_are_refused_with_the_remedy():
    with pytest.raises(InputError, match="cues=40"):
        CA3(contents(0, 40))
    with pytest.raises(SpaceError):
        CA3(-torch.ones(1, 5))


@pytest.mark.parametrize("keys", [None, "2", 1j, [[0], [1, 2]]])
def test_what_is_no_number_of_a_cue_is_refused(keys):
    with pytest.raises(InputError):
        CA3(cues=4, units=5).read(keys)
