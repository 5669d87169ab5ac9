"""Learning that lets arrangements of families compete: each edge ends with the family of the winner's."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.core.progress import Progress, ProgressOption
from memscape.core.random import Generator, derived, draw_seed
from memscape.mechanisms.selectable import SelectableNetwork
from memscape.training.history import History
from memscape.training.loop import train
from memscape.training.selecting import Objective, falling

JUDGED = 20
"""Steps over which the median of a candidate's losses is taken, since single ones jump at a high rate."""


def train_competing(
    network: SelectableNetwork,
    x: Float[Tensor, "b n"],
    loss: Objective,
    *,
    steps: int = 1400,
    rounds: int = 4,
    rate: float = 1e-2,
    generator: Generator = None,
    progress: ProgressOption = None,
) -> History:
    """Return the course of the winner among twice as many candidates as an edge has families.

    Half of the candidates have the same family on all edges; the others mix them, drawn so that each family
    of each edge stands in exactly one. All start from the network's coefficients, times the root of the
    number of families, since one now does the work of all. In round r of R the candidates that are left go
    on to step $\\lceil T 2^{r - R} \\rceil$ of the T on the same falling rate; then the half of larger loss
    ends (successive halving). The winner has made T steps, like a network that chose nothing.

    Args:
        network: one whose edges all have every family; trained and pruned in place.
        x: inputs, all of them in each step.
        loss: outputs to a scalar.
        steps: T, those that the winner makes.
        rounds: R, at least 1; if candidates outlast them, the best at the end wins.
        rate: of Adam at the start; it falls to 0 along a cosine.
        generator: seed of the arrangements.
        progress: as everywhere; counts rounds.

    Cost: with 5 families and 4 rounds 2.9 T steps; one with mixed families costs more than one without.

    Raises:
        InputError: for counts below 1, a network that has dropped families, or a loss that is not finite.

    >>> import torch
    >>> x = torch.linspace(-1, 1, 40)[:, None]
    >>> network = SelectableNetwork((1, 3, 1), families=("chebyshev", "radial", "fourier"), generator=0)
    >>> run = train_competing(network, x, lambda y: (y - x**3).square().mean(), steps=80, generator=0)
    >>> run.steps, network.families_left
    (80, 1)

    Successive halving: Jamieson and Talwalkar 2016; arrangements that share a network are ours.
    """
    require_count(steps, "steps")
    require_count(rounds, "rounds")
    if not all(bool(layer.left.all()) for layer in network.layers):  # ty: ignore
        raise InputError("the network has dropped families; candidates are drawn from one that has them all")
    seed = draw_seed(generator)
    runs = [_Candidate(network, masks, rate) for masks in _arrangements(network, seed)]
    complete = True
    with Progress(progress, rounds, "competing") as bar:
        for number in range(1, rounds + 1):
            until = -(-steps // 2 ** (rounds - number))
            for run in runs:
                complete = complete and run.go_on(network, x, loss, until, steps, seed)
            runs.sort(key=_Candidate.standing)
            if not (bar.update() and complete):
                complete = complete and number == rounds
                break
            runs = runs[: max(1, len(runs) // 2)]
    runs[0].enter(network)
    return History(torch.cat(runs[0].losses), seed, complete)


class _Candidate:
    """The families of one arrangement, its coefficients, optimizer and losses."""

    def __init__(self, network: SelectableNetwork, masks: list[Tensor], rate: float):
        self.masks, self.losses, self.made = masks, [], 0
        self.optimizer = torch.optim.Adam(network.parameters(), lr=rate)
        scale = math.sqrt(masks[0].shape[-1])
        self.values = [scale * value.detach() for value in network.parameters()]

    @torch.no_grad()
    def enter(self, network: SelectableNetwork) -> None:
        """Make the network this candidate."""
        for layer, mask in zip(network.layers, self.masks, strict=True):
            layer.left.copy_(mask)  # ty: ignore
        for parameter, value in zip(network.parameters(), self.values, strict=True):
            parameter.copy_(value)

    def go_on(
        self, network: SelectableNetwork, x: Tensor, loss: Objective, until: int, steps: int, seed: int
    ) -> bool:
        """Train up to a step; returns whether it got there."""
        made, course = self.made, falling(steps)
        if until == made:
            return True
        self.enter(network)
        history = train(
            network,
            lambda module, batch, drawn: loss(module(batch)),
            lambda step: x,
            optimizer=self.optimizer,
            steps=until - made,
            generator=seed,
            schedule=lambda step: course(made + step),
            progress=False,
        )
        self.values = [value.detach().clone() for value in network.parameters()]
        self.losses.append(history.losses)
        self.made += history.steps
        return history.complete

    def standing(self) -> float:
        """The loss at the end, inf before the first step."""
        return float(torch.cat(self.losses)[-JUDGED:].median()) if self.made else math.inf


def _arrangements(network: SelectableNetwork, seed: int) -> list[list[Tensor]]:
    """For each candidate and layer the one family of each edge, as a mask (m, n, f)."""
    orders = [
        torch.rand(layer.left.shape, generator=derived(seed, number)).argsort(-1)  # ty: ignore
        for number, layer in enumerate(network.layers)
    ]
    families = orders[0].shape[-1]
    alike = [[torch.full_like(order[..., 0], k) for order in orders] for k in range(families)]
    mixed = [[order[..., k] for order in orders] for k in range(families)]
    one_hot = torch.nn.functional.one_hot
    return [[one_hot(family, families).bool() for family in chosen] for chosen in alike + mixed]
