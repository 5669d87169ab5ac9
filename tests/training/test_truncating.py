"""Windows: no error passes their edges, unless it is predicted; a right prediction is the whole gradient."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from memscape.core.errors import InputError
from memscape.training import SyntheticGradient, windowed_loss


class Sum(nn.Module):
    """A state that gathers w times what comes in; the last window is charged for it."""

    def __init__(self, seed: int):
        super().__init__()
        drawn = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(3, generator=drawn, dtype=torch.float64))
        self.charge = torch.randn(3, generator=drawn, dtype=torch.float64)

    def window(self, state, piece):
        x, last = piece
        state = 0.5 * state + self.weight * x
        return state, (state @ self.charge if last else 0 * state[:, 0])

    def pieces(self, seed: int, count: int = 3):
        drawn = torch.Generator().manual_seed(seed)
        return [
            (torch.randn(4, 3, generator=drawn, dtype=torch.float64), i == count - 1) for i in range(count)
        ]


class Known(SyntheticGradient):
    """The true gradient of `Sum`, told which window is next."""

    def __init__(self, charge):
        super().__init__(3, 1)
        self.charge = charge

    def forward(self, state, context):
        return 0.5 ** (3 - context) * self.charge


START = torch.zeros(4, 3, dtype=torch.float64)


@given(seed=st.integers(0, 2**31))
def test_plain_truncation_leaves_only_the_last_window(seed):
    model = Sum(seed)
    pieces = model.pieces(seed)
    windowed_loss(model.window, START, pieces).backward()
    torch.testing.assert_close(model.weight.grad, (pieces[-1][0] * model.charge).mean(0))


@given(seed=st.integers(0, 2**31))
def test_with_a_true_prediction_it_is_the_gradient_of_the_whole(seed):
    model = Sum(seed)
    pieces = model.pieces(seed)
    contexts = [torch.full((4, 1), float(i), dtype=torch.float64) for i in range(3)]
    value = windowed_loss(model.window, START, pieces, synthetic=Known(model.charge), contexts=contexts)
    value.backward()
    state = START
    for piece in pieces:
        state, losses = model.window(state, piece)
    (whole,) = torch.autograd.grad(losses.mean(), model.weight)
    torch.testing.assert_close(model.weight.grad, whole)
    assert float(value.detach()) == pytest.approx(float(losses.mean().detach()))


def test_the_prediction_learns_what_arrives():
    """The gradients of a linear loss do not depend on the state: the predictor finds them."""
    model, predictor = Sum(0), SyntheticGradient(3, 1, hidden=16, generator=0).double()
    contexts = [torch.full((4, 1), float(i), dtype=torch.float64) for i in range(3)]
    optimizer = torch.optim.Adam(predictor.parameters(), lr=1e-2)
    for step in range(300):
        optimizer.zero_grad()
        loss = windowed_loss(model.window, START, model.pieces(step), synthetic=predictor, contexts=contexts)
        loss.backward()
        optimizer.step()
    true, state = Known(model.charge), torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).double()
    for context in contexts[1:]:
        assert (
            predictor(state, context) - true(state, context)
        ).abs().max() < 0.25 * model.charge.abs().max()


def test_at_first_nothing_is_predicted():
    assert not SyntheticGradient(4, generator=0)(torch.ones(2, 4), torch.zeros(2, 0)).any()


@pytest.mark.parametrize(
    "call",
    [
        lambda: SyntheticGradient(0),
        lambda: SyntheticGradient(1, -1),
        lambda: windowed_loss(Sum(0).window, START, []),
        lambda: windowed_loss(Sum(0).window, START, Sum(0).pieces(0), contexts=[START]),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(InputError):
        call()
