"""Closed forms and numerical solutions of the equations that say what a memory can hold.

One module per kind of memory; each is loaded when it is first used, so that importing this package costs
nothing.

- `hopfield`: Hebb's rule: critical load, overlaps, energies, temperatures, phases, mixtures.
- `gardner`: the largest margin that any couplings reach, and what margins cost.
- `projection`: the projection (pseudo-inverse) rule, for random patterns and exactly for given ones.
- `dense`: polynomial, exponential, log-sum-exp and sparsemax memories.
- `dendrite`: thresholds on sparse codes: false and missed matches.
- `multitask`: diluted patterns that are retrieved side by side.
- `examples`: archetypes learned from noisy examples, with and without a teacher, by Monte Carlo.
- `willshaw`: binary clipped memories of sparse patterns.
- `sdm`: Kanerva's sparse distributed memory.
- `interference`: what keys written once cost each other, in one memory and through layers and heads.

Scalars are Python floats, arrays are float64 tensors. Capacities are statements about many units: compare
them with a memory only together with its number of units.
"""

import importlib
from types import ModuleType

__all__ = [
    "dendrite",
    "dense",
    "examples",
    "gardner",
    "hopfield",
    "interference",
    "multitask",
    "projection",
    "sdm",
    "willshaw",
]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
