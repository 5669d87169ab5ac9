"""What a memory refuses, and that every refusal names value, limit and remedy."""

import numpy as np
import pytest
import torch

import memscape as ms
from memscape.core.errors import (
    DeviceError,
    DtypeError,
    InputError,
    MemscapeError,
    SizeError,
    SpaceError,
)
from memscape.memories import Continuous, Dense, Hebbian, Projection, Quadratic

CLASSES = [Hebbian, Projection, Dense, Continuous]
X = ms.patterns.independent(3, 50, generator=0)


def memory_of(cls):
    return cls(X)


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    ("bad", "error", "said"),
    [
        (torch.ones(2, 49), InputError, "50 units"),
        (torch.ones(51), InputError, "50 units"),
        (torch.tensor(1.0), InputError, "shape"),
        (torch.full((1, 50), float("nan")), InputError, "NaN"),
        (torch.full((1, 50), float("-inf")), InputError, "infinite"),
        (torch.ones(1, 50, dtype=torch.complex64), DtypeError, "complex"),
        (np.ones((1, 50), dtype=complex), DtypeError, "complex"),
        (np.array([["a"] * 50]), DtypeError, "real numbers"),
        (np.array([[object()] * 50]), DtypeError, "object"),
        (["some text"], DtypeError, "real numbers"),
        ([[1.0, 2.0], [1.0]], DtypeError, "length"),
        (torch.ones(0, 50), InputError, "nothing"),
        ([], InputError, "nothing"),
        (torch.ones(1, 50).to_sparse(), DtypeError, "to_dense"),
    ],
    ids=lambda x: getattr(x, "__name__", None) or str(x)[:20],
)
def test_patterns_and_cues_at_the_door(cls, bad, error, said):
    memory = memory_of(cls)
    for call in (memory.store, memory.recall, memory.energy, memory.field):
        with pytest.raises(error, match=said):
            call(bad)
    assert len(memory) == 3


@pytest.mark.parametrize("cls", [Hebbian, Projection, Dense])
def test_values_outside_the_space(cls):
    memory = memory_of(cls)
    for call in (memory.store, memory.recall, memory.energy):
        with pytest.raises(SpaceError, match=r"0\.5.*-1"):
            call(torch.full((1, 50), 0.5))
    with pytest.raises(SpaceError, match=r"2 \* x - 1"):
        memory.store((X > 0).float())
    with pytest.raises(SpaceError):
        memory.energy(torch.zeros(50))  # a state has no unknown units


def test_a_pattern_of_zeros_holds_nothing():
    with pytest.raises(InputError, match="pattern 1 is all zeros"):
        Hebbian(torch.stack([X[0], torch.zeros(50)]))


@pytest.mark.parametrize("cls", CLASSES)
def test_pictures_are_flattened_first(cls):
    with pytest.raises(InputError, match="flatten"):
        cls(torch.ones(2, 5, 5))


@pytest.mark.parametrize("cls", CLASSES)
def test_an_empty_memory_stores_but_does_not_recall(cls):
    memory = cls(units=50)
    with pytest.raises(InputError, match="empty"):
        memory.recall(X)
    assert memory.store(X).recall(X, generator=0).match.tolist() == [0, 1, 2]


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("units", [0, -3, True])
def test_a_memory_needs_units(cls, units):
    with pytest.raises(InputError):
        cls(units=units)


@pytest.mark.parametrize("cls", CLASSES)
def test_a_memory_needs_patterns_or_a_width(cls):
    with pytest.raises(InputError, match="units=n"):
        cls()


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("index", [3, -4, [0, 7], 0.5, [], [True, False]])
def test_only_what_is_stored_can_be_forgotten(cls, index):
    with pytest.raises(InputError):
        memory_of(cls).forget(index)


@pytest.mark.parametrize("cls", CLASSES)
def test_forget_takes_an_index_a_list_or_a_mask(cls):
    for index in (1, -2, [1], torch.tensor([1]), np.array([1]), [False, True, False]):
        left = memory_of(cls).forget(index)
        assert left.recall(X[[0, 2]], generator=0).match.tolist() == [0, 1]
        assert len(left) == 2


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    "reading", [{"threshold": 1.5}, {"threshold": -0.1}, {"damage": 0.8}, {"damage": float("nan")}]
)
def test_reading_options_have_ranges(cls, reading):
    with pytest.raises(InputError, match=next(iter(reading))):
        cls(X, **reading)


def test_an_unknown_reading_option_is_named():
    with pytest.raises(TypeError, match="treshold"):
        Hebbian(X, treshold=0.8)


@pytest.mark.parametrize("cls", [Hebbian, Projection, Dense])
def test_everything_that_holds_plus_and_minus_one_is_taken(cls):
    wanted = memory_of(cls).recall(X, generator=0).state
    for form in (X.int(), X.double(), X.numpy(), X.numpy().astype(np.int8), X.tolist(), X.to(torch.bfloat16)):
        assert torch.equal(cls(form).recall(X, generator=0).state, wanted)
    assert torch.equal(cls(X > 0).recall(X, generator=0).state, wanted)  # truth values are +1 and -1


def test_a_read_only_or_reversed_array_is_taken():
    array = X.numpy()[::-1, ::-1]
    array.setflags(write=False)
    assert torch.equal(Hebbian(array).patterns.float(), X.flip(0, 1))


# Quadratic


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (torch.ones(3), "square"),
        (torch.ones(2, 3), "square"),
        (torch.tensor([[0.0, 1.0], [0.5, 0.0]]), r"\(J \+ J.T\) / 2"),
        (torch.full((2, 2), float("nan")), "NaN"),
    ],
)
def test_couplings_are_square_symmetric_and_finite(weights, said):
    with pytest.raises(InputError, match=said):
        Quadratic(weights)


def test_a_diagonal_is_left_out():
    J = torch.tensor([[5.0, 1.0], [1.0, -7.0]])
    assert torch.equal(Quadratic(J).weights, torch.tensor([[0.0, 1.0], [1.0, 0.0]]).double())


def test_couplings_without_patterns_can_only_say_unknown():
    result = Quadratic(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), field=[3.0, 0.0]).recall(
        [[1.0, -1.0]], generator=0
    )
    assert result.match.tolist() == [-1]
    assert result.verdict.tolist() == [ms.Verdict.UNKNOWN]
    for value in (result.overlap, result.familiarity, result.gap):
        assert value.isnan().all()
    assert result.state.tolist() == [[1.0, 1.0]]


# Sizes and devices


@pytest.mark.parametrize("cls", [Hebbian, Projection])
def test_weights_that_would_not_fit_are_refused_before_memory_is_taken(cls):
    memory = cls(ms.patterns.independent(2, 1_000_000, generator=0))
    with pytest.raises(SizeError, match=r"GiB.*pattern form") as caught:
        _ = memory.weights
    assert isinstance(caught.value, MemoryError)


def test_a_cue_on_another_device_is_refused_with_the_way_out():
    """Patterns elsewhere: the meta device stands for an accelerator."""
    memory = Hebbian(X)
    memory.recall(X, generator=0)
    memory.to("meta")
    with pytest.raises(DeviceError, match=r"cpu.*meta.*\.to\("):
        memory.recall(X)


def test_every_refusal_is_an_error_of_the_library():
    for error in (DeviceError, DtypeError, InputError, SizeError, SpaceError):
        assert issubclass(error, MemscapeError)
    assert issubclass(InputError, ValueError)
