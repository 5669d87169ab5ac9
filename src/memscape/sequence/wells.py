"""A live state as a landscape: the wells that its associations dig."""

from typing import Any

import torch
from torch import Tensor

from memscape.core.errors import CapabilityError, InputError
from memscape.memories import Continuous, Quadratic
from memscape.sequence.recalling import heads_of, recalled
from memscape.sequence.signals import Owned
from memscape.sequence.spec import MemorySpec


def as_memory(
    spec: MemorySpec,
    tensors: dict[str, Tensor],
    keys: Tensor | None,
    row: int,
    head: int,
    beta: float | None,
    owned: Owned | None,
) -> Any:
    """Return one head of a state as a memory; see `MemoryState.as_memory`."""
    rows, heads, width = heads_of(tensors)
    if not 0 <= row < rows or not 0 <= head < heads:
        raise InputError(
            f"there are rows 0 to {rows - 1} and heads 0 to {heads - 1}; got row {row}, head {head}"
        )
    if "keys" in tensors and keys is None:
        held = tensors["keys"][row, tensors["held"][row], head].detach()
        own = getattr(spec.read, "beta", None)
        return Continuous(held, beta=beta or own or width**-0.5)
    if keys is not None:
        read = recalled(spec, tensors, keys, owned)[row, head].detach()
        asked = (keys if keys.ndim == 2 else keys[row, head]).to(read)
        return Continuous(torch.cat([asked, read], -1), beta=beta)
    if "matrix" not in tensors or tensors["matrix"].shape[-1] == 0:
        raise CapabilityError("the wells of this state lie where its keys are; give keys=(p, K)")
    return Quadratic(paired(tensors["matrix"][row, head].detach()))


def paired(matrix: Tensor) -> Tensor:
    """Return the couplings (K + V, K + V) of key units with value units, $J = [[0, S], [S^T, 0]]$.

    Its energy $-k^T S v$ is that of a bidirectional associative memory (Kosko 1988).

    >>> paired(torch.tensor([[2.0]]))
    tensor([[0., 2.],
            [2., 0.]])
    """
    width, values = matrix.shape
    top = torch.cat([matrix.new_zeros(width, width), matrix], 1)
    return torch.cat([top, torch.cat([matrix.mT, matrix.new_zeros(values, values)], 1)])
