"""A recurrent network of leaky units whose time constants are learnt, and a task that grows with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from memscape.cognition.keeping import System
from memscape.core.arrays import as_tensor, require_count
from memscape.core.cards import Card, register
from memscape.core.errors import InputError
from memscape.core.progress import Progress, ProgressOption
from memscape.core.random import Generator, derived, draw_seed, resolve
from memscape.mechanisms.leaking import low_pass, require_time_constant
from memscape.mechanisms.scheduling import Curriculum
from memscape.tasks.bits import BitTask
from memscape.training import train

FRESH = 512
"""Streams on which a network is examined."""


@dataclass(frozen=True)
class Growth:
    """How a network grew with its task.

    Attributes:
        looks: a row for each examination: step, the order N that was trained, the worst accuracy of the
            heads that were trained, mean and largest time constant.
        losses: (steps,) of the training.
        orders: the orders that the heads answer, those that were reached.
        seed: of all batches.
        complete: False where Ctrl-C ended the run early.
    """

    looks: tuple[dict[str, float], ...]
    losses: Float[Tensor, " steps"]
    orders: tuple[int, ...]
    seed: int
    complete: bool = True

    @property
    def reached(self) -> int:
        """The largest order N that was mastered; 0 for none."""
        passed = [int(row["N"]) for row in self.looks if row["passed"]]
        return max(passed, default=0)

    def table(self) -> str:
        """Return a line for each examination at which the task grew, and the last one."""
        shown = [row for row in self.looks if row["passed"] or row is self.looks[-1]]
        lines = [
            f"{row['step']:>7.0f}  {row['N']:>3.0f}  {row['accuracy']:>8.3f}  {row['tau']:>8.3f}"
            for row in shown
        ]
        return "\n".join(["   step    N  accuracy  mean tau", *lines])

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python values, ready for JSON."""
        return {
            "looks": list(self.looks),
            "losses": self.losses.tolist(),
            "orders": list(self.orders),
            "seed": self.seed,
            "complete": self.complete,
        }

    def __repr__(self) -> str:
        end = "" if self.complete else ", ended early by Ctrl-C"
        return f"Growth of {len(self.losses)} steps to N = {self.reached}{end}\n{self.table()}"


@register
class LeakyNetwork(System):
    """Reads a stream and answers from its last state, a head for each question.

    Units with time constants of their own, learnt and held at 1 step or above, no unit reads itself:

    $$h_t = \\phi\\big((1 - 1/\\tau)\\, h_{t-1} + (1/\\tau)(W h_{t-1} + b + W_{in} x_t)\\big).$$

    Args:
        units: n.
        heads: the number of questions, each with two answers.
        inputs: width of an input.
        memory: (low, high) between which the time constants are drawn at the start, in steps.
        generator: seed of the initial weights; the first state is drawn from [0, 0.1) with it too.

    A stream of T inputs costs O(b T n^2).

    Raises:
        InputError: for counts below 1, or time constants below 1.

    >>> network = LeakyNetwork(16, heads=3, generator=0)
    >>> network(torch.ones(5, 7)).shape
    torch.Size([5, 3, 2])
    >>> bool((network.timescales >= 1).all())
    True

    Khajehabdollahi, Zeraati et al. 2024, arXiv 2309.12927, eq. 1.
    """

    start: Tensor
    others: Tensor

    card = Card(
        name="LeakyNetwork",
        paper="Khajehabdollahi, Zeraati et al. 2024, arXiv 2309.12927",
        parts="leaky state with learnt time constants x curriculum x linear heads",
        space="real numbers",
        capacity="bits of the last N inputs; 64 units learn N = 5 in 1,300 steps of 64 streams",
        cost="O(b T n^2) per batch of streams",
        limits="one head trained after the other forgets the earlier ones",
        form="latent",
        span="working",
        equation=r"h \leftarrow \phi\big((1 - 1/\tau) h + (1/\tau)(W h + b + W_{in} x)\big)",
    )

    def __init__(
        self,
        units: int = 64,
        *,
        heads: int = 1,
        inputs: int = 1,
        memory: tuple[float, float] = (1.0, 2.0),
        generator: Generator = None,
    ):
        super().__init__()
        self.units, self.inputs = require_count(units, "units"), require_count(inputs, "inputs")
        self.seed = draw_seed(generator)
        drawn, bound = resolve(self.seed), self.units**-0.5
        low, high = memory
        taus = low + (high - low) * torch.rand(self.units, generator=drawn)
        require_time_constant(taus)

        def uniform(*shape: int) -> nn.Parameter:
            return nn.Parameter(bound * (2 * torch.rand(*shape, generator=drawn) - 1))

        self.tau = nn.Parameter(taus)
        self.recurrent, self.bias = uniform(self.units, self.units), uniform(self.units)
        self.driving = uniform(self.inputs, self.units)
        self.readout = uniform(require_count(heads, "heads"), self.units, 2)
        self.offset = nn.Parameter(torch.zeros(heads, 1, 2))
        self.register_buffer("start", 0.1 * torch.rand(self.units, generator=drawn))
        self.register_buffer("others", 1 - torch.eye(self.units))

    @property
    def heads(self) -> int:
        """The number of questions."""
        return len(self.readout)

    @property
    def timescales(self) -> Float[Tensor, " n"]:
        """The time constant of each unit in steps."""
        return self.tau.detach().clamp_min(1.0)

    def state(
        self, streams: Float[Tensor, "b t"] | Float[Tensor, "b t i"], lost: Tensor | None = None
    ) -> Float[Tensor, "b n"]:
        """Return the state after the last input; the units in `lost` (n,) bool are silent throughout.

        Raises:
            InputError: for another width of the inputs, NaN or infinite inputs, or a time constant that is
                not finite.
        """
        x = as_tensor(streams, "the stream")
        x = x if x.ndim == 3 else x[..., None]
        if x.shape[-1] != self.inputs:
            raise InputError(f"an input has width {x.shape[-1]}; this network reads width {self.inputs}")
        tau = self.tau.clamp_min(1.0)
        require_time_constant(tau)
        share, W = 1 / tau, self.recurrent * self.others
        kept = None if lost is None else (~lost).to(W)
        h = self.start.expand(len(x), -1)
        for drive in (x @ self.driving + self.bias).unbind(1):
            h = F.leaky_relu(low_pass(h, torch.addmm(drive, h, W), share))
            h = h if kept is None else h * kept
        return h

    def forward(self, streams: Tensor, lost: Tensor | None = None) -> Float[Tensor, "b h 2"]:
        """Return the logits of the two answers of each head."""
        h = self.state(streams, lost)
        return (torch.matmul(h, self.readout) + self.offset).transpose(0, 1)

    def fit(
        self,
        task: Callable[[int], BitTask],
        curriculum: Curriculum | None = None,
        *,
        steps: int = 1300,
        batch: int = 64,
        every: int = 100,
        rate: float = 0.05,
        generator: Generator = None,
        progress: ProgressOption = None,
    ) -> Growth:
        """Train on a task that grows as soon as it is mastered, in place, and return how that went.

        Head i answers for the order `curriculum.start` + i. With heads="single" only the newest head is
        trained, with "multi" all heads up to it, on the same streams. Stochastic gradient descent with
        Nesterov's momentum .1, gradients clipped to norm 2.

        Args:
            task: order N to a task, such as `tasks.NDMS`.
            curriculum: where the task begins, and when it grows; None is `Curriculum()`.
            steps: in all; training ends early when the last head is mastered.
            batch: streams of a step.
            every: steps between two examinations, each on 512 fresh streams.
            rate: of learning.
            generator: seed of the streams.
            progress: a bar, a callable, or None.
        """
        plan, seed = curriculum or Curriculum(), draw_seed(generator)
        now, last = plan.start, plan.start + self.heads - 1
        optimizer = torch.optim.SGD(self.parameters(), lr=rate, momentum=0.1, nesterov=True)
        losses, looks, complete, blocks = [], [], True, -(-require_count(steps, "steps") // every)
        with Progress(progress, blocks, "growing a task") as bar:
            for block in range(blocks):
                orders = plan.trained(now)
                history = train(
                    self,
                    _loss(task(now), orders, plan.start),
                    lambda step, block=block, now=now: task(now).sample(
                        batch, generator=derived(seed, block, step)
                    ),
                    optimizer=optimizer,
                    steps=min(every, steps - block * every),
                    generator=block,
                    clip=2.0,
                    progress=False,
                )
                losses.append(history.losses)
                right = self.accuracy(task, orders, start=plan.start, generator=derived(seed, block, every))
                worst = float(right.min())
                following = plan.after(now, worst)
                looks.append(
                    {
                        "step": float(sum(map(len, losses))),
                        "N": float(now),
                        "accuracy": worst,
                        "passed": float(following > now),
                        "tau": float(self.timescales.mean()),
                        "longest": float(self.timescales.max()),
                    }
                )
                if following > last:
                    break
                now = following
                if not bar.update() or not history.complete:
                    complete = False
                    break
        return Growth(tuple(looks), torch.cat(losses), tuple(range(plan.start, now + 1)), seed, complete)

    def accuracy(
        self,
        task: Callable[[int], BitTask],
        orders: Sequence[int],
        *,
        start: int = 2,
        count: int = FRESH,
        lost: Tensor | None = None,
        generator: Generator = None,
    ) -> Float[Tensor, " m"]:
        """Return the share of right answers on fresh streams for each of the orders, each by its own head.

        Args:
            task: order N to a task.
            orders: those that are asked.
            start: the order of the first head.
            count: streams for each order.
            lost: (n,) bool, units that are silenced.
            generator: seed of the streams.

        Raises:
            InputError: for an order without a head.
        """
        drawn, found = resolve(generator), []
        for order in orders:
            if not 0 <= order - start < self.heads:
                raise InputError(
                    f"order {order} has no head; heads answer {start} ... {start + self.heads - 1}"
                )
            streams = task(order).sample(count, generator=drawn)
            with torch.no_grad():
                said = self(streams.to(self.tau.device), lost)[:, order - start].argmax(-1).cpu()
            found.append((said == task(order).labels(streams)[:, 0]).float().mean())
        return torch.stack(found)

    def _settings(self) -> dict[str, Any]:
        sizes = {name: getattr(self, name) for name in ("units", "heads", "inputs")}
        return sizes | {"generator": self.seed}

    def extra_repr(self) -> str:
        return f"{self.units} units, {self.heads} heads, mean tau {float(self.timescales.mean()):.3g} steps"


def _loss(
    task: BitTask, orders: tuple[int, ...], start: int
) -> Callable[[nn.Module, Tensor, torch.Generator], Tensor]:
    """Return the sum over heads of the cross-entropies.

    What the last step took below 1 is put back to 1 first: from below, the clamp passes no gradient.
    """
    at = [order - start for order in orders]

    def loss(network: nn.Module, streams: Float[Tensor, "b t"], generator: torch.Generator) -> Tensor:
        tau = network.get_parameter("tau")
        with torch.no_grad():
            tau.clamp_(min=1.0)
        labels: Int[Tensor, "b m"] = task.labels(streams, orders).to(tau.device)
        logits = network(streams.to(tau.device))[:, at]
        return F.cross_entropy(logits.flatten(0, 1), labels.flatten()) * len(at)

    return loss
