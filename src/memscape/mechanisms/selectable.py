"""Edges that choose: each connection is a function of its own, made of one of several families of bases."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from memscape.core.arrays import require_count, require_width
from memscape.core.errors import InputError
from memscape.core.random import Generator, derived, draw_seed, resolve
from memscape.mechanisms.bases import FAMILIES, basis


class SelectableEdges(nn.Module):
    """Maps n inputs to m outputs through m n functions, $y_j = \\sum_i \\phi_{ij}(x_i)$.

    $$\\phi_{ij}(x) = \\sum_{f \\in F_{ij}} \\sum_k c_{ijfk}\\, B^f_k(x),$$

    where $F_{ij}$, the families that the edge may still use, shrinks from all to one by `drop`.

    Args:
        inputs, outputs: n, m.
        families: names of `bases.FAMILIES`; None is all of them.
        size: functions of each family.
        generator: seed of the initial coefficients.

    A pass costs O(b n m f k).

    Raises:
        InputError: for counts below 1, no family, an unknown one, or fewer than 4 functions.

    >>> import torch
    >>> edges = SelectableEdges(2, 3, families=("spline", "fourier"), size=5, generator=0)
    >>> edges(torch.zeros(4, 2)).shape, edges.left.shape
    (torch.Size([4, 3]), torch.Size([3, 2, 2]))

    Yang et al. 2024, arXiv 2408.08338, on Liu et al. 2024 (Kolmogorov-Arnold networks); the details are ours.
    """

    left: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        families: Sequence[str] | None = None,
        size: int = 8,
        generator: Generator = None,
    ):
        super().__init__()
        self.inputs, self.outputs = require_count(inputs, "inputs"), require_count(outputs, "outputs")
        self.families, self.size = tuple(FAMILIES if families is None else families), size
        if not self.families:
            raise InputError(f"no family is given; name some of {', '.join(FAMILIES)}")
        self.register_buffer("left", torch.ones(outputs, inputs, len(self.families), dtype=torch.bool))
        self._values(torch.zeros(1, inputs))  # refuses unknown families and sizes before anything is learnt
        scale = 1 / math.sqrt(inputs * size * len(self.families))
        drawn = torch.randn(outputs, inputs, len(self.families), size, generator=resolve(generator))
        self.coefficients = nn.Parameter(scale * drawn)

    def _values(self, x: Float[Tensor, "b n"]) -> Float[Tensor, "b n f k"]:
        return torch.stack([basis(name, x, self.size) for name in self.families], -2)

    def shares(self, x: Float[Tensor, "b n"]) -> Float[Tensor, "b m n f"]:
        """Return what each family that is left adds to each edge."""
        require_width(x, self.inputs, "what comes in")
        return torch.einsum("bnfk,mnfk->bmnf", self._values(x), self.coefficients * self.left[..., None])

    def forward(self, x: Float[Tensor, "b n"]) -> Float[Tensor, "b m"]:
        """Return the outputs for inputs in [-1, 1]."""
        require_width(x, self.inputs, "what comes in")
        used = self.left.any(0).any(0).nonzero()[:, 0]  # families that no edge has left cost nothing
        values = torch.stack([basis(self.families[f], x, self.size) for f in used.tolist()], -2)
        kept = self.coefficients * self.left[..., None]
        return values.flatten(1) @ kept.index_select(2, used).flatten(1).T

    @property
    def chosen(self) -> list[list[str]]:
        """The family of each edge as rows of outputs; "+" between several that are still left."""
        return [
            ["+".join(name for name, left in zip(self.families, edge, strict=True) if left) for edge in row]
            for row in self.left.tolist()
        ]

    @torch.no_grad()
    def regrets(self, x: Float[Tensor, "b n"]) -> Float[Tensor, "m n f"]:
        """Return how badly each edge's function is fitted without each family: a mean square, inf if gone.

        The coefficients of the others are fitted anew to $\\phi_{ij}$ on the inputs by least squares with a
        ridge; a family that the others can replace has no regret, however large its share is now.
        O(m n f (b (fk)^2 + (fk)^3)).
        """
        values, shares = self._values(x).double(), self.shares(x).double()
        found = torch.full(self.left.shape, math.inf, dtype=torch.float64)
        for j, i, f in self.left.nonzero().tolist():
            others = self.left[j, i].clone()
            others[f] = False
            wanted = shares[:, j, i].sum(-1)
            if bool(others.any()):
                design = values[:, i, others].flatten(1)
                found[j, i, f] = (design @ _ridge(design, wanted) - wanted).square().mean()
        return found

    @torch.no_grad()
    def drop(self, x: Float[Tensor, "b n"]) -> None:
        """Take from each edge the family of least regret on inputs, in place, and refit what is left.

        Edges with one family stay as they are.
        """
        values, shares, regrets = self._values(x).double(), self.shares(x).double(), self.regrets(x)
        for j, i in (self.left.sum(-1) > 1).nonzero().tolist():
            wanted = shares[:, j, i].sum(-1)
            self.left[j, i, int(regrets[j, i].argmin())] = False
            kept = self.left[j, i]
            fitted = _ridge(values[:, i, kept].flatten(1), wanted)
            self.coefficients[j, i, kept] = fitted.view(-1, self.size).to(self.coefficients.dtype)


def _ridge(design: Float[Tensor, "b q"], wanted: Float[Tensor, " b"]) -> Float[Tensor, " q"]:
    """Least squares with a ridge of 1e-8 of the largest variance, which large coefficients pay for."""
    gram = design.T @ design
    gram.diagonal().add_(1e-8 * gram.diagonal().max())
    return torch.linalg.solve(gram, design.T @ wanted)


class SelectableNetwork(nn.Module):
    """Layers of edges that choose; between layers tanh keeps values in [-1, 1], where the bases live.

    Args:
        widths: units of each layer, inputs first.
        families, size: as in `SelectableEdges`.
        generator: seed of the initial coefficients.

    Raises:
        InputError: for fewer than two widths, and as `SelectableEdges`.

    >>> import torch
    >>> network = SelectableNetwork((1, 5, 1), families=("spline", "fourier"), generator=0)
    >>> x = torch.linspace(-1, 1, 50)[:, None]
    >>> network.drop(x)
    >>> network.parameters_left, network.families_left
    (80, 1)
    """

    def __init__(
        self,
        widths: Sequence[int],
        *,
        families: Sequence[str] | None = None,
        size: int = 8,
        generator: Generator = None,
    ):
        super().__init__()
        if len(widths) < 2:
            raise InputError(f"the widths are {tuple(widths)}; give at least those of input and output")
        seed = draw_seed(generator)
        self.layers = nn.ModuleList(
            SelectableEdges(a, b, families=families, size=size, generator=derived(seed, i))
            for i, (a, b) in enumerate(pairwise(widths))
        )

    def _through(self, x: Tensor) -> Iterator[tuple[SelectableEdges, Tensor]]:
        for number, layer in enumerate(self.layers):
            x = torch.tanh(x) if number else x
            yield layer, x  # ty: ignore[invalid-yield]
            x = layer(x)

    def forward(self, x: Float[Tensor, "b n"]) -> Float[Tensor, "b m"]:
        """Return the outputs for inputs in [-1, 1]."""
        layer, reached = list(self._through(x))[-1]
        return layer(reached)

    def drop(self, x: Float[Tensor, "b n"]) -> None:
        """Take a family from each edge that has several, in place; see `SelectableEdges.drop`."""
        for layer, reached in list(self._through(x)):
            layer.drop(reached)

    @property
    def families_left(self) -> int:
        """The most families that any edge has."""
        return max(int(layer.left.sum(-1).max()) for layer in self.layers)  # ty: ignore

    @property
    def parameters_left(self) -> int:
        """How many coefficients are in use."""
        return sum(int(layer.left.sum()) * layer.size for layer in self.layers)  # ty: ignore

    @property
    def chosen(self) -> list[list[list[str]]]:
        """The family of each edge, layer by layer."""
        return [layer.chosen for layer in self.layers]  # ty: ignore
