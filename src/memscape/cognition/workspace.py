"""The consciousness prior.

Of a rich state a few elements are attended, and an energy verifies the thought.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from memscape.cognition.keeping import System
from memscape.cognition.rules import RuleWorld
from memscape.core.arrays import as_tensor, require_count, require_width
from memscape.core.cards import Card, register
from memscape.core.errors import InputError
from memscape.core.progress import ProgressOption
from memscape.core.random import Generator, derived, draw_seed, resolve
from memscape.mechanisms.gating import k_writers
from memscape.training import History, train


@dataclass(frozen=True)
class Thought:
    """What was attended of states.

    Attributes:
        shares: (b, n) of the attention, not 0 in exactly k units of each row.
        values: (b, n) of those units, 0 in all others.
    """

    shares: Float[Tensor, "b n"]
    values: Float[Tensor, "b n"]

    @property
    def units(self) -> Int[Tensor, "b k"]:
        """The attended units, in ascending order."""
        k = int((self.shares[0] > 0).sum())
        return self.shares.topk(k, -1).indices.sort(-1).values

    def table(self, most: int = 10) -> str:
        """Return a line for each of the first thoughts: units and their values."""
        rows = zip(self.units[:most].tolist(), self.values.tolist(), strict=False)
        return "\n".join("  ".join(f"unit {u}: {values[u]:+.2f}" for u in units) for units, values in rows)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python values, ready for JSON."""
        return {"units": self.units.tolist(), "values": self.values.gather(-1, self.units).tolist()}

    def __repr__(self) -> str:
        return f"Thought about {self.units.shape[1]} units of {len(self.shares)} states\n{self.table()}"


@register
class Workspace(System):
    """Attends to k elements of a state and says whether a later state agrees with what was thought.

    A linear map makes the rich state h = E x. Attention picks the k elements of largest magnitude, $c = a
    \\odot h$ with shares a; the verifier is an energy with one term for each of them, $V(h', c) = -\\sum_i
    c_i\\, h'_i$: a sparse factor over few variables. E learns from pairs of successive states by contrast,
    each state's own successor against those of the others; the squeeze through k elements is what turns the
    coordinates of h to those in which the rules of the world are about few variables.

    Args:
        units: n, width of what is seen.
        k: elements of a thought.
        generator: seed of the initial map, a random rotation.

    A thought costs O(b n^2).

    Raises:
        InputError: for k outside 1 ... n.

    >>> from memscape.cognition import rule_world
    >>> world = rule_world(6, generator=0)
    >>> workspace = Workspace(6, k=2, generator=0)
    >>> history = workspace.fit(world, steps=300, generator=0)
    >>> steps = world.steps(500, generator=1)
    >>> thought = workspace.attend(steps.before)
    >>> own, other = workspace.verify(thought, steps.after), workspace.verify(thought, steps.after.roll(1, 0))
    >>> bool(own.mean() < other.mean())
    True

    Inspired by Bengio 2017, arXiv 1709.08568, which reports no experiments: no replication.
    """

    card = Card(
        name="Workspace",
        paper="inspired by Bengio 2017, arXiv 1709.08568",
        parts="k winners of a linear map x energy with a term for each of them",
        space="real numbers",
        capacity="k elements at a time",
        cost="O(b n^2) per thought, O(b^2 n) per step of learning",
        limits="attends to what stands out; values of k bits agree by chance in 2^-k of all states",
        form="latent",
        span="working",
        equation=r"c = \mathrm{top}_k(E x), \quad V(h, c) = -\sum_i c_i h_i",
    )

    def __init__(self, units: int, k: int = 2, *, generator: Generator = None):
        super().__init__()
        self.units, self.k = require_count(units, "units"), require_count(k, "k")
        if self.k > self.units:
            raise InputError(f"k is {k} but a state has {units} elements; use at most that")
        self.seed = draw_seed(generator)
        turned = torch.linalg.qr(torch.randn(units, units, generator=resolve(self.seed)))[0]
        self.map = nn.Parameter(turned.contiguous())
        self.sharpness = nn.Parameter(torch.zeros(2))  # of the attention, of the verifier: as logarithms

    def attend(self, seen: Float[Tensor, "b n"]) -> Thought:
        """Return the thoughts of states (b, n): their k elements that stand out.

        Raises:
            InputError: for another width or NaN.
        """
        require_width(as_tensor(seen, "what is seen"), self.units, "what is seen")
        rich = seen @ self.map.T
        shares = k_writers(2 * self.sharpness[0].exp() * rich.abs(), self.k)
        return Thought(shares, shares * rich)

    def verify(self, thought: Thought, later: Float[Tensor, "b n"]) -> Float[Tensor, " b"]:
        """Return the energy of thoughts in later states; low where they agree. O(b n^2)."""
        require_width(as_tensor(later, "the later states"), self.units, "the later states")
        return -self.sharpness[1].exp() * (thought.values * (later @ self.map.T)).sum(-1)

    def forward(self, seen: Float[Tensor, "b n"], later: Float[Tensor, "c n"]) -> Float[Tensor, "b c"]:
        """Return minus the energy of each thought in each later state, the scores of the contrast."""
        return self.sharpness[1].exp() * self.attend(seen).values @ (later @ self.map.T).T

    def fit(
        self,
        world: RuleWorld,
        *,
        steps: int = 1500,
        batch: int = 256,
        rate: float = 1e-2,
        generator: Generator = None,
        progress: ProgressOption = None,
    ) -> History:
        """Learn from a world's steps, each seen once, in place, and return the course of the loss.

        The loss is the cross-entropy of each state's own successor among the batch's, and $|E E^T - I|^2$.

        Raises:
            InputError: for a world of another width, counts below 1.
        """
        if world.units != self.units:
            raise InputError(
                f"the world has {world.units} units and the workspace {self.units}; make them equal"
            )
        seed, eye = draw_seed(generator), torch.eye(self.units)

        def loss(module: nn.Module, pair: Any, drawn: torch.Generator) -> Tensor:
            wanted = torch.arange(len(pair.before))
            skew = (self.map @ self.map.T - eye).square().sum()
            return nn.functional.cross_entropy(self(pair.before, pair.after), wanted) + skew

        draw = lambda step: world.steps(batch, generator=derived(seed, 1, step))  # noqa: E731
        optimizer = torch.optim.Adam(self.parameters(), lr=rate)
        return train(self, loss, draw, optimizer=optimizer, steps=steps, generator=seed, progress=progress)

    def named(self, world: RuleWorld) -> Int[Tensor, " n"]:
        """Return which latent of the world each unit stands for: the best one-to-one match of directions."""
        from scipy.optimize import linear_sum_assignment

        with torch.no_grad():
            alike = (self.map @ world.rotation).abs()
        return torch.as_tensor(linear_sum_assignment(-alike.cpu().numpy())[1])

    def _settings(self) -> dict[str, Any]:
        return {"units": self.units, "k": self.k, "generator": self.seed}

    def extra_repr(self) -> str:
        return f"{self.units} units, thoughts of {self.k}"
