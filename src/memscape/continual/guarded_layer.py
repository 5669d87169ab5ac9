"""One matrix of a guarded network: which directions of its inputs are kept, and its changes without them."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from memscape.continual.bases import Basis, Learner
from memscape.core.errors import InputError
from memscape.engrams.handlers import FULL, TOKENS, Handler, Part
from memscape.mechanisms.subspace import Subspace

Reading = Callable[[Tensor], Tensor]
"""From what a layer sees (batch, ..., width) to the rows that are protected."""


class GuardedLayer:
    """One matrix of the model and the directions of its inputs that are protected."""

    def __init__(self, name: str, module: nn.Module, part: Part, handler: Handler, basis: Basis):
        self.name, self.module, self.part, self.handler, self.basis = name, module, part, handler, basis
        self.subspaces = [Subspace.empty(part.width + (part.bias is not None)) for _ in range(part.groups)]
        self.tokens = torch.zeros(part.width if part.kind == TOKENS else 0, dtype=torch.bool)
        self._learners: list[Learner] = []
        self.beside: list[GuardedLayer] = []

    def begin(self, generator: torch.Generator) -> None:
        """Start to learn the directions of a set of inputs."""
        if self.part.kind == FULL:
            self._learners = [self.basis.learner(space, generator) for space in self.subspaces]

    def see(self, x: Tensor, reading: Reading | None) -> None:
        """Learn what the layer was given.

        Raises:
            InputError: for NaN or infinite values.
        """
        rows = self.handler.rows(self.module, self.part, x)
        if self.part.kind == TOKENS:
            self.tokens[rows.reshape(-1).cpu()] = True
            return
        if reading is not None:
            rows = reading(rows.squeeze(-2)).unsqueeze(-2) if self.part.groups == 1 else rows
        rows = rows.reshape(-1, *rows.shape[-2:]).float()
        if self.part.bias is not None:
            rows = torch.cat([rows, rows.new_ones(*rows.shape[:2], 1)], dim=2)
        if not bool(torch.isfinite(rows.sum())) and (bad := int((~torch.isfinite(rows)).sum())):
            raise InputError(
                f"layer {self.name!r} saw {bad} NaN or infinite values of {rows.numel()}; leave those inputs "
                "out of what is protected"
            )
        for group, learner in enumerate(self._learners):
            learner.see(rows[:, group])

    def end(self) -> None:
        """Keep what was learned since `begin`."""
        if self.part.kind == FULL:
            self.subspaces = [learner.subspace() for learner in self._learners]
            self._learners = []

    def used(self) -> tuple[int, int]:
        """Return how many input directions are taken, and how many there are."""
        if self.part.kind == TOKENS:
            return int(self.tokens.sum()), len(self.tokens)
        return sum(space.rank for space in self.subspaces), sum(space.units for space in self.subspaces)

    def parameters(self) -> tuple[nn.Parameter, nn.Parameter | None]:
        """Return the weight and, where there is one, the bias."""
        names = (self.part.weight, self.part.bias)
        weight, bias = (None if name is None else self.module.get_parameter(name) for name in names)
        return weight, bias  # ty: ignore[invalid-explicit-return]

    def project(self, weight: Tensor, bias: Tensor | None) -> None:
        """Project changes of the parameters in place; `bias` is None where the optimiser does not move it."""
        if self.part.kind == TOKENS:
            weight[self.tokens.to(weight.device)] = 0
            return
        matrix = self.part.matrix(weight)
        offsets = None if bias is None else self.part.offsets(bias)
        if self.beside and bias is not None:
            bias.zero_()  # it would move with the matrix that another layer holds
        for group, space in enumerate(self.subspaces):
            change = matrix[group]
            if self.beside:
                width = self.part.width
                both = Subspace.empty(width).extended(space.basis[:, :width])
                for other in self.beside:
                    both = both.extended(other.subspaces[group].basis[:, :width])
                matrix[group] = both.outside(change)
                continue
            if self.part.bias is None:
                matrix[group] = space.outside(change)
            elif offsets is None:
                matrix[group] = Subspace.empty(self.part.width).extended(space.basis[:, :-1]).outside(change)
            else:
                change = space.outside(torch.cat([change, offsets[group][:, None]], dim=1))
                matrix[group], offsets[group] = change[:, :-1], change[:, -1]
