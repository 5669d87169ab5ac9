"""Random ensembles: their laws, exact counts, seeds, and what they refuse."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape import patterns
from memscape.core.errors import InputError, SizeError, SpaceError

COUNTS = st.integers(1, 12)
SIZES = st.integers(1, 200)
SEEDS = st.integers(0, 2**40)

DRAWS = {
    "independent": lambda p, n, g: patterns.independent(p, n, generator=g),
    "biased": lambda p, n, g: patterns.biased(p, n, bias=0.3, generator=g),
    "diluted": lambda p, n, g: patterns.diluted(p, n, dilution=0.3, generator=g),
    "sparse": lambda p, n, g: patterns.sparse(p, n, active=1, generator=g),
    "family": lambda p, n, g: patterns.family(p, n, overlap=0.3, generator=g),
    "correlated": lambda p, n, g: patterns.correlated(torch.eye(p), size=n, generator=g),
}


@pytest.fixture(params=DRAWS.values(), ids=DRAWS.keys())
def draw(request):
    return request.param


def within(measured, expected, spread, count, sigmas=5.0):
    """Whether a mean of `count` numbers of standard deviation `spread` agrees with `expected`."""
    return abs(float(measured) - expected) <= sigmas * spread / count**0.5


def test_a_seed_is_a_set_of_patterns(draw):
    assert torch.equal(draw(4, 300, 7), draw(4, 300, 7))
    assert torch.equal(draw(4, 300, 7), draw(4, 300, torch.Generator().manual_seed(7)))
    assert not torch.equal(draw(4, 300, 7), draw(4, 300, 8))


def test_a_generator_moves_on(draw):
    generator = torch.Generator().manual_seed(3)
    assert not torch.equal(draw(4, 300, generator), draw(4, 300, generator))


def test_global_random_numbers_are_left_alone(draw):
    before = torch.random.get_rng_state()
    draw(4, 30, None)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_shape_and_dtype(draw):
    x = draw(5, 70, 0)
    assert x.shape == (5, 70)
    assert x.dtype == torch.float32


@pytest.mark.parametrize(("count", "size"), [(0, 10), (-3, 10), (10, 0), (10, -1)])
def test_counts_are_whole_and_positive(draw, count, size):
    if count < 1 and draw is DRAWS["correlated"]:
        pytest.skip("its count is the size of the matrix")
    with pytest.raises(InputError):
        draw(count, size, 0)


@pytest.mark.parametrize("name", [name for name in DRAWS if name != "correlated"])
def test_what_would_not_fit_is_refused_before_it_is_drawn(name):
    with pytest.raises(SizeError, match="GiB"):
        DRAWS[name](10**7, 10**7, 0)


@given(COUNTS, SIZES, SEEDS)
def test_independent_patterns_are_signs(count, size, seed):
    x = patterns.independent(count, size, generator=seed)
    assert x.shape == (count, size)
    assert bool((x.abs() == 1).all())


def test_independent_patterns_overlap_as_chance_has_it():
    p, n = 40, 4000
    c = patterns.correlation(patterns.independent(p, n, generator=11))
    off = c[~torch.eye(p, dtype=torch.bool)]
    assert within(off.mean(), 0, n**-0.5, p * (p - 1) / 2)
    assert float(off.std()) == pytest.approx(n**-0.5, rel=0.15)


def test_seeds_are_independent_of_each_other():
    n = 20_000
    x = torch.cat([patterns.independent(1, n, generator=seed) for seed in range(30)])
    off = patterns.correlation(x) - torch.eye(30)
    assert float(off.abs().max()) < 5 / n**0.5


@given(st.floats(-1, 1), SEEDS)
def test_bias_is_the_mean(bias, seed):
    x = patterns.biased(10, 4000, bias=bias, generator=seed)
    assert bool((x.abs() == 1).all())
    assert within(x.mean(), bias, (1 - bias**2) ** 0.5, x.numel(), sigmas=6) or abs(bias) > 0.999


def test_biased_patterns_overlap_by_the_square_of_the_bias():
    n = 200_000
    c = patterns.correlation(patterns.biased(2, n, bias=-0.6, generator=2))
    assert within(c[0, 1], 0.36, 1.0, n)


@pytest.mark.parametrize("bias", [-1.0, 1.0])
def test_full_bias_leaves_no_choice(bias):
    assert bool((patterns.biased(3, 1000, bias=bias, generator=0) == bias).all())


@given(st.floats(0, 1), SEEDS)
def test_dilution_is_the_share_of_units_without_opinion(dilution, seed):
    x = patterns.diluted(10, 4000, dilution=dilution, generator=seed)
    assert set(x.unique().tolist()) <= {-1.0, 0.0, 1.0}
    spread = (dilution * (1 - dilution)) ** 0.5
    assert within((x == 0).float().mean(), dilution, spread + 1e-3, x.numel(), sigmas=6)
    assert within(x.mean(), 0, (1 - dilution) ** 0.5 + 1e-3, x.numel(), sigmas=6)


def test_full_and_no_dilution():
    assert not patterns.diluted(3, 1000, dilution=1.0, generator=0).any()
    assert bool((patterns.diluted(3, 1000, dilution=0.0, generator=0).abs() == 1).all())


@given(COUNTS, SIZES, SEEDS, st.data())
def test_sparse_patterns_have_exactly_k_active_units(count, size, seed, data):
    active = data.draw(st.integers(1, size))
    x = patterns.sparse(count, size, active=active, generator=seed)
    assert x.unique().tolist() in ([0.0, 1.0], [1.0])
    assert x.sum(1).tolist() == [active] * count


def test_sparse_patterns_use_all_units_alike():
    use = patterns.sparse(20_000, 20, active=5, generator=1).mean(0)
    assert float((use - 0.25).abs().max()) < 5 * (0.25 * 0.75 / 20_000) ** 0.5


@pytest.mark.parametrize("active", [0, -1, 11])
def test_impossible_activity_is_refused(active):
    with pytest.raises(InputError):
        patterns.sparse(2, 10, active=active)


def test_noisy_examples_overlap_with_their_archetype_and_with_each_other():
    x = patterns.independent(3, 50_000, generator=0)
    eta = patterns.noisy_examples(x, 4, quality=0.4, generator=1)
    assert eta.shape == (3, 4, 50_000)
    overlap = torch.einsum("pmn,qn->pqm", eta, x) / 50_000
    for mu in range(3):
        for nu in range(3):
            expected = 0.4 if mu == nu else 0.0
            assert float((overlap[mu, nu] - expected).abs().max()) < 5 / 50_000**0.5
        between = patterns.correlation(eta[mu])[~torch.eye(4, dtype=torch.bool)]
        assert float((between - 0.16).abs().max()) < 5 / 50_000**0.5


@given(COUNTS, st.integers(1, 5), SIZES, SEEDS)
def test_perfect_examples_are_the_archetype_and_keep_its_zeros(count, examples, size, seed):
    x = patterns.diluted(count, size, dilution=0.5, generator=seed)
    eta = patterns.noisy_examples(x, examples, quality=1.0, generator=seed)
    assert torch.equal(eta, x[:, None].expand(count, examples, size))
    worst = patterns.noisy_examples(x, examples, quality=0.0, generator=seed)
    assert torch.equal(worst == 0, eta == 0)


def test_noisy_examples_keep_double_precision():
    x = patterns.independent(2, 5, generator=0).double()
    assert patterns.noisy_examples(x, 2, quality=0.5, generator=0).dtype == torch.float64


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_shares_lie_between_none_and_all(value):
    x = torch.ones(1, 4)
    for call in (
        lambda: patterns.diluted(2, 4, dilution=value),
        lambda: patterns.noisy_examples(x, 2, quality=value),
        lambda: patterns.family(2, 4, overlap=value),
    ):
        with pytest.raises(InputError, match="finite number"):
            call()
    with pytest.raises(InputError):
        patterns.biased(2, 4, bias=float("nan"))


def test_archetypes_are_a_table_of_signs():
    with pytest.raises(SpaceError):
        patterns.noisy_examples([[0.5, 1.0]], 2, quality=0.5)
    with pytest.raises(InputError, match=r"\(p, n\)"):
        patterns.noisy_examples([1, -1], 2, quality=0.5)


def test_a_large_draw_is_made_in_parts(monkeypatch):
    """The parts are contiguous draws from one stream: several small parts still fill every row."""
    from memscape.patterns import ensembles

    monkeypatch.setattr(ensembles, "BLOCK", 64)
    for name, draw in DRAWS.items():
        x = draw(50, 20, 0)
        assert bool(torch.isfinite(x).all()), name
        assert len(torch.unique(x, dim=0)) > (15 if name == "sparse" else 40), name
