"""The replica-symmetric equations of Hebb's rule and their solutions, at any temperature down to T = 0.

The unknowns are the overlap m with the retrieved pattern and the width x = sqrt(alpha r) of the noise that
the other patterns make. At given x and T the equation for m has one solution and the load alpha follows
without iteration, so each branch is a curve over x, and a state at a given load is one bracketed root.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import erf

# Where T < x the integrands differ from a step only near z = -m/x: Legendre nodes in y = (m + xz)/T > 0.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(96)
_Y = 10.0 * (_NODES + 1.0)
_DY = 10.0 * _WEIGHTS
_STEP_DEFICIT = 1.0 - np.tanh(_Y)
_SLOPE = 1.0 / np.cosh(_Y) ** 2
_SOFTNESS = np.log1p(np.exp(-2.0 * _Y))
# Elsewhere they are smooth on the scale of z: the trapezoid rule converges exponentially.
_Z = np.linspace(-9.0, 9.0, 121)
_DZ = np.exp(-(_Z**2) / 2.0) / np.exp(-(_Z**2) / 2.0).sum()
# An empty memory orders below T = 1; closer to it than this, rounding is all that is left of the order.
_ORDERING = 1.0 - 1e-10


class OrderParameters(NamedTuple):
    """Overlap m, Edwards-Anderson parameter q and noise r of one state."""

    m: float
    q: float
    r: float


def _density(z: np.ndarray) -> np.ndarray:
    return np.exp(-(z**2) / 2.0) / math.sqrt(2.0 * math.pi)


def averages(m: float, x: float, temperature: float) -> tuple[float, float]:
    r"""Return the mean of tanh and the susceptibility of units in a field of mean m and width x.

    $$\int Dz \tanh(\beta(m + xz)),\qquad C = \beta\int Dz\,\mathrm{sech}^2(\beta(m + xz))$$

    At T = 0 they are erf(m / (x sqrt 2)) and sqrt(2 / (pi x^2)) exp(-m^2 / (2 x^2)).

    Example:
        >>> averages(1.0, 0.5, 0.0)[0] == averages(1.0, 0.5, 1e-9)[0] == math.erf(2**0.5)
        True
    """
    if temperature > x:
        shape = np.tanh((m + x * _Z) / temperature)
        return float(_DZ @ shape), float(_DZ @ (1.0 - shape**2)) / temperature
    ratio = temperature / x
    near, far = _density(ratio * _Y - m / x), _density(ratio * _Y + m / x)
    mean = erf(m / (x * math.sqrt(2.0))) - ratio * float(_DY @ ((near - far) * _STEP_DEFICIT))
    return float(mean), float(_DY @ ((near + far) * _SLOPE)) / x


def potential(m: float, x: float, temperature: float) -> float:
    r"""Return $T\int Dz\,\ln 2\cosh(\beta(m + xz))$, which is the mean of |m + xz| at T = 0.

    Example:
        >>> round(potential(0.0, 1.0, 0.0) - (2 / math.pi) ** 0.5, 12)
        0.0
    """
    if temperature > x:
        size = np.abs(m + x * _Z)
        return float(_DZ @ (size + temperature * np.log1p(np.exp(-2.0 * size / temperature))))
    ratio = temperature / x
    size = m * erf(m / (x * math.sqrt(2.0))) + x * math.sqrt(2.0 / math.pi) * math.exp(-(m**2) / (2.0 * x**2))
    both = _density(ratio * _Y - m / x) + _density(ratio * _Y + m / x)
    return float(size + temperature * ratio * float(_DY @ (both * _SOFTNESS)))


def _load(x: float, susceptibility: float, temperature: float) -> float:
    q = 1.0 - temperature * susceptibility
    return x**2 * (1.0 - susceptibility) ** 2 / q


def _order(m: float, x: float, temperature: float) -> OrderParameters:
    susceptibility = averages(m, x, temperature)[1]
    q = 1.0 - temperature * susceptibility
    return OrderParameters(m, q, q / (1.0 - susceptibility) ** 2)


def _overlap(x: float, temperature: float) -> float:
    """Return the positive solution of m = <tanh>, 0 where there is none."""
    least = 1e-9
    if averages(least, x, temperature)[0] <= least:
        return 0.0
    return brentq(lambda m: averages(m, x, temperature)[0] - m, least, 1.0, xtol=1e-15, rtol=1e-14)


@cache
def _widest(temperature: float) -> float:
    """Return the noise width where the state without overlap has C = 1: retrieval below, spin glass above."""
    return brentq(lambda x: averages(0.0, x, temperature)[1] - 1.0, 1e-12, 1.0, xtol=1e-15)


def _retrieval_load(x: float, temperature: float) -> float:
    m = _overlap(x, temperature)
    return _load(x, averages(m, x, temperature)[1], temperature) if m > 0.0 else 0.0


@cache
def _fold(temperature: float) -> tuple[float, float]:
    """Return the noise width and the load at which the retrieval state disappears, for T < 1."""
    edge = _widest(temperature)
    found = minimize_scalar(
        lambda x: -_retrieval_load(x, temperature),
        bounds=(1e-3 * edge, edge),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return float(found.x), -float(found.fun)


def largest_load(temperature: float) -> float:
    """Return the largest load at which a retrieval state exists at this temperature.

    Example:
        >>> round(largest_load(0.0), 6)
        0.137906
    """
    return _fold(temperature)[1] if temperature < _ORDERING else 0.0


def retrieval(load: float, temperature: float) -> OrderParameters | None:
    """Return the retrieval state, None where there is none.

    Example:
        >>> round(retrieval(0.1, 0.0).m, 6)
        0.997999
    """
    if temperature >= _ORDERING or load > largest_load(temperature):
        return None
    if load == 0.0:
        m = (
            brentq(lambda m: math.tanh(m / temperature) - m, 1e-9, 1.0, xtol=1e-15)
            if temperature > 0.0
            else 1.0
        )
        return OrderParameters(m, m**2, m**2 / (1.0 - (1.0 - m**2) / (temperature or 1.0)) ** 2)
    fold = _fold(temperature)[0]
    below = 1e-3 * fold
    while _retrieval_load(below, temperature) > load:
        below *= 1e-2
    if _retrieval_load(fold, temperature) <= load:
        x = fold
    else:
        x = brentq(lambda x: _retrieval_load(x, temperature) - load, below, fold, xtol=1e-15, rtol=1e-13)
    return _order(_overlap(x, temperature), x, temperature)


def spin_glass(load: float, temperature: float) -> OrderParameters:
    """Return the state without overlap: a spin glass below T = 1 + sqrt(load), else the paramagnet (0, 0, 0).

    Example:
        >>> spin_glass(0.1, 2.0)
        OrderParameters(m=0.0, q=0.0, r=0.0)
    """
    if load == 0.0 or temperature >= 1.0 + math.sqrt(load):
        return OrderParameters(0.0, 0.0, 0.0)
    # near T_g the width goes to 0 and q with it: start where rounding does not yet drown the ratio
    low = _widest(temperature) if temperature < _ORDERING else 1e-4

    def excess(x: float) -> float:
        return _load(x, averages(0.0, x, temperature)[1], temperature) - load

    if excess(low) >= 0.0:
        return OrderParameters(0.0, 0.0, 0.0)
    high = 2.0 * (1.0 + math.sqrt(load))
    while excess(high) < 0.0:
        high *= 2.0
    return _order(0.0, brentq(excess, low, high, xtol=1e-15, rtol=1e-13), temperature)


def free_energy(load: float, temperature: float, state: OrderParameters) -> float:
    r"""Return the free energy per unit of a state (Amit, Gutfreund and Sompolinsky 1985).

    For couplings without diagonal.

    $$f = \frac\alpha2 + \frac{m^2}2 + \frac\alpha{2\beta}\Big[\ln(1-C) - \frac{\beta q}{1-C}\Big]
    + \frac{\alpha r C}2 - \frac1\beta\int Dz \ln 2\cosh\beta(m + \sqrt{\alpha r}\,z), \quad C = \beta(1-q)$$

    Example:
        >>> state = spin_glass(0.1, 0.0)
        >>> round(free_energy(0.1, 0.0, state) + 1 / math.pi + (0.2 / math.pi) ** 0.5, 12)
        0.0
    """
    m, q, r = state
    x = math.sqrt(load * r)
    if x > 0.0:
        susceptibility = averages(m, x, temperature)[1]
    else:
        susceptibility = (1.0 - q) / temperature if temperature > 0.0 else 0.0
    noise = temperature * math.log1p(-susceptibility) - q / (1.0 - susceptibility) + r * susceptibility
    entropy = potential(m, x, temperature) if max(x, temperature) > 0.0 else abs(m)
    return load / 2.0 + m**2 / 2.0 + load / 2.0 * noise - entropy
