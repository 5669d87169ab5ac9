"""Spaces: what a unit can be, how states are compared, damaged and drawn."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape.core.errors import DtypeError, InputError, SpaceError
from memscape.core.spaces import Binary, Bipolar, Real, SparseBinary, Sphere

SPACES = [Bipolar(), Binary(), SparseBinary(5), Real(), Real(scale=3.0), Sphere(), Sphere(radius=7.0)]
DAMAGES = [(space, damage) for space in SPACES for damage in space.damages]
SEEDS = st.integers(0, 2**40)
AMOUNTS = st.floats(0, 1)
each_space = pytest.mark.parametrize("space", SPACES, ids=str)
each_damage = pytest.mark.parametrize(("space", "damage"), DAMAGES, ids=str)


@each_space
def test_samples_lie_in_the_space_and_follow_the_seed(space):
    x = space.sample(6, 40, generator=1)
    assert torch.equal(space.check(x), x)
    assert torch.allclose(space.project(x), x)
    assert torch.equal(space.sample(6, 40, generator=1), x)
    assert not torch.equal(space.sample(6, 40, generator=2), x)


@each_space
def test_an_overlap_is_one_with_itself_and_never_more(space):
    x = space.sample(6, 40, generator=3)
    overlap = space.overlap(x, x)
    assert torch.allclose(overlap.diagonal(), torch.ones(6), atol=1e-5)
    assert float(overlap.abs().max()) < 1 + 1e-5
    assert torch.allclose(overlap, overlap.T, atol=1e-6)


def test_overlaps_in_numbers():
    signs = torch.tensor([[1.0, 1.0, -1.0, -1.0]])
    assert Bipolar().overlap(signs, torch.cat([-signs, signs.roll(1, 1)])).tolist() == [[-1.0, 0.0]]
    bits = (signs + 1) / 2
    assert Binary().overlap(bits, torch.cat([1 - bits, bits.roll(1, 1)])).tolist() == [[-1.0, 0.0]]
    assert SparseBinary(2).overlap(bits, torch.cat([1 - bits, bits.roll(1, 1)])).tolist() == [[0.0, 0.5]]
    assert Real().overlap(3 * signs, -2 * signs).item() == pytest.approx(-1)
    assert Bipolar().overlap(signs, signs.to(torch.int8)).item() == 1


@each_space
def test_projection_ends_in_the_space_and_stays_there(space):
    x = torch.randn(5, 30, generator=torch.Generator().manual_seed(0))
    once = space.project(x)
    assert torch.allclose(space.check(once), once)
    assert torch.allclose(space.project(once), once, atol=1e-6)


def test_projection_takes_the_nearest_state():
    x = torch.randn(20, 6, generator=torch.Generator().manual_seed(1))
    corners = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 6)
    assert torch.equal(Bipolar().project(x), corners[torch.cdist(x, corners).argmin(1)])
    bits = (corners + 1) / 2
    assert torch.equal(Binary().project(x), bits[torch.cdist(x, bits).argmin(1)])
    three = bits[bits.sum(1) == 3]
    assert torch.equal(SparseBinary(3).project(x), three[torch.cdist(x, three).argmin(1)])


def test_fair_samples():
    n = 100_000
    assert abs(float(Bipolar().sample(1, n, generator=0).mean())) < 5 / n**0.5
    assert abs(float(Binary().sample(1, n, generator=0).mean()) - 0.5) < 2.5 / n**0.5
    assert float(Real(scale=3.0).sample(1, n, generator=0).std()) == pytest.approx(3, rel=0.02)
    assert Sphere(radius=7.0).sample(3, 50, generator=0).norm(dim=1).tolist() == pytest.approx([7.0] * 3)
    assert SparseBinary(5).sample(9, 50, generator=0).sum(1).tolist() == [5.0] * 9


@each_damage
def test_no_damage_changes_nothing_and_a_seed_is_a_damage(space, damage):
    x = space.sample(4, 60, generator=0)
    assert torch.allclose(space.corrupt(x, 0.0, damage=damage, generator=1), x)
    hit = space.corrupt(x, 0.4, damage=damage, generator=1)
    assert not torch.equal(hit, x)
    assert torch.equal(space.corrupt(x, 0.4, damage=damage, generator=1), hit)
    assert not torch.equal(space.corrupt(x, 0.4, damage=damage, generator=2), hit)
    assert len(torch.unique((hit != x).float() * (hit - x), dim=0)) == 4  # each row on its own


@each_damage
def test_damage_keeps_shape_and_precision(space, damage):
    x = space.sample(6, 20, generator=0).double().reshape(2, 3, 20)
    hit = space.corrupt(x if damage != "rotate" else space.project(x), 0.5, damage=damage, generator=1)
    assert hit.shape == (2, 3, 20)
    assert hit.dtype == torch.float64
    assert space.corrupt(space.project(x[0, 0]), 0.5, damage=damage, generator=1).shape == (20,)


@each_space
def test_the_first_damage_is_the_space_s_own(space):
    x = space.sample(2, 30, generator=0)
    own = space.corrupt(x, 0.4, damage=space.damages[0], generator=1)
    assert torch.equal(space.corrupt(x, 0.4, generator=1), own)


@pytest.mark.parametrize("space", [Bipolar(), Binary()], ids=str)
@given(st.integers(1, 50), AMOUNTS, SEEDS)
def test_flip_changes_an_exact_number_of_units(space, n, amount, seed):
    x = space.sample(3, n, generator=seed)
    hit = space.corrupt(x, amount, damage="flip", generator=seed)
    assert (hit != x).sum(1).tolist() == [round(amount * n)] * 3
    assert torch.equal(space.check(hit), hit)


@given(st.integers(1, 50), AMOUNTS, SEEDS)
def test_mask_sets_an_exact_number_of_units_to_zero(n, amount, seed):
    for space in (Bipolar(), Real(), Sphere()):
        hit = space.corrupt(space.sample(3, n, generator=seed), amount, damage="mask", generator=seed)
        assert (hit == 0).sum(1).tolist() == [round(amount * n)] * 3


@given(st.integers(1, 20), st.integers(0, 20), AMOUNTS, SEEDS)
def test_move_keeps_the_number_of_active_units(active, spare, amount, seed):
    space, n = SparseBinary(active), active + spare
    x = space.sample(3, n, generator=seed)
    moved = min(round(amount * active), spare)  # no more than there is room for
    hit = space.corrupt(x, amount, damage="move", generator=seed)
    assert torch.equal(space.check(hit), hit)
    assert ((x > 0) & (hit == 0)).sum(1).tolist() == [moved] * 3
    lost = space.corrupt(x, amount, damage="mask", generator=seed)
    assert lost.sum(1).tolist() == [active - round(amount * active)] * 3
    assert bool((lost <= x).all())


def test_rotation_leaves_the_overlap_that_flips_leave():
    for amount in (0.1, 0.5, 0.9):
        for space in (Real(scale=2.0), Sphere(radius=3.0)):
            x = space.sample(50, 2000, generator=0)
            hit = space.corrupt(x, amount, damage="rotate", generator=1)
            overlap = space.overlap(hit, x).diagonal()
            assert float(overlap.mean()) == pytest.approx(1 - 2 * amount, abs=5e-3)
            assert hit.norm(dim=1).tolist() == pytest.approx(x.norm(dim=1).tolist(), rel=0.1)
    sphere = Sphere(radius=3.0)
    x = sphere.sample(50, 20, generator=0)
    assert torch.allclose(
        sphere.check(sphere.corrupt(x, 0.3, generator=1)), sphere.corrupt(x, 0.3, generator=1)
    )
    assert torch.allclose(
        sphere.overlap(sphere.corrupt(x, 0.3, generator=1), x).diagonal(), torch.tensor(0.4)
    )


def test_no_opinion_survives_a_flip_as_plain_zero():
    hit = Bipolar().corrupt([[0.0, 1.0, -1.0]], 1.0, generator=0)
    assert hit.tolist() == [[0.0, -1.0, 1.0]]
    assert not bool(torch.signbit(hit[0, 0]))


def test_masked_patterns_are_not_moved_and_not_rotated():
    masked = SparseBinary(5).corrupt(
        SparseBinary(5).sample(1, 20, generator=0), 0.4, damage="mask", generator=0
    )
    with pytest.raises(SpaceError, match="3 active units"):
        SparseBinary(5).corrupt(masked, 0.2, damage="move")
    short = Sphere().corrupt(Sphere().sample(1, 20, generator=0), 0.5, damage="mask", generator=0)
    with pytest.raises(SpaceError, match="length"):
        Sphere().corrupt(short, 0.2, damage="rotate")


@each_space
@pytest.mark.parametrize("amount", [-0.1, 1.5, float("nan"), float("inf")])
def test_a_share_of_damage_lies_between_none_and_all(space, amount):
    with pytest.raises(InputError, match="finite number"):
        space.corrupt(space.sample(2, 20, generator=0), amount)


@each_space
def test_unknown_damage_names_the_known(space):
    with pytest.raises(InputError, match=space.damages[0]):
        space.corrupt(space.sample(2, 20, generator=0), 0.1, damage="smash")


@each_space
def test_a_single_number_has_no_units(space):
    with pytest.raises(InputError):
        space.corrupt(1.0, 0.1)


OUTSIDE = [
    (Bipolar(), [[1.0, 0.5]], "0.5"),
    (Bipolar(), [[0, 1, 1]], r"2 \* x - 1"),
    (Binary(), [[1.0, -1.0]], "-1"),
    (SparseBinary(2), [[1, 0, 0]], "1 active units"),
    (Sphere(), [[1.0, 1.0]], "length 1.414"),
    (Real(), [[float("inf")]], "infinite"),
    (Bipolar(), [["a"]], "real numbers"),
]


@pytest.mark.parametrize(("space", "x", "reason"), OUTSIDE, ids=str)
def test_values_outside_the_space_are_refused(space, x, reason):
    with pytest.raises(InputError, match=reason):
        space.check(x)


def test_errors_are_the_ones_a_caller_expects():
    with pytest.raises(SpaceError):
        Bipolar().check([[0.5]])
    with pytest.raises(DtypeError):
        Bipolar().check([[1 + 1j]])


def test_zeros_are_admitted_where_they_mean_no_opinion():
    assert Bipolar().check([[0, 1, -1]], zeros=True).tolist() == [[0, 1, -1]]
    assert SparseBinary(2).check([[1, 0, 0]], zeros=True).tolist() == [[1, 0, 0]]
    with pytest.raises(SpaceError):
        Bipolar().check([[0.5, 0]], zeros=True)


def test_truth_is_plus_one():
    assert Bipolar().check(np.array([True, False])).tolist() == [1, -1]


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.float64, torch.bfloat16, torch.float16])
def test_the_working_dtype_follows_the_data(dtype):
    expected = dtype if dtype.is_floating_point else torch.float32
    for space in (Bipolar(), Binary(), Real()):
        assert space.check(torch.ones(2, 3, dtype=dtype)).dtype == expected


def test_spaces_are_values():
    assert Bipolar() == Bipolar()
    assert SparseBinary(5) == SparseBinary(5) != SparseBinary(6)
    assert len({Real(), Real(), Sphere(), Binary()}) == 3
    with pytest.raises(InputError):
        SparseBinary(0)
    with pytest.raises(InputError, match="only 3 units"):
        SparseBinary(5).sample(1, 3)


@pytest.mark.parametrize("value", [-128.0, 127.0, 256.0, 257.0, 0.5, 2.0, -3.0])
def test_one_wrong_unit_among_many_is_found(value: float) -> None:
    x = Bipolar().sample(4, 50, generator=0)
    x[2, 7] = value
    for zeros in (True, False):
        with pytest.raises(SpaceError):
            Bipolar().check(x, zeros=zeros)
