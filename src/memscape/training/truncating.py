"""Learning window by window: what a window cannot see of the future is cut off, or predicted."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.core.random import Generator, derived, draw_seed

Window = Callable[[Tensor, Any], tuple[Tensor, Tensor]]
"""(state (b, s), what the window brings) to the state after it and the losses (b,) that it made."""


class SyntheticGradient(nn.Module):
    """Predicts how the losses to come will wish a state to change, $\\hat g(s, c) \\approx dL_{>t} / ds_t$.

    One hidden layer, and an output that starts at 0: at first it is plain truncation.

    Args:
        state: s, numbers of a state, such as all entries of a memory.
        context: c, numbers that say more, such as the answer that will be wanted; 0 is none.
        hidden: units of the hidden layer.
        generator: seed of the initial weights.

    A prediction costs O(b hidden (2s + c)).

    Raises:
        InputError: for counts below 1 (0 for the context).

    >>> import torch
    >>> SyntheticGradient(3, 2, generator=0)(torch.ones(1, 3), torch.ones(1, 2))
    tensor([[0., 0., 0.]], grad_fn=<AddmmBackward0>)

    Jaderberg et al. 2017, Decoupled neural interfaces using synthetic gradients, arXiv 1608.05343.
    """

    def __init__(self, state: int, context: int = 0, *, hidden: int = 128, generator: Generator = None):
        super().__init__()
        inputs = require_count(state, "state") + require_count(context, "context", low=0)
        self.first = nn.utils.skip_init(nn.Linear, inputs, require_count(hidden, "hidden"))
        self.last = nn.utils.skip_init(nn.Linear, hidden, state)
        drawn = derived(draw_seed(generator))
        for weights in self.first.parameters():
            nn.init.uniform_(weights, -(inputs**-0.5), inputs**-0.5, generator=drawn)
        for weights in self.last.parameters():
            nn.init.zeros_(weights)

    def forward(self, state: Float[Tensor, "b s"], context: Float[Tensor, "b c"]) -> Float[Tensor, "b s"]:
        """Return the predicted gradient at states."""
        return self.last(self.first(torch.cat([state, context], -1)).relu())


def windowed_loss(
    window: Window,
    state: Float[Tensor, "b s"],
    pieces: Sequence[Any],
    *,
    synthetic: SyntheticGradient | None = None,
    contexts: Sequence[Float[Tensor, "b c"]] | None = None,
) -> Float[Tensor, ""]:
    """Return the mean loss of a sequence whose gradient stays within its windows.

    The state passes from window to window, its gradient does not. With `synthetic` the end of a window
    receives the predicted one, $\\partial (L_w + \\hat g \\cdot s_{end}) / \\partial \\theta$, and the
    prediction at a window's start learns, by its squared error, the gradient that arrives there: true within
    the window, predicted beyond it.

    Args:
        window: one window; see `Window`.
        state: before the first of them.
        pieces: what each window brings.
        synthetic: the predictor; None is plain truncation.
        contexts: one for each window's start; needed where the predictor takes a context.

    Cost: that of the windows; with `synthetic` one more backward pass through each.

    Raises:
        InputError: for no window, or another number of contexts than of windows.

    >>> import torch
    >>> held = torch.ones(1, requires_grad=True)
    >>> window = lambda state, piece: (state + held, (state + held).sum(-1))
    >>> windowed_loss(window, torch.zeros(2, 1), [None, None]).backward()
    >>> held.grad  # 3 without the cut: the second window's loss does not reach the first
    tensor([2.])
    """
    if not pieces or (contexts is not None and len(contexts) != len(pieces)):
        raise InputError(
            f"{len(pieces)} windows and {0 if contexts is None else len(contexts)} contexts; give at least "
            "one window, and a context for each of them"
        )
    told = list(contexts) if contexts is not None else [state.new_zeros(len(state), 0)] * len(pieces)
    total, shown = state.new_zeros(()), state.new_zeros(())
    for number, piece in enumerate(pieces):
        start = state.detach().requires_grad_(synthetic is not None)
        state, losses = window(start, piece)
        shown = shown + losses.detach().sum()
        wish = losses.sum()
        if synthetic is not None:
            if number + 1 < len(pieces):
                beyond = synthetic(state.detach(), told[number + 1]).detach()
                wish = wish + (beyond * state).sum()
            if number:
                (arrived,) = torch.autograd.grad(wish, start, retain_graph=True)
                total = total + (synthetic(start.detach(), told[number]) - arrived).square().sum()
        total = total + wish
    total = total / len(state)
    return total - total.detach() + shown / len(state)  # the value is the task's, the gradient is all of it
