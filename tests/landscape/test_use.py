"""Strengths follow use: what is recalled often gets a wider well, and what is rare keeps one."""

import pytest
import torch

import memscape as ms
from memscape.core.errors import InputError

X = ms.patterns.independent(4, 256, generator=0)
COUNTS = [1000, 100, 10, 0]


@pytest.mark.parametrize(
    "memory",
    [
        ms.memories.Dense(
            ms.patterns.independent(4, 256, generator=0), separation=ms.mechanisms.Softmax(1.0)
        ),
        ms.memories.Continuous(ms.patterns.independent(4, 64, generator=0), beta=1.0),
    ],
    ids=["bipolar", "real"],
)
def test_volumes_follow_use_and_what_is_never_used_keeps_a_basin(memory):
    found = ms.landscape.design(memory, target=COUNTS, starts=3000, generator=0)
    assert found.feasible, found.reason
    assert bool((found.achieved.diff() <= 0.01).all())
    assert float(found.achieved[-1]) > 0.01


def test_a_rare_memory_keeps_a_tenth_of_an_equal_share_whatever_the_counts():
    memory = ms.memories.Dense(
        ms.patterns.independent(4, 256, generator=0), separation=ms.mechanisms.Softmax(1.0)
    )
    found = ms.landscape.design(memory, target=[10**9, 1, 1, 1], starts=2000, generator=0)
    assert float(found.target.min()) > 0.02


def test_radii_of_a_quadratic_memory_follow_use_and_never_vanish():
    X = ms.patterns.independent(12, 120, generator=1)
    uses = torch.tensor([1000] * 4 + [100] * 4 + [0] * 4)
    found = ms.landscape.design(ms.memories.Hebbian(X), target=uses, trials=12, max_rounds=4, generator=0)
    often, rare = found.achieved[:4].mean(), found.achieved[8:].mean()
    assert often > rare + 0.05
    assert float(found.achieved.min()) > 0.1
    recalled = found.memory.recall(X, generator=0)
    assert bool(recalled.exact.all())


def test_a_radius_above_one_that_is_no_count_is_refused():
    X = ms.patterns.independent(3, 60, generator=0)
    with pytest.raises(InputError, match="at most 1"):
        ms.landscape.design(ms.memories.Hebbian(X), target=[0.5, 1.5, 0.2], generator=0)
