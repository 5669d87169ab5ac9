"""Thermal noise as a function of its address: (seed, cue, sweep, unit) gives one number, in numba and torch.

No generator is carried along, so a trajectory depends neither on the kernel, nor on the order in which cues
or units are visited, nor on the number of threads. The words are those of splitmix64 (Steele, Lea, Flood
2014), one stream per (seed, cue, sweep). The logarithm is written in elementary operations, each exactly
rounded, instead of taken from a library: it vectorises, and has the same bits in numba, in torch, on every
machine.
"""

import math
import typing

import numpy as np
import torch
from jaxtyping import Float, Int
from numba import njit, uint64
from torch import Tensor

_GOLDEN = 0x9E3779B97F4A7C15
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB
_HALF_STEP = 0.5
_STEP = 2.0**-52
_LN2 = math.log(2.0)
_MANTISSA = (1 << 52) - 1
_ROOT_HALF_BITS = 0x3FE6A09E667F3BCD  # the bits of sqrt(1/2): mantissas are brought to [sqrt(1/2), sqrt(2))

# 2 atanh(z) = 2 z (1 + z^2/3 + z^4/5 + ...); z^2 <= 0.0295, so the first term left out is below 1e-16.
_SERIES = tuple(1.0 / (2 * k + 1) for k in range(10))
_C0, _C1, _C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9 = _SERIES


@njit(cache=True)
@typing.no_type_check
def mixed(word):
    """The output function of splitmix64: 64 bits in, 64 well-mixed bits out."""
    word = (word ^ (word >> uint64(30))) * uint64(_MIX_1)
    word = (word ^ (word >> uint64(27))) * uint64(_MIX_2)
    return word ^ (word >> uint64(31))


@njit(cache=True)
@typing.no_type_check
def stream(seed, cue, sweep):
    """The address of the stream of one cue in one sweep, uint64: the first argument of `logistic`."""
    word = mixed(uint64(seed) + uint64(_GOLDEN))
    word = mixed(word + uint64(cue) * uint64(_GOLDEN) + uint64(_GOLDEN))
    return mixed(word + uint64(sweep) * uint64(_GOLDEN) + uint64(_GOLDEN))


@njit(cache=True)
@typing.no_type_check
def uniform(address, unit):
    """A number in (0, 1), never an end: 52 bits and a half step."""
    word = mixed(uint64(address) + uint64(unit) * uint64(_GOLDEN))
    return (float(word >> uint64(12)) + _HALF_STEP) * _STEP


@njit(cache=True, error_model="numpy")  # no test for a division by zero in the way of vector code
@typing.no_type_check
def logistic(address, unit):
    """g = logit(u) / 2 for u = uniform(address, unit): P(h + T g > 0) = 1 / (1 + exp(-2 h / T))."""
    u = uniform(address, unit)
    ratio = u / (1.0 - u)
    bits = np.float64(ratio).view(np.int64) - _ROOT_HALF_BITS
    power = bits >> 52
    mantissa = np.int64((bits & _MANTISSA) + _ROOT_HALF_BITS).view(np.float64)
    z = (mantissa - 1.0) / (mantissa + 1.0)
    y = z * z
    series = _C5 + y * (_C6 + y * (_C7 + y * (_C8 + y * _C9)))
    series = _C0 + y * (_C1 + y * (_C2 + y * (_C3 + y * (_C4 + y * series))))
    return 0.5 * _LN2 * float(power) + z * series


def uniform_noise(
    seed: int, cues: Int[Tensor, " c"], sweep: int, units: Int[Tensor, " b"]
) -> Float[Tensor, "c b"]:
    """The numbers of `uniform`, float64, for every pair of `cues` (c,) and `units` (b,) of one sweep.

    Cost: about 20 passes over c * b numbers, on any device.

    >>> uniform_noise(1, torch.arange(2), 0, torch.arange(3)).shape
    torch.Size([2, 3])
    """
    word = _mixed(torch.full_like(cues, _signed(seed + _GOLDEN)))
    word = _mixed(word + (cues + 1) * _signed(_GOLDEN))
    word = _mixed(word + _signed((sweep + 1) * _GOLDEN))
    word = _mixed(word[:, None] + units[None, :] * _signed(_GOLDEN))
    return (_shifted(word, 12).to(torch.float64) + _HALF_STEP) * _STEP


def logistic_noise(
    seed: int, cues: Int[Tensor, " c"], sweep: int, units: Int[Tensor, " b"]
) -> Float[Tensor, "c b"]:
    """The numbers of `logistic`, float64, for every pair of `cues` (c,) and `units` (b,) of one sweep.

    $g = \\tfrac12 \\log \\frac{u}{1-u}$, so that $P(h + T g > 0) = 1 / (1 + e^{-2h/T})$ (Glauber 1963).

    >>> bool(logistic_noise(1, torch.arange(2), 0, torch.arange(3)).abs().max() < 18.1)
    True
    """
    u = uniform_noise(seed, cues, sweep, units)
    ratio = u / (1.0 - u)
    bits = ratio.view(torch.int64) - _ROOT_HALF_BITS
    mantissa = ((bits & _MANTISSA) + _ROOT_HALF_BITS).view(torch.float64)
    z = (mantissa - 1.0) / (mantissa + 1.0)
    y = z * z
    series = torch.full_like(y, _C9)
    for coefficient in _SERIES[-2::-1]:
        series = coefficient + y * series
    return 0.5 * _LN2 * (bits >> 52).to(torch.float64) + z * series


def _signed(word: int) -> int:
    """The int64 that has the same bits: torch multiplies uint64 nowhere, and int64 wraps alike."""
    word &= (1 << 64) - 1
    return word - (1 << 64) if word >= 1 << 63 else word


def _shifted(word: Tensor, by: int) -> Tensor:
    return (word >> by) & ((1 << (64 - by)) - 1)


def _mixed(word: Tensor) -> Tensor:
    word = (word ^ _shifted(word, 30)) * _signed(_MIX_1)
    word = (word ^ _shifted(word, 27)) * _signed(_MIX_2)
    return word ^ _shifted(word, 31)
