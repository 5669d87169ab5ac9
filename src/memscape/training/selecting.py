"""Learning with everything, then with less and less: until each edge has one family of bases."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.progress import Progress, ProgressOption
from memscape.core.random import Generator, draw_seed
from memscape.mechanisms.selectable import SelectableNetwork
from memscape.training.history import History
from memscape.training.loop import train

Objective = Callable[[Tensor], Tensor]
"""Outputs to a scalar that falls."""


def train_selecting(
    network: SelectableNetwork,
    x: Float[Tensor, "b n"],
    loss: Objective,
    *,
    steps: int = 400,
    last: int = 800,
    rate: float = 1e-2,
    generator: Generator = None,
    progress: ProgressOption = None,
) -> History:
    """Return the course of a run that trains a network and drops a family of each edge after every round.

    All rounds see all inputs at once by Adam, whose rate falls to 0 along a cosine in each of them; the last
    round, with one family left, is the longest.

    Args:
        network: trained and pruned in place.
        x: inputs, on which the functions of the edges are compared.
        loss: outputs to a scalar.
        steps, last: of each round before, and of the last one.
        rate: of Adam at the start of a round.
        generator: seed, recorded.
        progress: as everywhere; counts rounds.

    Cost: that of the passes, and of `SelectableEdges.drop` once a round.

    Raises:
        InputError: for counts below 1, or a loss that is not finite.

    >>> import torch
    >>> x = torch.linspace(-1, 1, 40)[:, None]
    >>> network = SelectableNetwork((1, 1), families=("chebyshev", "radial"), generator=0)
    >>> run = train_selecting(
    ...     network, x, lambda y: (y - x**3).square().mean(), steps=50, last=50, generator=0
    ... )
    >>> run.steps, network.families_left
    (100, 1)
    """
    require_count(steps, "steps")
    rounds, seed = network.families_left, draw_seed(generator)
    losses, complete = [], True
    with Progress(progress, rounds, "selecting") as bar:
        for left in range(rounds, 0, -1):
            size = last if left == 1 else steps
            history = train(
                network,
                lambda module, batch, drawn: loss(module(batch)),
                lambda step: x,
                optimizer=torch.optim.Adam(network.parameters(), lr=rate),
                steps=size,
                generator=seed,
                schedule=falling(size),
                progress=False,
            )
            losses.append(history.losses)
            going = bar.update()
            if not (history.complete and going):
                complete = left == 1 and history.complete
                break
            if left > 1:
                network.drop(x)
    return History(torch.cat(losses), seed, complete)


def falling(steps: int) -> Callable[[int], float]:
    """Return the factor of a rate that falls from 1 to 0 along a cosine in so many steps.

    >>> falling(2)(0), round(falling(2)(1), 6)
    (1.0, 0.5)
    """
    return lambda step: 0.5 + 0.5 * math.cos(math.pi * step / steps)
