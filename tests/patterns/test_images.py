"""Image codes: what was encoded is decoded, and a damaged unit costs one level."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape import patterns
from memscape.core.errors import InputError
from memscape.patterns import Thermometer, Threshold

SEEDS = st.integers(0, 2**40)


def grey(shape, levels, seed):
    return torch.randint(levels + 1, shape, generator=torch.Generator().manual_seed(seed))


@given(
    st.sampled_from([(), (1,), (3,), (2, 2)]),
    st.integers(1, 6),
    st.integers(1, 6),
    st.integers(1, 255),
    st.sampled_from([None, 1.0, 16.0, 0.3]),
    SEEDS,
)
def test_a_thermometer_code_loses_nothing(batch, height, width, levels, top, seed):
    """Equally spaced grey values come back; whole numbers (top = levels) to the last bit."""
    whole = grey((*batch, height, width), levels, seed)
    images = whole if top is None else whole.double() * (top / levels)
    code = Thermometer(levels=levels, top=float(levels) if top is None else top)
    units = code.encode(images)
    assert units.shape == (*batch, height * width * levels)
    assert bool((units.abs() == 1).all())
    decoded = code.decode(units, (height, width))
    assert decoded.shape == images.shape
    if top is None:
        assert torch.equal(decoded, images.float())
    assert torch.allclose(decoded, images.float(), rtol=1e-6, atol=0)


def test_digits_are_1024_units_and_come_back_to_the_last_bit():
    images, labels = patterns.digits()
    assert images.shape == (1797, 8, 8)
    code = Thermometer(levels=16)
    units = code.encode(images)
    assert units.shape == (1797, 1024)
    assert torch.equal(code.decode(units, (8, 8)), images)
    assert labels.bincount().min() > 170


@given(st.integers(1, 40), SEEDS, st.data())
def test_an_inverted_unit_costs_one_level(levels, seed, data):
    code = Thermometer(levels=levels, top=float(levels))
    images = grey((2, 3), levels, seed)
    units = code.encode(images)
    hit = data.draw(st.integers(0, units.numel() - 1))
    units[hit] = -units[hit]
    change = (code.decode(units, (2, 3)) - images).abs().flatten()
    assert change.sum() == 1
    assert change[hit // levels] == 1


def test_similar_greys_have_similar_codes():
    code = Thermometer(levels=10)
    a, b, c = code.encode(torch.tensor([[[0.2]], [[0.4]], [[0.9]]]))
    assert (a @ b) > (b @ c) > (a @ c)
    assert int((a != b).sum()) == 2


def test_between_two_levels_the_nearer_is_taken():
    code = Thermometer(levels=4)
    shown = code.decode(code.encode([[0.0, 0.12, 0.13, 0.37, 0.38, 1.0]]), (1, 6))
    assert shown.flatten().tolist() == [0, 0, 0.25, 0.25, 0.5, 1.0]


def test_an_unknown_unit_counts_half():
    assert Thermometer(levels=4).decode([1.0, 0.0, -1.0, -1.0], (1, 1)).item() == pytest.approx(0.375)
    assert Threshold().decode([0.0, 1.0], (1, 2)).tolist() == [[0.5, 1.0]]


@given(st.floats(0, 1), SEEDS)
def test_a_threshold_parts_light_from_dark(level, seed):
    images = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    code = Threshold(level=level)
    shown = code.decode(code.encode(images), (4, 5))
    assert torch.equal(shown, (images >= level).float())
    assert torch.equal(code.encode(shown * 1.0), code.encode(images)) or level == 0


def test_codes_take_what_users_have():
    bytes_ = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    code = Thermometer(levels=255, top=255)
    assert torch.equal(code.decode(code.encode(bytes_), (16, 16)), torch.from_numpy(bytes_).float())
    assert Threshold(0.5, top=255).encode(bytes_[:, ::-1]).sum() == 0
    assert Threshold(0.5).encode(torch.tensor([[True, False]])).tolist() == [1, -1]
    assert Threshold().decode(np.array([True, False]), (1, 2)).tolist() == [[1.0, 0.0]]


def test_rounding_at_the_top_is_forgiven():
    white = torch.full((1, 2), 0.3)
    assert white.double().max() > 0.3
    assert Thermometer(4, top=0.3).encode(white).min() == 1
    with pytest.raises(InputError):
        Thermometer(4, top=0.3).encode(white * 1.001)


def test_codes_are_values():
    assert Thermometer(levels=16) == Thermometer(16)
    assert Thermometer(16) != Thermometer(8)
    assert len({Threshold(), Threshold(0.5), Threshold(0.25)}) == 2


@pytest.mark.parametrize("code", [Threshold(), Thermometer(4)])
@pytest.mark.parametrize(
    ("images", "reason"),
    [
        ([[0.0, 16.0]], "set top=16"),
        ([[-0.1, 1.0]], "from -0.1"),
        ([0.5, 0.5], "height"),
        ([[float("nan")]], "NaN"),
    ],
)
def test_images_outside_the_code_are_refused(code, images, reason):
    with pytest.raises(InputError, match=reason):
        code.encode(images)


@pytest.mark.parametrize("code", [Threshold(), Thermometer(4)])
def test_states_of_another_width_are_refused(code):
    with pytest.raises(InputError, match="units in the last axis"):
        code.decode(torch.ones(2, 7), (2, 2))
    with pytest.raises(InputError, match="side"):
        code.decode(torch.ones(2, 4), (0, 4))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Thermometer(0),
        lambda: Thermometer(-2),
        lambda: Thermometer(4, top=0.0),
        lambda: Thermometer(4, top=float("inf")),
        lambda: Threshold(1.5),
        lambda: Threshold(0.5, top=-1.0),
        lambda: Threshold(float("nan")),
    ],
)
def test_codes_that_mean_nothing_are_refused(make):
    with pytest.raises(InputError):
        make()
