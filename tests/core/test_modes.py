"""Looking at a network leaves every layer in its own mode."""

import pytest
import torch
from torch import nn

from memscape.continual import SubspaceGuard
from memscape.core.modes import evaluating
from memscape.engrams.examples import Examples


def frozen():
    return nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3).eval(), nn.Dropout())


def modes(model):
    return [module.training for module in model]


def test_modes_come_back_also_after_an_error():
    model = frozen()
    with evaluating(model):
        assert modes(model) == [False, False, False]
    assert modes(model) == [True, False, True]
    with pytest.raises(RuntimeError), evaluating(model):
        model(torch.ones(2, 4))
    assert modes(model) == [True, False, True]


@pytest.mark.parametrize(
    "look",
    [
        lambda model, x: SubspaceGuard(model).protect([x]),
        lambda model, x: Examples(x, torch.arange(4) % 3).answers(model),
    ],
)
def test_a_layer_that_its_owner_froze_stays_frozen(look):
    model = frozen()
    look(model, torch.ones(4, 3))
    assert modes(model) == [True, False, True]
