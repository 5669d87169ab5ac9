"""Gated slots: few writers per slot, and gates that say how much of the old stays."""

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.errors import InputError
from memscape.mechanisms.coding import allowed_softmax, k_winners


def gate(
    slots: Float[Tensor, "... s d"],
    new: Float[Tensor, "... s d"],
    keep: float | Tensor,
    take: float | Tensor,
) -> Float[Tensor, "... s d"]:
    """Return $M \\leftarrow F \\odot M + I \\odot \\tanh(N)$, gates in [0, 1]. O(sd).

    A gate pair (1, 0) holds the slots for ever, (0, 1) replaces them (Hochreiter and Schmidhuber 1997).

    Raises:
        InputError: for gates outside [0, 1].

    >>> gate(torch.tensor([[2.0]]), torch.tensor([[9.0]]), keep=1.0, take=0.0)
    tensor([[2.]])
    """
    for value, what in ((keep, "keep"), (take, "take")):
        bounds = torch.as_tensor(value).detach()
        if not bool(((bounds >= 0) & (bounds <= 1)).all()):
            raise InputError(f"the gate {what} leaves [0, 1]; pass it through a sigmoid")
    return keep * slots + take * torch.tanh(new)


def k_writers(scores: Float[Tensor, "... s m"], k: int) -> Float[Tensor, "... s m"]:
    """Return for each slot the shares of its k best writers, a softmax over them; all others write 0 exactly.

    The choice of the k is hard, the shares are differentiable (shared workspace, Goyal et al. 2022).

    >>> k_writers(torch.tensor([[0.0, 0.0, -5.0]]), 2)
    tensor([[0.5000, 0.5000, 0.0000]])
    """
    return allowed_softmax(scores, k_winners(scores.detach(), k) > 0)


def attended(shares: Float[Tensor, "... s m"], writers: Float[Tensor, "... m d"]) -> Float[Tensor, "... s d"]:
    """Return what each slot receives: the writers weighted by their shares.

    >>> attended(torch.tensor([[0.5, 0.5]]), torch.tensor([[2.0], [4.0]]))
    tensor([[3.]])
    """
    return shares @ writers
