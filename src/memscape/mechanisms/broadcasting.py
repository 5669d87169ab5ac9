"""Broadcast: modules propose, gates choose, and what was chosen is what every module sees next."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.errors import InputError


def broadcast(proposals: Float[Tensor, "... m d"], gates: Float[Tensor, "... m"]) -> Float[Tensor, "... d"]:
    """Return the workspace, $w \\leftarrow \\sum_m g_m\\, x_m$, for gates in the simplex. O(md).

    A one-hot gate lets one module speak; what it says is heard unchanged by all.

    Raises:
        InputError: for gates below 0 or that do not add up to 1 (to 1e-4).

    >>> broadcast(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0.25, 0.75]))
    tensor([0.2500, 0.7500])
    """
    given = gates.detach()
    if bool((given < 0).any()) or bool(((given.sum(-1) - 1).abs() > 1e-4).any()):
        raise InputError("the gates must be 0 or more and add up to 1; pass them through a softmax")
    return (gates[..., None, :] @ proposals)[..., 0, :]


def joined(rows: Sequence[Float[Tensor, "... d"]]) -> Float[Tensor, "... m d"]:
    """Return what the modules propose as one tensor, a row for each module.

    >>> joined([torch.zeros(2), torch.ones(2)]).shape
    torch.Size([2, 2])
    """
    return torch.stack(list(rows), -2)


def top_down(
    canvas: Float[Tensor, "... d"], rows: Float[Tensor, "m d"], index: Tensor
) -> Float[Tensor, "... d"]:
    """Return the canvas after the chosen index has spoken: $q \\leftarrow q + a_i$ (Tresp et al. 2020). O(d).

    >>> top_down(torch.zeros(2), torch.eye(2), torch.tensor(1))
    tensor([0., 1.])
    """
    return canvas + rows[index]
