"""A world of rules about few variables: at each step two hidden latents are said to stay as they are."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from memscape.core.arrays import require_count, require_fraction
from memscape.core.errors import InputError
from memscape.core.random import Generator, resolve


@dataclass(frozen=True)
class Steps:
    """Pairs of successive states of a rule world.

    Attributes:
        before, after: (b, n) states as they are seen, rotated.
        kept: (b, n) which latents the rule of the step kept, two in each row.
        latents: (b, n) the latents before, -1 and +1.
    """

    before: Float[Tensor, "b n"]
    after: Float[Tensor, "b n"]
    kept: Bool[Tensor, "b n"]
    latents: Float[Tensor, "b n"]


@dataclass(frozen=True)
class RuleWorld:
    """n binary latents behind a random rotation; at each step one rule holds, about `about` of them.

    The latents that the rule is about stand out, by a factor `salience` in the latents' own coordinates. They
    keep their values in the next state; all others are drawn anew. What is seen is $x = R u$.

    Args:
        rotation: R (n, n), orthogonal.
        about: latents in a rule.
        salience: above 1.

    >>> world = rule_world(12, generator=0)
    >>> world.steps(5, generator=1).kept.sum(-1).tolist()
    [2, 2, 2, 2, 2]
    """

    rotation: Float[Tensor, "n n"]
    about: int = 2
    salience: float = 2.0

    @property
    def units(self) -> int:
        """The number of latents, n."""
        return len(self.rotation)

    def steps(self, count: int, *, generator: Generator = None) -> Steps:
        """Return so many independent steps."""
        drawn, shape = resolve(generator), (require_count(count, "count"), self.units)
        latents, others = (torch.randint(2, shape, generator=drawn) * 2.0 - 1 for _ in range(2))
        chosen = torch.rand(shape, generator=drawn).topk(self.about, -1).indices
        kept = torch.zeros(shape).scatter_(1, chosen, 1.0) > 0
        before = torch.where(kept, self.salience * latents, latents)
        after = torch.where(kept, latents, others)
        return Steps(before @ self.rotation.T, after @ self.rotation.T, kept, latents)


def rule_world(
    units: int = 12, *, about: int = 2, salience: float = 2.0, generator: Generator = None
) -> RuleWorld:
    """Return a rule world behind a random rotation.

    Raises:
        InputError: for counts below 1, rules about more latents than there are, a salience of at most 1.
    """
    n = require_count(units, "units")
    if require_count(about, "about") > n:
        raise InputError(f"rules are about {about} latents of {n}; use at most {n}")
    if not require_fraction(salience, "salience", high=1e6) > 1:
        raise InputError(f"the salience is {salience}; above 1 the latents of a rule stand out")
    turned, upper = torch.linalg.qr(torch.randn(n, n, generator=resolve(generator)))
    return RuleWorld(turned * upper.diagonal().sign(), about, salience)
