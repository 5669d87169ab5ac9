"""A designed landscape has the basins that were asked for, or says what cannot be had."""

import pytest
import torch

import memscape as ms
from memscape.core.errors import CapabilityError, InfeasibleError, InputError
from memscape.landscape import shaping
from memscape.landscape.biases import radius_biases, volume_biases
from memscape.landscape.correlations import arcsine, correlation_for, infeasible_count, winners

GEOMETRIC = torch.tensor([0.75**k for k in range(8)], dtype=torch.float64)


def test_the_dual_shares_out_the_attention_as_asked() -> None:
    X = ms.patterns.independent(6, 100, generator=0).double()
    cues = ms.patterns.independent(2000, 100, generator=1).double()
    target = torch.tensor([0.4, 0.2, 0.15, 0.1, 0.1, 0.05], dtype=torch.float64)
    b, steps = volume_biases(cues @ X.T, target, beta=0.5)
    share = torch.softmax(0.5 * (cues @ X.T + b), -1).mean(0)
    assert torch.allclose(share, target, atol=1e-7)
    assert steps <= 15
    assert abs(float(b.mean())) < 1e-12


def test_equal_targets_of_equal_wells_need_no_bias() -> None:
    o = torch.eye(4, dtype=torch.float64).repeat(25, 1)
    b, _ = volume_biases(o, torch.full((4,), 0.25, dtype=torch.float64), beta=3.0)
    assert float(b.abs().max()) < 1e-7


@pytest.mark.parametrize("real", [True, False], ids=["continuous", "dense"])
def test_volumes_are_met_by_biases(real: bool) -> None:
    if real:
        X = torch.randn(8, 64, generator=torch.Generator().manual_seed(0))
        memory = ms.memories.Continuous(X, beta=1.0)
    else:
        X = ms.patterns.independent(8, 256, generator=0)
        memory = ms.memories.Dense(X, separation=ms.mechanisms.Softmax(beta=1.0))
    d = ms.landscape.design(memory, GEOMETRIC, starts=1500, max_rounds=4, generator=0)
    assert d.feasible, d.reason
    fresh = ms.landscape.basins(d.memory, starts=1500, generator=1)
    assert fresh.spurious <= 0.01
    assert float((fresh.fraction - GEOMETRIC / GEOMETRIC.sum()).abs().max()) < 0.02 + 0.03


def test_what_is_never_used_keeps_a_basin() -> None:
    X = ms.patterns.independent(4, 128, generator=0)
    memory = ms.memories.Dense(X, separation=ms.mechanisms.Softmax(beta=1.0))
    d = ms.landscape.design(memory, [100, 10, 1, 0], starts=1000, max_rounds=3, generator=0)
    assert float(d.target.min()) > 0.02
    assert float(d.achieved[3]) > 0


def test_the_linear_programme_keeps_damaged_patterns_in_their_cells() -> None:
    X = ms.patterns.independent(6, 400, generator=0)
    C = (X @ X.T / 400).double()
    radii = torch.linspace(0.2, 0.6, 6, dtype=torch.float64)
    b, slack = radius_biases(C, 400, radii)
    assert slack >= 0
    own = (1 - radii) * 400
    for mu in range(6):
        lead = own[mu] * (1 - C[mu]) - (b - b[mu])
        assert float(lead[torch.arange(6) != mu].min()) >= slack - 1e-6
    with pytest.raises(InfeasibleError) as error:
        radius_biases(torch.tensor([[1.0, 0.9], [0.9, 1.0]]), 100, torch.tensor([1.2, 1.4]))
    assert error.value.nearest is not None


def test_a_wider_margin_makes_a_wider_radius() -> None:
    X = ms.patterns.independent(6, 120, generator=0)
    memory = ms.memories.MaxMargin(X, margins=torch.linspace(0.5, 2.0, 6))
    found = ms.landscape.radius(memory, trials=20, generator=0).radius
    assert float(found[-1]) > float(found[0]) + 0.2
    ranks = torch.corrcoef(torch.stack([found, torch.linspace(0.5, 2.0, 6).double()]))[0, 1]
    assert float(ranks) > 0.9


def test_radii_of_a_quadratic_memory_follow_their_target() -> None:
    X = ms.patterns.independent(6, 120, generator=0)
    wide = ms.landscape.radius(ms.memories.MaxMargin(X), trials=20, generator=3).radius.mean()
    target = wide + torch.linspace(-0.12, 0.08, 6).double()
    d = ms.landscape.design(
        ms.memories.Projection(X), target, trials=20, max_rounds=5, tolerance=0.05, generator=0
    )
    assert isinstance(d.memory, ms.memories.MaxMargin)
    assert d.settings["kind"] == "radius"
    assert 0.8 < d.budget < 1.2
    assert float(torch.corrcoef(torch.stack([d.achieved.double(), d.target]))[0, 1]) > 0.8


@pytest.mark.parametrize(("shift", "reached"), [(-0.3, False), (0.0, True), (0.12, False)])
def test_a_level_out_of_reach_ends_early_and_changes_no_target_that_is_reached(
    shift: float, reached: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = ms.patterns.independent(5, 100, generator=1)
    level = ms.landscape.radius(ms.memories.MaxMargin(X), trials=20, generator=3).radius.double()

    def designed() -> ms.landscape.Design:
        return ms.landscape.design(
            ms.memories.Projection(X), level + shift, kind="radius", trials=20, tolerance=0.05, generator=0
        )

    early = designed()
    monkeypatch.setattr(shaping, "_out_of_reach", lambda *a: False)
    late = designed()
    assert early.feasible == late.feasible == reached
    assert early.error <= late.error + 0.05
    if reached:
        assert early.settings["rounds"] == late.settings["rounds"]
        assert torch.equal(early.achieved, late.achieved)
    else:
        assert early.settings["rounds"] <= 4 < late.settings["rounds"]
        assert "store fewer or more patterns" in early.reason


def test_shares_that_break_the_law_of_the_largest_are_named() -> None:
    assert infeasible_count(torch.tensor([0.42, 0.38, 0.20])) == 2
    assert infeasible_count(torch.tensor([0.6, 0.2, 0.2])) == 1
    assert infeasible_count(GEOMETRIC / GEOMETRIC.sum()) is None
    for target in ([0.42, 0.38, 0.20], [0.6, 0.2, 0.2]):
        d = ms.landscape.design_correlation_matrix((3, 500), target, generator=0)
        assert not d.feasible
        assert d.patterns is None
        assert f"{infeasible_count(torch.tensor(target))} largest" in d.reason


def test_no_correlations_of_signs_break_the_law_of_the_largest() -> None:
    for seed in range(20):
        V = torch.randn(5, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        V = V / V.norm(dim=1, keepdim=True)
        normals = torch.randn(20000, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        share = winners(arcsine(V @ V.T), normals).double()
        largest = share.sort(descending=True).values.cumsum(0)
        bound = 1 - 2.0 ** -torch.arange(1, 5, dtype=torch.float64)
        assert bool((largest[:4] <= bound + 0.015).all())


def test_correlations_alone_give_wanted_basins() -> None:
    target = torch.tensor([1 + 2 * k / 7 for k in range(8)], dtype=torch.float64)
    target = target / target.sum()
    latent, predicted = correlation_for(target, draws=5000)
    assert float((predicted - target).abs().max()) < 0.01
    assert float(torch.linalg.eigvalsh(arcsine(latent)).min()) > 0
    d = ms.landscape.design_correlation_matrix((8, 2000), target, starts=8000, max_rounds=2, generator=0)
    assert d.feasible, d.reason
    assert d.settings["least_distance"] >= 3


def test_memories_that_cannot_be_shaped_and_targets_that_make_no_sense_are_refused() -> None:
    X = ms.patterns.independent(3, 60, generator=0)
    with pytest.raises(CapabilityError, match="Softmax"):
        ms.landscape.design(ms.memories.Dense(X), [0.5, 0.3, 0.2])
    soft = ms.memories.Dense(X, separation=ms.mechanisms.Softmax(1.0))
    with pytest.raises(InputError, match="2 sizes and the memory 3 patterns"):
        ms.landscape.design(soft, [0.5, 0.5])
    with pytest.raises(InputError, match="negative"):
        ms.landscape.design(soft, [0.5, -0.5, 1.0])
    with pytest.raises(InputError, match="at most 1"):
        ms.landscape.design(soft, [0.5, 1.5, 1.0], kind="radius")
    with pytest.raises(InputError, match="kind"):
        ms.landscape.design(soft, [0.5, 0.5, 1.0], kind="width")
    with pytest.raises(InputError, match="above 0"):
        ms.landscape.design_correlation_matrix((3, 100), [1.0, 0.0, 1.0])


def test_the_hierarchy_of_a_wanted_share_is_found() -> None:
    options = {"count": 6, "size": 60, "instances": 6, "starts": 60, "tolerance": 0.08, "generator": 0}
    d = ms.landscape.design_correlations(ms.memories.Projection, share=0.3, max_rounds=8, **options)
    assert d.branching == (2, 3)
    assert d.patterns.shape == (6, 60)
    assert d.feasible, d.reason
    beyond = ms.landscape.design_correlations(ms.memories.Projection, share=1.0, max_rounds=5, **options)
    assert not beyond.feasible
    with pytest.raises(InputError, match="one goal"):
        ms.landscape.design_correlations(ms.memories.Projection, count=6, size=60)
    with pytest.raises(InputError, match="families"):
        ms.landscape.design_correlations(ms.memories.Projection, count=7, size=60, share=0.3)
