"""The ranges in which the equations hold: every argument of the theory passes through here."""

import math
from collections.abc import Sequence
from typing import SupportsFloat, cast

import numpy as np
import torch
from torch import Tensor

from memscape.core.errors import DtypeError, InputError

Numbers = Tensor | np.ndarray | Sequence[object]
"""Real numbers in any container."""


def number(
    name: str, value: object, low: float, high: float = math.inf, *, edges: str = "[]", remedy: str
) -> float:
    """Return `value` as a finite float between `low` and `high`.

    `edges` says which ends belong to the range: "[]", "(]", "[)" or "()"; an infinite end never does.

    Raises:
        InputError: if the value is no number, is NaN or infinite, or lies outside the range.

    Example:
        >>> number("load", 0.1, 0.0, 1.0, edges="(]", remedy="store fewer patterns")
        0.1
    """
    try:
        result = float(cast(SupportsFloat, value))
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"{name} is {value!r}; it must be one number; {remedy}") from None
    above = result >= low if edges[0] == "[" else result > low
    below = result <= high if edges[1] == "]" else result < high
    if not (above and below and math.isfinite(result)):
        left = edges[0] if math.isfinite(low) else "("
        right = edges[1] if math.isfinite(high) else ")"
        raise InputError(f"{name} is {result:g}; it must lie in {left}{low:g}, {high:g}{right}; {remedy}")
    return result


def whole(name: str, value: object, low: int, high: int | None = None, *, remedy: str) -> int:
    """Return `value` as an integer of at least `low` and at most `high`.

    Raises:
        InputError: if the value is no whole number or lies outside the range.

    Example:
        >>> whole("degree", 4, 2, remedy="degree 2 is Hebb's rule")
        4
    """
    result = number(name, value, -math.inf, remedy=remedy)
    if isinstance(value, bool) or result != math.floor(result):
        raise InputError(f"{name} is {value!r}; it must be a whole number; {remedy}")
    if result < low or (high is not None and result > high):
        limit = f"at least {low}" if high is None else f"a whole number in [{low}, {high}]"
        raise InputError(f"{name} is {result:.0f}; it must be {limit}; {remedy}")
    return int(result)


def values(
    name: str, given: object, low: float = -math.inf, high: float = math.inf, *, remedy: str
) -> Tensor:
    """Return `given` (tensor, array or sequence) as a float64 tensor of values in [low, high], at least one.

    Raises:
        DtypeError: if the values are complex or no numbers.
        InputError: if there are none, or one is NaN, infinite or outside the range.

    Example:
        >>> values("margins", [1, 2], 0.0, remedy="drop the negative ones")
        tensor([1., 2.], dtype=torch.float64)
    """
    try:
        raw = given if isinstance(given, Tensor) else torch.as_tensor(np.asarray(given))
        if raw.is_complex():
            raise TypeError
        result = raw.detach().to(torch.float64)
    except (TypeError, ValueError):
        raise DtypeError(f"{name} is {type(given).__name__}; it must hold real numbers; {remedy}") from None
    if not result.numel():
        raise InputError(f"{name} is empty; it must hold at least one value; {remedy}")
    wrong = ~(torch.isfinite(result) & (result >= low) & (result <= high))
    if wrong.any():
        raise InputError(
            f"{name} holds {float(result[wrong][0]):g}; every value must be finite and in "
            f"[{low:g}, {high:g}]; {remedy}"
        )
    return result


def matrix(name: str, given: object, *, rows: int = 1) -> Tensor:
    """Return `given` as a finite float64 matrix (p, n) with at least `rows` rows.

    Raises:
        InputError: if it is not a matrix, has too few rows, or holds NaN or infinities.

    Example:
        >>> matrix("patterns", [[1, -1]]).shape
        torch.Size([1, 2])
    """
    result = values(name, given, remedy="one pattern per row")
    if result.ndim != 2 or result.shape[0] < rows:
        raise InputError(
            f"{name} has the shape {tuple(result.shape)}; it must be (p, n) with p of at least {rows}; "
            "give one pattern per row"
        )
    return result
