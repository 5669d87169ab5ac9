"""The networks that a memory may be, with the gradient of each weight as outer products, token by token."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from memscape.core.errors import InputError
from memscape.sequence.objectives import Objective, Pair, normed, through_norm
from memscape.sequence.parts import MatrixStore, MLPStore, Store

Apply = Callable[[int, Tensor], Tensor]
"""(layer, inputs (..., in)) to pre-activations (..., out)."""


class Network:
    """A matrix, or two with GELU between; what is applied at each layer is up to the caller."""

    def __init__(self, store: Store):
        if not isinstance(store, MatrixStore | MLPStore):
            raise InputError(f"{type(store).__name__} is no network; give MatrixStore or MLPStore")
        self.bias = store.bias
        self.residual = isinstance(store, MLPStore) and store.residual
        self.depth = 2 if isinstance(store, MLPStore) else 1
        self.expansion = store.expansion if isinstance(store, MLPStore) else 1

    def shapes(self, width: int, values: int) -> list[tuple[int, int]]:
        """Return (in, out) of each weight matrix."""
        extra, hidden = int(self.bias), width * self.expansion
        if self.depth == 1:
            return [(width + extra, values)]
        return [(width + extra, hidden), (hidden + extra, values)]

    def forward(self, apply: Apply, x: Tensor, pair: Pair) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Return predictions (..., V), the input of each layer, and its pre-activation."""
        inputs, outputs, current = [], [], x
        for i in range(self.depth):
            current = F.gelu(current) if i else current
            current = F.pad(current, (0, 1), value=1.0) if self.bias else current
            inputs.append(current)
            current = apply(i, current)
            outputs.append(current)
        return (x + normed(current, pair) if self.residual else current), inputs, outputs

    def gradients(
        self, weights: list[Tensor], pair: Pair, objective: Objective
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return u and s of each layer: the gradient of token j's loss is $u_j \\otimes s_j$.

        Weights (..., in, out) are the same for all tokens (..., n).
        """
        prediction, inputs, outputs = self.forward(lambda i, x: x @ weights[i], pair.key, pair)
        slope = objective.gradient(prediction, pair)
        if self.residual:
            slope = through_norm(outputs[-1], slope if pair.gain is None else slope * pair.gain, pair.epsilon)
        slopes = [slope]
        if self.depth == 2:
            back = slope @ weights[1].mT
            slopes.insert(0, (back[..., :-1] if self.bias else back) * gelu_slope(outputs[0]))
        return inputs, slopes


def gelu_slope(x: Tensor) -> Tensor:
    """Return the derivative of GELU, $\\Phi(x) + x \\varphi(x)$."""
    density = torch.exp(-0.5 * x.square()) * 0.3989422804014327
    return 0.5 * (1 + torch.erf(x * 0.7071067811865476)) + x * density
