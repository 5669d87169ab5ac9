"""How strongly each layer is edited: by what the engram is of it, or by what a score says."""

import os
import signal
import time

import pytest
import torch

from memscape import engrams
from memscape.core.errors import InputError


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_a_layer_is_edited_by_its_share_of_the_largest_share(stats, mlp, power):
    engram = stats.engram(2, bias=False)
    shares = {
        name: float(engram.delta(name).dense().norm() / mlp.get_parameter(f"{name}.weight").detach().norm())
        for name in engram.sites
    }
    found = engrams.norm_scaled(engram, mlp, power=power)
    largest = max(shares.values())
    for name, share in shares.items():
        assert found[name] == pytest.approx((share / largest) ** power, rel=1e-9)


def test_a_search_finds_the_one_layer_that_should_be_left_alone(stats, mlp):
    """The score punishes any change of the first layer and wants the last one edited fully."""
    before, engram = weights(mlp), stats.engram(0)
    with engram.erased(mlp):
        full = weights(mlp)["4.weight"]

    def score(model):
        now = model.state_dict()
        first, last = now["0.weight"] - before["0.weight"], now["4.weight"] - full
        return -float(first.norm() + 10 * last.norm())

    found = engrams.search(engram, mlp, score, evaluations=60, seconds=60, progress=False)
    assert found.alpha["0"] == 0.0
    assert found.alpha["4"] == 1.0
    assert found.score > found.before
    assert all(torch.equal(value, before[name]) for name, value in mlp.state_dict().items())


def test_a_search_ends_in_time_with_the_best_so_far(stats, mlp):
    def slow(model):
        time.sleep(0.02)
        return float(model[0].weight.detach().norm())

    before = weights(mlp)
    found = engrams.search(stats.engram(0), mlp, slow, evaluations=500, seconds=0.1, progress=False)
    assert not found.complete
    assert found.evaluations < 20
    assert found.score >= found.before
    assert all(torch.equal(value, before[name]) for name, value in mlp.state_dict().items())


def test_control_c_ends_a_search_with_the_best_so_far(stats, mlp):
    calls = []

    def score(model):
        calls.append(1)
        if len(calls) == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return float(len(calls))

    before = weights(mlp)
    found = engrams.search(stats.engram(0), mlp, score, seconds=60, progress=False)
    assert not found.complete
    assert 4 <= found.evaluations <= 6
    assert all(torch.equal(value, before[name]) for name, value in mlp.state_dict().items())


def test_a_search_explains_itself(stats, mlp):
    found = engrams.search(stats.engram(0), mlp, lambda model: 1.0, evaluations=3, progress=False)
    assert found.to_dict()["evaluations"] <= 3
    assert "score 1 -> 1" in repr(found)
    assert len(found.table().splitlines()) == 1 + len(stats.sites)
    with pytest.raises(InputError, match="evaluations"):
        engrams.search(stats.engram(0), mlp, lambda model: 1.0, evaluations=0)


def test_the_negative_of_an_engram_puts_the_concept_in_twice(stats, mlp):
    """Signed arithmetic: minus the engram strengthens what the engram erases."""
    engram, before = stats.engram(1), weights(mlp)
    with (-engram).erased(mlp):
        stronger = weights(mlp)
    with engram.erased(mlp):
        weaker = weights(mlp)
    for name, value in before.items():
        assert torch.allclose(stronger[name] + weaker[name], 2 * value, atol=1e-12)


def test_steps_along_what_is_outside_a_concept_leave_its_answers(lab):
    """Fine-tuning with every gradient projected: the concept's answers stay, the others move."""
    model = torch.nn.Linear(10, 3, bias=False, dtype=torch.float64)
    x, y = lab.rows(40, 10, 3), torch.arange(40) % 2
    x[y == 0, 5:] = 0
    x[y == 1, :5] = 0
    stats = engrams.collect(model, [(x, y)], concept=lab.label)
    engram, wanted = stats.engram(0, solver="pinv"), lab.rows(40, 3, 4)
    usual = model(x).detach()
    for _ in range(20):
        loss = (model(x) - wanted).square().mean()
        (gradient,) = torch.autograd.grad(loss, model.weight)
        with torch.no_grad():
            model.weight -= 0.5 * engrams.project({"weight": gradient}, engram, keep="outside")["weight"]
    now = model(x).detach()
    assert torch.allclose(now[y == 0], usual[y == 0], atol=1e-9)
    assert float((now - usual)[y == 1].norm()) > 0.1
