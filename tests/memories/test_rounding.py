"""Ill-conditioned patterns are recalled as they were stored: rounding is never taken for a field."""

import warnings

import pytest
import torch

import memscape as ms


def test_dependent_digits_are_fixed_points_of_the_projection_rule() -> None:
    images, _ = ms.patterns.digits(500)
    X = ms.patterns.Thermometer(levels=8).encode(images)  # (500, 512), of far lower rank
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        memory = ms.memories.Projection(X)
    recall = memory.recall(X, generator=0)
    assert bool(recall.exact.all())
    assert int(recall.flips.sum()) == 0


@pytest.mark.parametrize("count", [100, 190, 199, 200])
def test_independent_patterns_up_to_n_are_fixed_points(count: int) -> None:
    X = ms.patterns.independent(count, 200, generator=0)
    memory = ms.memories.Projection(X)
    assert bool(memory.recall(X, generator=0).exact.all())


def test_the_tolerance_of_well_conditioned_patterns_stays_small() -> None:
    X = ms.patterns.independent(20, 200, generator=0)
    energy = ms.memories.Projection(X).landscape_energy
    assert energy.rounding < 1e-13 * 200
    field = energy.field(X).abs().min()
    assert float(field) > 1e6 * energy.rounding
    assert torch.isfinite(energy.field(X)).all()
