"""A live state can be kept, measured and edited, and it is a landscape."""

import pytest
import torch
from torch.nn.functional import normalize

import memscape as ms
from memscape.core.errors import CapabilityError, FileFormatError, InputError
from memscape.sequence import PRESETS, MemoryLayer, MemoryState, chunk
from memscape.sequence.parts import Keep, MatrixStore, Ridge

KEYS = normalize(torch.randn(5, 8, generator=torch.Generator().manual_seed(3), dtype=torch.float64), dim=-1)
VALUES = torch.randn(5, 6, generator=torch.Generator().manual_seed(4), dtype=torch.float64)

HADAMARD = torch.tensor([[1.0]], dtype=torch.float64)
for _ in range(3):
    HADAMARD = torch.cat([torch.cat([HADAMARD, HADAMARD], 1), torch.cat([HADAMARD, -HADAMARD], 1)])


def tokens(t=20, b=2):
    return torch.randn(b, t, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def layer(name="gated_deltanet"):
    return MemoryLayer(8, 2, name, head_dim=8, value_dim=8, generator=0).double()


def written(passes=200):
    """A DeltaNet state that recalls every value of KEYS exactly: the delta rule, repeated."""
    k, v = (x.repeat(passes, 1)[None, :, None] for x in (KEYS, VALUES))
    matrix = chunk(k, k, v)[1]
    return MemoryState(PRESETS["deltanet"], {"matrix": matrix}, torch.tensor([5]))


@pytest.mark.parametrize("name", PRESETS)
def test_a_saved_state_goes_on_as_if_never_saved(name, tmp_path):
    own, path = layer(name), tmp_path / "state.safetensors"
    with torch.no_grad():
        state = own(tokens())[1]
        state.save(path)
        loaded = MemoryState.load(path)
        assert loaded.spec == state.spec
        assert ms.load(path).spec == state.spec
        assert loaded.nbytes == state.nbytes > 0
        assert torch.equal(own(tokens(5), state)[0], own(tokens(5), loaded)[0])
    assert str(state.batch) in repr(state)


@pytest.mark.parametrize("name", PRESETS)
def test_a_state_keeps_no_more_than_it_holds(name):
    """Not the tokens of the call that it came from: a view would."""
    state = layer(name)(tokens(100))[1].detach()
    tensors = [x for x in (*state.tensors.values(), state.conv) if x is not None]
    assert sum(x.untyped_storage().nbytes() for x in tensors) <= 2 * state.nbytes


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "memory.safetensors"
    ms.memories.Hebbian(ms.patterns.independent(2, 20, generator=0)).save(path)
    with pytest.raises(FileFormatError, match="no state"):
        MemoryState.load(path)


def test_rows_can_be_chosen_and_copies_share_nothing():
    own = layer("titans")
    state = own(tokens())[1].detach()
    swapped = state.reorder(torch.tensor([1, 0, 1]))
    y = own(tokens(4).flip(0)[[0, 1, 0]], swapped)[0]
    torch.testing.assert_close(y[:2].flip(0), own(tokens(4), state)[0])
    copy = state.clone()
    copy.tensors["weight0"].zero_()
    assert state.tensors["weight0"].abs().max() > 0
    assert not own(tokens())[1].detach().tensors["weight0"].requires_grad
    with pytest.raises(InputError, match="rows in"):
        state.reorder(torch.tensor([2]))


def test_an_erased_engram_changes_its_recall_and_no_other():
    state = written()
    torch.testing.assert_close(state.read(KEYS)[0, 0], VALUES)
    before = state.read(KEYS)
    assert state.erase(KEYS[2], keep=KEYS[[0, 1, 3, 4]]) is state
    after = state.read(KEYS)
    assert after[0, 0, 2].abs().max() < 1e-12
    rest = [0, 1, 3, 4]
    torch.testing.assert_close(after[:, :, rest], before[:, :, rest], atol=1e-12, rtol=0)


def test_a_plain_erase_leaves_orthogonal_keys_alone():
    keys = torch.eye(8, dtype=torch.float64)
    state = MemoryState(
        PRESETS["linear"], {"matrix": torch.randn(1, 1, 8, 6, dtype=torch.float64)}, torch.tensor([8])
    )
    before = state.read(keys)
    after = state.erase(keys[0]).read(keys)
    assert after[0, 0, 0].abs().max() < 1e-14
    assert torch.equal(after[:, :, 1:], before[:, :, 1:])


@pytest.mark.parametrize("size", [1e-30, 1e30])
@pytest.mark.parametrize("kept", [False, True])
def test_a_key_of_any_size_erases_the_same(size, kept):
    state = MemoryState(PRESETS["linear"], {"matrix": torch.randn(1, 1, 8, 6)}, torch.tensor([8]))
    key, keep = torch.ones(8), torch.eye(8)[:2] if kept else None
    usual, made = state.clone().erase(key, keep=keep), state.clone().erase(size * key, keep=keep)
    torch.testing.assert_close(made.tensors["matrix"], usual.tensors["matrix"])


@pytest.mark.parametrize("name", ["mesa", "linear titans"])
def test_solved_and_momentum_memories_can_be_edited(name):
    spec = PRESETS["titans"].but(store=MatrixStore()) if name == "linear titans" else PRESETS["mesa"]
    own = layer(spec)
    state = own(tokens())[1].detach()
    before = state.read(KEYS, owned=own.owned)
    after = state.erase(KEYS[0], keep=KEYS[1:], owned=own.owned).read(KEYS, owned=own.owned)
    assert after[:, :, 0].abs().max() < 1e-10
    torch.testing.assert_close(after[:, :, 1:], before[:, :, 1:], atol=1e-10, rtol=0)
    assert own(tokens(3), state)[0].isfinite().all()


def test_an_erased_token_is_no_longer_looked_at():
    own = layer("softmax")
    whole, part = own(tokens(9))[1].detach(), own(tokens(9)[:, :8])[1].detach()
    last = whole.tensors["keys"][:, -1]
    read = whole.erase(last).read(KEYS)
    torch.testing.assert_close(read, part.read(KEYS))
    with pytest.raises(InputError, match="no token"):
        whole.erase(last)


def test_states_of_two_streams_merge():
    """Hebb's rule and solved memories without decay add; windows are laid end to end."""
    for spec in (
        PRESETS["linear"],
        PRESETS["mesa"].but(retention=Keep(), learner=Ridge()),
        PRESETS["softmax"],
    ):
        own = layer(spec.but(short="none"))
        x, z = tokens(12).split([7, 5], 1)
        both = own(tokens(12))[1].detach()
        joined = own(x)[1].detach().merge(own(z)[1].detach())
        torch.testing.assert_close(joined.read(KEYS, owned=own.owned), both.read(KEYS, owned=own.owned))
        assert joined.seen.tolist() == [12, 12]


def test_a_diagnosis_says_how_full_and_how_disturbed():
    report = written().diagnose(KEYS, VALUES)
    assert int(report.rank[0, 0]) == 5
    assert 1 < float(report.effective_rank[0, 0]) <= 5
    assert float(report.recall_error.max()) < 1e-12
    cosines = (KEYS @ KEYS.T).fill_diagonal_(0)
    torch.testing.assert_close(report.interference[0, 0], cosines.square().sum() / 20)
    torch.testing.assert_close(report.overlap[0, 0], cosines.abs().max())
    assert report.to_dict()["hebb_error"] == [4 / 8]
    assert "rank" in repr(report)
    for name in ("titans", "softmax", "mesa", "ttt_linear", "moneta"):
        own = layer(name)
        found = own(tokens())[1].diagnose(KEYS, torch.cat([VALUES, VALUES[:, :2]], 1), owned=own.owned)
        assert found.recall_error.isfinite().all()


def test_a_matrix_is_a_landscape_that_can_be_surveyed():
    """Bipolar pairs in a Hebbian matrix are minima of -k'Sv over +-1 units (Kosko 1988)."""
    pairs = ms.patterns.independent(2, 12, generator=0).double()
    keys, values = pairs[:, :7], pairs[:, 7:]
    matrix = chunk(keys[None, :, None], keys[None, :, None], values[None, :, None], erase=None)[1]
    memory = ms.as_memory(MemoryState(PRESETS["linear"], {"matrix": matrix}, torch.tensor([2])))
    survey = ms.landscape.exhaust(memory)
    minima = {tuple(state.tolist()) for state in torch.as_tensor(survey.minima).double()}
    assert {tuple(pair.tolist()) for pair in torch.cat([pairs, -pairs])} <= minima


def test_erasing_a_key_takes_its_wells_out_of_the_landscape_and_leaves_the_others():
    """Orthogonal keys and values: all pairs are minima; after the erasure all but the erased one."""
    keys, values = HADAMARD[[1, 2, 4]], HADAMARD[[1, 2, 3]][:, :4]
    matrix = chunk(keys[None, :, None], keys[None, :, None], values[None, :, None], erase=None)[1]
    state = MemoryState(PRESETS["linear"], {"matrix": matrix}, torch.tensor([3]))
    pairs = torch.cat([keys, values], 1)

    def are_wells():
        minima = torch.as_tensor(ms.landscape.survey(state.as_memory()).minima).double()
        return [bool((minima == pair).all(1).any()) for pair in pairs]

    assert are_wells() == [True, True, True]
    state.erase(keys[0], keep=keys[1:])
    assert are_wells() == [False, True, True]


def test_a_window_is_a_continuous_memory_of_its_keys():
    own = layer("hopfield")
    state = own(tokens())[1].detach()
    memory = ms.as_memory(state, row=1, head=1)
    assert len(memory) == 20
    torch.testing.assert_close(memory(KEYS, steps=2), _steps(state.tensors["keys"][1, :, 1], 2))
    pairs = ms.as_memory(written(), keys=KEYS, beta=50.0)
    recall = pairs.recall(torch.cat([KEYS[0], VALUES[0]]))
    assert int(recall.match) == 0


def _steps(keys, steps):
    state = KEYS
    for _ in range(steps):
        state = torch.softmax(8.0 * state @ keys.T, -1) @ keys
    return state


def test_what_cannot_be_done_is_said():
    state, deep, bank = written(), layer("titans")(tokens())[1], layer("gam")(tokens())[1]
    with pytest.raises(InputError, match="zero"):
        state.erase(torch.zeros(8))
    with pytest.raises(InputError, match="combination"):
        state.erase(KEYS[0], keep=torch.eye(8))
    with pytest.raises(InputError, match="keys have shape"):
        state.read(torch.eye(7))
    with pytest.raises(InputError, match="belongs to"):
        state.merge(deep)
    with pytest.raises(InputError, match="heads 0 to 0"):
        state.as_memory(head=3)
    for call in (
        lambda: deep.erase(KEYS[0]),
        lambda: deep.merge(deep),
        lambda: deep.as_memory(),
        lambda: bank.read(KEYS),
        lambda: layer("mesa")(tokens())[1].read(KEYS),
        lambda: layer("energy")(tokens())[1].read(KEYS),
    ):
        with pytest.raises(CapabilityError):
            call()
