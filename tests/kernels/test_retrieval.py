import math
from dataclasses import fields
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from memscape.core.errors import InputError
from memscape.kernels.retrieval import finished, merge, part_of, retrieve
from memscape.kernels.shares import least_exponent, shares_
from memscape.kernels.terms import separate

sizes = st.tuples(st.integers(0, 7), st.integers(1, 200), st.integers(1, 20), st.integers(0, 2**31))
betas = st.sampled_from([1e-3, 0.3, 2.0, 40.0])
chunks = st.sampled_from([None, 1, 7, 64, 128])
relaxed = settings(max_examples=30, deadline=None)


def drawn(b, p, n, seed, kind="real", dtype=torch.float64):
    g = torch.Generator().manual_seed(seed)
    if kind == "bipolar":
        x = torch.randint(0, 2, (p, n), generator=g) * 2 - 1
        q = torch.randint(0, 2, (b, n), generator=g) * 2 - 1
        return q.to(dtype), x.to(dtype), g
    return torch.randn(b, n, generator=g).to(dtype), torch.randn(p, n, generator=g).to(dtype), g


def naive(q, x, beta, bias=None):
    """The recall step as it is written, in float64.

    Scores, best, output, log-sum-exp with and without the best.
    """
    terms = q.double() @ x.double().T + (0.0 if bias is None else bias.double())
    rest = terms.clone()
    best = terms.argmax(1)
    rest[torch.arange(len(q)), best] = -math.inf
    output = torch.softmax(beta * terms, 1) @ x.double()
    return terms, best, output, torch.logsumexp(beta * terms, 1), torch.logsumexp(beta * rest, 1)


@relaxed
@given(sizes, betas, chunks, st.booleans(), st.sampled_from(["real", "bipolar"]))
def test_a_step_is_the_softmax_of_the_overlaps(size, beta, chunk, biased, kind):
    q, x, g = drawn(*size, kind)
    bias = torch.randn(len(x), generator=g, dtype=torch.float64) if biased else None
    step = retrieve(q, x, beta, bias, chunk=chunk)
    terms, _, output, lse, others = naive(q, x, beta, bias)
    torch.testing.assert_close(step.output, output, rtol=1e-10, atol=1e-11)
    torch.testing.assert_close(step.lse, lse, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(step.lse_others, others, rtol=1e-11, atol=1e-11)
    assert torch.equal(step.term, terms.gather(1, step.index[:, None])[:, 0]) or kind == "real"
    torch.testing.assert_close(step.term, terms.amax(1) if len(q) else step.term, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(step.gap, step.term - others / beta, rtol=1e-10, atol=1e-9)


@relaxed
@given(sizes, chunks)
def test_of_equal_patterns_the_first_is_the_best(size, chunk):
    q, x, _ = drawn(*size, "bipolar")
    step = retrieve(q, x, 1.0, chunk=chunk)
    terms = q @ x.T
    # argmax of torch does not promise the first; the smallest index among the maxima is it.
    first = torch.where(terms == terms.amax(1, keepdim=True), torch.arange(len(x)), len(x)).amin(1)
    assert torch.equal(step.index, first)


@relaxed
@given(sizes, betas, st.lists(st.integers(0, 200), max_size=4), st.booleans())
def test_shards_merge_to_the_whole_in_any_order(size, beta, cuts, biased):
    q, x, g = drawn(*size)
    bias = torch.randn(len(x), generator=g, dtype=torch.float64) if biased else None
    norms = torch.linalg.vector_norm(x, dim=1)
    edges = sorted({0, len(x), *(cut for cut in cuts if cut < len(x))})
    parts = [
        part_of(q, x[a:b], beta, None if bias is None else bias[a:b], norms=norms[a:b], first=a)
        for a, b in pairwise(edges)
    ]
    whole = retrieve(q, x, beta, bias, norms=norms)
    while len(parts) > 1:
        pick = int(torch.randint(len(parts) - 1, (), generator=g))
        parts[pick : pick + 2] = [merge(*parts[pick : pick + 2])]
    joined = finished(parts[0], beta)
    # In one dimension all cosines are 1 or -1, and rounding decides which one is the nearest.
    cosines = torch.nn.functional.cosine_similarity(q[:, None], x[None], dim=2, eps=0.0)
    for step in (joined, whole):
        found = cosines.gather(1, step.nearest[:, None])[:, 0]
        torch.testing.assert_close(found, step.cosine, rtol=0, atol=1e-9)
    for field in (field for field in fields(whole) if field.name != "nearest"):
        torch.testing.assert_close(
            getattr(joined, field.name), getattr(whole, field.name), rtol=1e-10, atol=1e-10, msg=field.name
        )


@relaxed
@given(sizes, betas)
def test_the_triple_is_what_its_name_says(size, beta):
    q, x, _ = drawn(*size)
    part = part_of(q, x, beta, chunk=16)
    terms = beta * q @ x.T
    weights = torch.exp(terms - part.peak[:, None])
    torch.testing.assert_close(part.mass, weights.sum(1), rtol=1e-10, atol=0.0)
    torch.testing.assert_close(part.weighted, weights @ x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("apart", [30.0, 300.0, 3000.0])
def test_a_gap_of_any_size_keeps_its_digits(dtype, apart):
    # One pattern far above the rest: the others weigh exp(-apart) of it, less than the smallest number at
    # 3000.
    g = torch.Generator().manual_seed(1)
    x = torch.cat(
        [torch.rand(50, 1, generator=g), torch.tensor([[apart]]), torch.rand(50, 1, generator=g)]
    ).to(dtype)
    for chunk in (1, 10, 101):
        step = retrieve(torch.ones(1, 1, dtype=dtype), x, 1.0, chunk=chunk)
        rest = torch.cat([x[:50], x[51:]]).double()[:, 0]
        expected = apart - float(rest.logsumexp(0))
        assert float(step.gap) == pytest.approx(expected, rel=1e-7 if dtype == torch.float32 else 1e-14)
        assert int(step.index) == 50
        assert float(step.output) == pytest.approx(apart, rel=1e-6)


def test_the_only_pattern_has_no_rival():
    step = retrieve(torch.ones(2, 3), torch.ones(1, 3), 5.0)
    assert torch.equal(step.output, torch.ones(2, 3))
    assert step.gap.tolist() == [math.inf, math.inf]
    assert step.lse_others.tolist() == [-math.inf, -math.inf]
    assert step.lse.tolist() == [15.0, 15.0]


@pytest.mark.parametrize(
    ("types", "error"),
    [
        ((torch.float32, torch.float32), 2e-6),
        ((torch.bfloat16, torch.bfloat16), 2e-6),
        ((torch.int8, torch.int8), 2e-6),
        ((torch.float32, torch.float64), 1e-13),
        ((torch.float64, torch.int8), 1e-13),
    ],
)
def test_narrow_inputs_have_wide_sums(types, error):
    q, x, _ = drawn(5, 700, 64, 0, "bipolar", torch.float32)
    q, x = q.to(types[0]), x.to(types[1])
    step = retrieve(q, x, 0.2, chunk=128)
    _, _, output, lse, _ = naive(q, x, 0.2)
    assert step.output.dtype == (torch.float64 if error < 1e-10 else torch.float32)
    assert float((step.output - output).abs().max()) < error
    assert float((step.lse - lse).abs().max()) < 4 * error


@relaxed
@given(sizes, chunks, st.booleans(), st.booleans())
def test_the_nearest_pattern_has_the_largest_cosine(size, chunk, biased, equal):
    q, x, g = drawn(*size)
    x = x / torch.linalg.vector_norm(x, dim=1, keepdim=True) * 3 if equal else x
    bias = 5 * torch.randn(len(x), generator=g, dtype=torch.float64) if biased else None
    step = retrieve(q, x, 1.0, bias, norms=torch.linalg.vector_norm(x, dim=1), chunk=chunk)
    cosines = torch.nn.functional.cosine_similarity(q[:, None], x[None], dim=2, eps=0.0)
    torch.testing.assert_close(step.cosine, cosines.amax(1) if len(q) else step.cosine, rtol=0, atol=1e-9)
    torch.testing.assert_close(cosines.gather(1, step.nearest[:, None])[:, 0], step.cosine, rtol=0, atol=1e-9)


def test_a_cue_or_a_pattern_of_length_zero_has_cosine_zero():
    x = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    step = retrieve(torch.tensor([[0.0, 0.0], [-1.0, 0.0]]), x, 1.0, norms=torch.linalg.vector_norm(x, dim=1))
    assert step.cosine.tolist() == [0.0, 0.0]
    assert step.nearest.tolist()[1] == 0


@pytest.mark.parametrize("beta", [0.05, 1.0, 20.0])
def test_left_out_products_change_no_digit(beta, monkeypatch):
    # Deep in a well the second product is left out for the cues that stand there; here it never is.
    q, x, _ = drawn(60, 3000, 200, 3, "bipolar", torch.float32)
    q[:50] = x[:50] * torch.where(torch.arange(200) < 20, -1.0, 1.0)
    lean = retrieve(q, x, beta, chunk=256)
    monkeypatch.setattr("memscape.kernels.running._DIGITS", 1e30)
    full = retrieve(q, x, beta, chunk=256)
    torch.testing.assert_close(lean.output, full.output, rtol=0, atol=2e-7)
    assert torch.equal(lean.lse_others, full.lse_others)


def test_no_array_of_cues_by_patterns_is_made():
    # What is held at a time is 2^21 products, whatever the number of patterns.
    q, x, _ = drawn(1000, 20_000, 8, 0, dtype=torch.float32)
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as seen:
        retrieve(q, x, 1.0)
    largest = max(event.cpu_memory_usage for event in seen.events())
    assert largest <= 2**21 * 4
    assert largest < 1000 * 20_000 * 4 / 5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shares_are_exponentials_to_the_last_digits(dtype):
    exponents = torch.linspace(least_exponent(dtype), 0.0, 200_001, dtype=dtype)[None]
    reference = torch.tensor([0.0], dtype=dtype)
    exact = exponents.double().exp()
    off = (shares_(exponents.clone(), reference).double() / exact - 1).abs().max()
    assert float(off) < 2 * torch.finfo(dtype).eps
    # What is far below takes no part, and is still a normal number.
    far = shares_(torch.tensor([[-math.inf, -1e30, 3.0]], dtype=dtype), torch.tensor([3.0], dtype=dtype))
    assert torch.finfo(dtype).tiny < float(far[0, 0]) == float(far[0, 1]) < 1e-34
    assert float(far[0, 2]) == 1.0


@relaxed
@given(sizes, chunks, st.sampled_from(["square", "rectified", "exponential"]))
def test_terms_of_any_separation_are_summed_and_ranked(size, chunk, name):
    separation = {
        "square": torch.square,
        "rectified": lambda o: o.clamp(min=0) ** 3,
        "exponential": lambda o: torch.exp(o / 4),
    }[name]
    q, x, _ = drawn(*size, "bipolar")
    found = separate(q, x, separation, chunk=chunk)
    terms = separation(q @ x.T)
    torch.testing.assert_close(found.total, terms.sum(1), rtol=1e-12, atol=1e-12)
    top = terms.topk(min(2, len(x)), dim=1).values
    assert torch.equal(found.best, top[:, 0])
    assert torch.equal(found.second, top[:, 1] if len(x) > 1 else torch.full((len(q),), -math.inf).double())
    assert torch.equal(terms.gather(1, found.index[:, None])[:, 0], found.best)


def test_what_does_not_fit_is_refused_with_the_remedy():
    q, x = torch.ones(2, 3), torch.ones(4, 3)
    with pytest.raises(InputError, match="at least one pattern"):
        retrieve(q, x[:0], 1.0)
    for beta in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(InputError, match="above 0 and finite"):
            retrieve(q, x, beta)
    with pytest.raises(InputError, match="chunk is 0"):
        retrieve(q, x, 1.0, chunk=0)
    with pytest.raises(InputError, match="at least one pattern"):
        separate(q, x[:0], torch.square)
