"""Patterns of a memory without an energy become wells of one, so that their landscape can be measured."""

from jaxtyping import Num
from torch import Tensor

from memscape.core.errors import InputError
from memscape.mechanisms.separation import Exponential
from memscape.memories.dense import Dense


def stored_wells(patterns: Num[Tensor, "p n"]) -> Dense:
    """Return patterns of -1 and +1, or of 0 and 1, as a log-sum-exp memory over -1 and +1.

    It says which patterns are near each other, not how the memory they come from recalls them. Patterns that
    are equal become one well.

    Raises:
        InputError: where there are none.

    >>> import torch
    >>> stored_wells(torch.tensor([[0, 1, 1], [1, 0, 0], [0, 1, 1]])).patterns.tolist()
    [[-1, 1, 1], [1, -1, -1]]
    """
    if not len(patterns):
        raise InputError("the memory is empty; store patterns first: memory.store(X)")
    signs = 2 * patterns - 1 if not bool((patterns < 0).any()) else patterns
    first = {tuple(row): None for row in signs.tolist()}
    return Dense(signs.new_tensor(list(first)), separation=Exponential())
