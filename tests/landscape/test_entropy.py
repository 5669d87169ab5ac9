"""Counts of minima at each energy: exact from all states, bounds where little was met twice."""

import math

import pytest
import torch

import memscape as ms
from memscape.core.errors import InputError
from memscape.landscape import configurational_entropy, exhaust, survey

pytestmark = pytest.mark.filterwarnings("ignore::memscape.core.errors.MemscapeWarning")


def glass(units, seed):
    J = torch.randn(units, units, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return ms.memories.Quadratic(J + J.T)


def placed(land, edges):
    """How many minima of a landscape lie in each bin of another curve."""
    energy = (land.energy / land.units).clamp(float(edges[0]), float(edges[-1]))
    return torch.histogram(energy, edges)[0]


@pytest.mark.parametrize("bins", [1, 4, 30])
def test_all_states_give_all_counts(bins):
    land = exhaust(glass(14, 0))
    curve = configurational_entropy(land, bins=bins)
    assert curve.total == len(land)
    assert torch.equal(curve.count, curve.observed.double())
    assert not curve.bound.any()
    filled = curve.observed > 0
    torch.testing.assert_close(curve.entropy[filled], curve.count[filled].log() / 14)
    assert curve.entropy[~filled].isnan().all()
    assert len(curve.edges) == bins + 1


def test_many_starts_count_what_few_starts_bound():
    memory = glass(16, 3)
    exact = exhaust(memory)
    rich = configurational_entropy(
        survey(memory, starts=6000, exact=False, generator=0, barriers=False), bins=5
    )
    sure = ~rich.bound
    assert int(sure.sum()) >= 3
    true = placed(exact, rich.edges)
    torch.testing.assert_close(rich.count[sure], true[sure], rtol=0.1, atol=1.0)
    totals, bounds = [], 0
    for seed in range(40):
        poor = configurational_entropy(
            survey(memory, starts=12, exact=False, generator=seed, barriers=False), bins=3
        )
        totals.append(poor.total)
        bounds += int(poor.bound.sum())
    assert bounds > 20
    assert sum(totals) / 40 <= len(exact)  # Chao's bound holds in the mean


def test_weights_count_what_a_plain_count_misses():
    """Wide basins are met first: the plain count of what was met is too small, its weighted one nearer."""
    memory = glass(18, 5)
    true, plain, weighted = len(exhaust(memory)), [], []
    for seed in range(20):
        land = survey(memory, starts=400, exact=False, generator=seed, barriers=False)
        plain.append(len(land))
        weighted.append(configurational_entropy(land, bins=1, coverage=0.1).total)
    plain_error = abs(sum(plain) / 20 - true)
    assert abs(sum(weighted) / 20 - true) < plain_error
    assert plain_error > 0


def test_a_large_glass_has_bounds_only_and_says_so():
    land = survey(glass(150, 1), starts=200, generator=0, barriers=False)
    curve = configurational_entropy(land)
    filled = curve.observed > 0
    assert curve.bound[filled].all()
    assert "lower bounds" in repr(curve)
    assert ">= " in curve.table()
    plain = curve.to_dict()
    assert plain["total"] == curve.total
    assert len(plain["entropy"]) == len(curve.count)
    assert all(value is None or math.isfinite(value) for value in plain["entropy"])


def test_an_empty_landscape_has_no_entropy():
    X = 10 * torch.eye(2, 30)
    land = survey(ms.memories.Continuous(X, beta=1.0), starts=5, generator=0, barriers=False)
    assert configurational_entropy(land).total >= 1
    with pytest.raises(InputError, match="bins"):
        configurational_entropy(land, bins=0)
    with pytest.raises(InputError, match="coverage"):
        configurational_entropy(land, coverage=2.0)
