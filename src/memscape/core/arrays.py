"""Data at the door: numpy arrays, lists and tensors become tensors of numbers, or a clear error."""

import math

import numpy as np
import torch
from torch import Tensor

from memscape.core.errors import DtypeError, InputError, SizeError
from memscape.core.room import available


def as_tensor(x: object, what: str) -> Tensor:
    """Return `x` as a tensor of real numbers; `what` names it in errors.

    Bool stays bool and integers stay integers; half-precision floats stay as they are.

    Raises:
        DtypeError: for complex, object or text data, and for ragged lists.
        InputError: for NaN or infinite values, and for data without elements.
    """
    if not isinstance(x, Tensor):
        try:
            array = np.asarray(x)
        except ValueError as error:
            raise DtypeError(
                f"{what}: rows of different length ({error}); give an array of numbers"
            ) from None
        if array.dtype.kind not in "biuf":
            raise DtypeError(
                f"{what} holds {array.dtype} values; real numbers are needed, e.g. array.astype('float32')"
            )
        x = torch.from_numpy(_plain(array))
    if x.is_complex():
        raise DtypeError(f"{what} holds complex values; it must hold real numbers (take .real or .abs())")
    if x.is_quantized or x.is_sparse:
        raise DtypeError(
            f"{what} is a quantised or sparse tensor; convert it with .dequantize() or .to_dense()"
        )
    if x.numel() == 0:
        raise InputError(
            f"{what} has shape {tuple(x.shape)} and so holds nothing; at least one value is needed"
        )
    if x.is_floating_point() and not bool(torch.isfinite(x).all()):
        bad = int((~torch.isfinite(x)).sum())
        raise InputError(
            f"{what} holds {bad} NaN or infinite values of {x.numel()}; remove or replace them first"
        )
    return x


def _plain(array: np.ndarray) -> np.ndarray:
    """Return an array that torch takes as it is.

    Native byte order, positive strides, writable, a known width.
    """
    if array.dtype.kind == "u" and array.itemsize > 1:
        array = array.astype(np.int64)
    elif array.dtype.kind == "f" and array.itemsize > 8:
        array = array.astype(np.float64)
    array = np.require(array.astype(array.dtype.newbyteorder("="), copy=False), requirements="C")
    return array if array.flags.writeable else array.copy()


def working_dtype(x: Tensor) -> torch.dtype:
    """Return the dtype in which `x` is worked with.

    Float64 stays, bfloat16 and half stay, all else is float32.
    """
    return x.dtype if x.is_floating_point() else torch.float32


def require_width(x: Tensor, units: int, what: str) -> None:
    """Raise `InputError` unless the last axis of `x` has `units` entries."""
    if x.ndim == 0 or x.shape[-1] != units:
        raise InputError(
            f"{what} has shape {tuple(x.shape)}, so {x.shape[-1] if x.ndim else 0} units; "
            f"this memory has {units} units in the last axis"
        )


def require_fraction(value: float, what: str, *, low: float = 0.0, high: float = 1.0) -> float:
    """Return `value` as a float, or raise `InputError` unless it lies in [low, high]."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (low <= number <= high and math.isfinite(number)):
        raise InputError(f"{what} is {value}; it must be a finite number in [{low:g}, {high:g}]")
    return number


def require_count(value: int, what: str, *, low: int = 1) -> int:
    """Return `value` as an int, or raise `InputError` unless it is a whole number of at least `low`."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):  # None, text, NaN, infinity
        number = low - 1
    if isinstance(value, (bool, str)) or number != value or number < low:
        raise InputError(f"{what} is {value}; it must be a whole number of at least {low}")
    return number


def require_memory(size: float, what: str, instead: str) -> None:
    """Raise `SizeError` where `size` bytes exceed the memory that is free now; `instead` says what to do."""
    free = available()
    if free is not None and size > free:
        raise SizeError(f"{what} needs {size / 2**30:.1f} GiB and {free / 2**30:.1f} GiB are free; {instead}")
