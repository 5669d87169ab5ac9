"""What keys written once cost each other, against chains of recalls drawn at random."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import normalize

from memscape.core.errors import InputError
from memscape.theory.interference import deep_error, delta_error, delta_trace, hebb_error, ridge_error


def chain_error(pairs, width, heads, depth, streams, seed=0):
    """Recall after recall: each layer's heads read the next layer's keys, and are averaged."""
    generator = torch.Generator().manual_seed(seed)

    def keys():
        return normalize(torch.randn(streams, heads, pairs, width, generator=generator), dim=-1)

    now, cue = keys(), None
    for layer in range(depth):
        then = keys() if layer + 1 < depth else torch.randn(streams, 1, pairs, width, generator=generator)
        cue = now if cue is None else cue
        written = then.transpose(1, 2).flatten(2)  # what each head stores: all keys of the next layer
        stores = now.transpose(-1, -2) @ written[:, None]
        read = (cue @ stores).mean(1)
        cue, now = read.unflatten(-1, then.shape[1::2]).transpose(1, 2), then
    return float((read - written).square().sum(-1).mean() / written.square().sum(-1).mean())


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("heads", [1, 2, 4])
def test_error_through_layers_and_heads_follows_its_law(heads, depth):
    found = chain_error(17, 32, heads, depth, 60)
    assert found == pytest.approx(deep_error(17, 32, heads, depth), rel=0.1)


@given(st.integers(2, 200), st.integers(2, 200), st.integers(1, 16), st.integers(1, 12))
def test_the_law_lies_between_adding_errors_and_the_exponential_bound(pairs, width, heads, depth):
    one = hebb_error(pairs, width) / heads
    found = deep_error(pairs, width, heads, depth)
    assert depth * one <= found * (1 + 1e-9)
    assert found <= math.expm1(min(depth * one, 700)) * (1 + 1e-9)
    assert deep_error(pairs, width, heads) == pytest.approx(one)


@given(st.integers(1, 500), st.integers(1, 300))
def test_the_exact_solution_beats_the_delta_rule_and_that_beats_hebb(pairs, width):
    assert ridge_error(pairs, width) <= delta_error(pairs, width) + 1e-9
    if pairs > 1 + 0.02 * width:  # the law of the delta rule is a mean field: at few pairs its 1/K shows
        assert delta_error(pairs, width) <= hebb_error(pairs, width) + 1 / width


@given(st.integers(1, 300), st.integers(8, 300))
def test_the_error_of_all_pairs_is_the_mean_over_their_ages(pairs, width):
    single = [delta_trace(pairs - 1 - place, place, width) for place in range(pairs)]
    assert sum(single) / pairs == pytest.approx(delta_error(pairs, width), abs=1.5 / width)


def test_counts_below_one_are_refused():
    for wrong in ({"pairs": 0}, {"width": 0}, {"heads": 0}, {"depth": 0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            deep_error(**{"pairs": 3, "width": 4} | wrong)
