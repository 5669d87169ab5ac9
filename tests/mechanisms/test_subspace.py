"""Subspaces: projections are projections, the SVD captures most, Oja's rule comes close to it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape.core.errors import InputError
from memscape.mechanisms.subspace import Oja, Subspace, oja_change, principal


def rows(count, units, seed, decay=0.7):
    """Rows whose variance falls from direction to direction, in a random orthonormal frame."""
    generator = torch.Generator().manual_seed(seed)
    frame, _ = torch.linalg.qr(torch.randn(units, units, generator=generator, dtype=torch.float64))
    scales = decay ** torch.arange(units, dtype=torch.float64)
    return torch.randn(count, units, generator=generator, dtype=torch.float64) * scales @ frame.T


@given(st.integers(2, 12), st.integers(1, 20), st.integers(0, 99))
def test_inside_and_outside_are_complementary_orthogonal_projections(units, count, seed):
    x = rows(30, units, seed)
    space = Subspace.empty(units, torch.float64).extended(x[:count])
    assert space.rank == min(units, count)
    assert torch.allclose(space.basis @ space.basis.T, torch.eye(space.rank).double(), atol=1e-10)
    assert torch.allclose(space.inside(x) + space.outside(x), x)
    assert torch.allclose(space.inside(space.inside(x)), space.inside(x), atol=1e-10)
    assert float((space.inside(x) * space.outside(x)).sum(1).abs().max()) < 1e-9


@given(st.integers(3, 12), st.integers(0, 99))
def test_what_a_subspace_holds_adds_no_direction(units, seed):
    x = rows(2, units, seed)
    space = Subspace.empty(units, torch.float64).extended(x)
    again = space.extended(torch.stack([x[0] + x[1], 3 * x[0]]))
    assert again.rank == space.rank == 2


@given(st.integers(3, 12), st.integers(1, 3), st.integers(0, 99))
def test_no_other_directions_capture_more_than_the_principal_ones(units, rank, seed):
    x = rows(40, units, seed)
    best = principal(x, rank)
    other = Subspace.empty(units, torch.float64).extended(rows(rank, units, seed + 1, decay=1.0))
    assert best.rank == rank
    assert best.captured(x) >= other.captured(x) - 1e-12


@given(st.integers(3, 12), st.floats(0.3, 0.999), st.integers(0, 99))
def test_a_share_is_reached_with_the_fewest_directions(units, share, seed):
    x = rows(40, units, seed)
    space = principal(x, share=share)
    assert space.captured(x) >= share - 1e-9
    if space.rank > 1:
        assert principal(x, space.rank - 1).captured(x) < share


def test_a_share_counts_what_the_older_subspace_holds():
    x = rows(40, 6, 0)
    old = principal(x, share=0.9)
    assert principal(x, share=0.9, beyond=old).rank == old.rank
    grown = principal(x, share=0.99, beyond=old)
    assert grown.captured(x) >= 0.99 - 1e-9
    assert torch.equal(grown.basis[: old.rank], old.basis)


def test_oja_rests_exactly_at_principal_directions():
    x = rows(200, 6, 3)
    assert float(oja_change(principal(x, 2).basis, x).abs().max()) < 1e-9
    assert float(oja_change(rows(2, 6, 4), x).abs().max()) > 1e-3


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_oja_comes_close_to_the_optimum_in_one_pass(seed):
    x = rows(4000, 20, seed, decay=0.8)
    oja = Oja(20, 4, generator=seed)
    for batch in x.split(32):
        oja.see(batch)
    assert oja.subspace().captured(x) >= 0.95 * principal(x, 4).captured(x)


def test_oja_leaves_known_directions_alone():
    x = rows(2000, 10, 5, decay=0.8)
    old = principal(x, 3)
    oja = Oja(10, 2, beyond=old, generator=0)
    for batch in x.split(32):
        oja.see(batch)
    grown = oja.subspace()
    assert grown.rank == 5
    assert torch.equal(grown.basis[:3], old.basis)
    assert grown.captured(x) >= 0.95 * principal(x, 5).captured(x)


def test_the_rate_does_not_depend_on_the_scale_of_the_rows():
    x = rows(500, 8, 6)
    found = []
    for scale in (1e-3, 1.0, 1e3):
        oja = Oja(8, 2, generator=0)
        for batch in (scale * x).split(32):
            oja.see(batch)
        found.append(oja.subspace().captured(x))
    assert max(found) - min(found) < 1e-6


def test_neither_rank_nor_share_and_wrong_widths_are_refused():
    x = rows(5, 4, 0)
    with pytest.raises(InputError, match="rank, share or both"):
        principal(x)
    with pytest.raises(InputError, match=r"\(0, 1\]"):
        principal(x, share=1.5)
    with pytest.raises(InputError, match="7 units"):
        principal(x, 2).extended(torch.ones(1, 7))
