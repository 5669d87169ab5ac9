"""Modules that learn what they say to a workspace: an encoder of views, an operation, a readout."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from memscape.cognition.keeping import System
from memscape.core.arrays import as_tensor, require_count, require_width
from memscape.core.cards import Card, register
from memscape.core.errors import InputError
from memscape.core.progress import ProgressOption
from memscape.core.random import Generator, draw_seed, resolve
from memscape.training import History, train

TINY = 1e-6


@register
class LearntModules(System):
    """Encodes views as shares of units, moves a code on by one, and reads a class out of it.

    A workspace mixes what its modules say, so what they say must bear mixing: a code is a distribution over
    the units, $x = \\mathrm{softmax}(e(v))$, the operation and the readout are stochastic matrices, $f(w) = w
    A$ and $P(c) = (w C)_c$. A mixture of codes then stays a mixture of answers. All three learn from labelled
    views alone: after k operations the readout is to name the class k further on, modulo their number.

    Args:
        views: width of what is seen.
        classes: number of classes, in a circle.
        width: units of a code, several for each class lest two classes meet in one unit.
        hidden: units of the encoder between.
        generator: seed of the initial weights.

    A code costs O(b hidden (views + width)), an operation O(b width^2).

    Raises:
        InputError: for counts below 1, or fewer units than classes.

    >>> import torch
    >>> views = torch.eye(3).repeat(4, 1)
    >>> modules = LearntModules(views=3, classes=3, width=4, generator=0)
    >>> history = modules.fit(views, torch.arange(3).repeat(4), steps=200, generator=0)
    >>> code = modules.encode(torch.eye(3))
    >>> modules.logits(modules.operate(code)).argmax(-1).tolist()
    [1, 2, 0]

    The second version of Chateau-Laurent and VanRullen 2025, arXiv 2503.01906; its form is ours.
    """

    card = Card(
        name="LearntModules",
        paper="Chateau-Laurent and VanRullen 2025, arXiv 2503.01906 (learnt modules; the form is ours)",
        parts="encoder to a softmax code x stochastic matrix as operation x stochastic matrix as readout",
        space="real numbers in, shares of units out",
        capacity="as many classes as units",
        cost="a code O(b hidden (views + width)); an operation O(b width^2)",
        limits="one operation, learnt from labels; classes in a circle",
        form="parametric",
        equation=r"x = \mathrm{softmax}(e(v)), \quad f(w) = w A, \quad P(c) = (w C)_c",
    )

    def __init__(
        self, views: int, classes: int, *, width: int = 64, hidden: int = 64, generator: Generator = None
    ):
        super().__init__()
        self.views, self.classes = require_count(views, "views"), require_count(classes, "classes")
        self.width, self.seed = require_count(width, "width"), draw_seed(generator)
        if self.width < self.classes:
            raise InputError(
                f"{self.width} units cannot hold {self.classes} classes; use width={classes} or more"
            )
        self.first = nn.utils.skip_init(nn.Linear, self.views, require_count(hidden, "hidden"))
        self.second = nn.utils.skip_init(nn.Linear, hidden, self.width)
        drawn = resolve(self.seed)
        for layer in (self.first, self.second):
            for weights in layer.parameters():
                nn.init.uniform_(
                    weights, -(layer.in_features**-0.5), layer.in_features**-0.5, generator=drawn
                )
        self.moving = nn.Parameter(torch.randn(self.width, self.width, generator=drawn))
        self.naming = nn.Parameter(torch.randn(self.width, self.classes, generator=drawn))

    def encode(self, views: Float[Tensor, "b v"]) -> Float[Tensor, "b w"]:
        """Return the codes of views, shares that add up to 1. Differentiable.

        Raises:
            InputError: for another width or NaN.
        """
        require_width(as_tensor(views, "views"), self.views, "views")
        return self.second(torch.relu(self.first(views))).softmax(-1)

    def operate(self, content: Float[Tensor, "b w"]) -> Float[Tensor, "b w"]:
        """Return contents moved on by one: $w A$, rows of A adding up to 1."""
        return content @ self.moving.softmax(-1)

    def logits(self, content: Float[Tensor, "b w"]) -> Float[Tensor, "b c"]:
        """Return the log of the share that contents give to each class."""
        return (content @ self.naming.softmax(-1) + TINY).log()

    def fit(
        self,
        views: Float[Tensor, "p v"],
        labels: Int[Tensor, " q"],
        *,
        steps: int = 400,
        rate: float = 3e-2,
        generator: Generator = None,
        progress: ProgressOption = None,
    ) -> History:
        """Learn from labelled views, in place, and return the course of the loss.

        The loss is the mean cross-entropy of the class k further on after k operations, k = 0 to classes - 1.

        Raises:
            InputError: for another width, unequal numbers, or a label that is no class.
        """
        require_width(as_tensor(views, "views"), self.views, "views")
        if len(labels) != len(views) or bool(((labels < 0) | (labels >= self.classes)).any()):
            raise InputError(
                f"{len(labels)} labels for {len(views)} views; give one for each, 0 to {self.classes - 1}"
            )

        def loss(module: nn.Module, batch: Any, drawn: torch.Generator) -> Tensor:
            code, total = self.encode(views), torch.zeros(())
            for step in range(self.classes):
                total = total + nn.functional.cross_entropy(self.logits(code), (labels + step) % self.classes)
                code = self.operate(code)
            return total / self.classes

        optimizer = torch.optim.Adam(self.parameters(), lr=rate)
        return train(
            self,
            loss,
            lambda step: None,
            optimizer=optimizer,
            steps=steps,
            generator=generator,
            progress=progress,
        )

    def _settings(self) -> dict[str, Any]:
        sizes = {name: getattr(self, name) for name in ("views", "classes", "width")}
        return sizes | {"hidden": self.first.out_features, "generator": self.seed}

    def extra_repr(self) -> str:
        return f"views of {self.views}, {self.classes} classes in {self.width} units"
