"""The suite: every law that a memory's capabilities call for, one after the other."""

import warnings
from collections.abc import Callable
from typing import Any

from torch import Tensor

from memscape.core.errors import MemscapeWarning
from memscape.core.random import Generator, draw_seed

# Importing these registers their laws, in this order.
from memscape.testing import changes, energies, files, recalls, refusals  # noqa: F401
from memscape.testing.laws import REGISTERED, ConformanceError, Law, Rule
from memscape.testing.subject import Subject, subject

MOST = 3
"""Ways in which one law is broken that are reported."""


def checks() -> list[Law]:
    """Return all laws of the suite as (name, sentence).

    >>> checks()[0].name
    'recalls from damage'
    """
    return [rule.law for rule in REGISTERED.values()]


def check_memory(
    make: Callable[[Tensor], Any], patterns: Tensor | None = None, *, generator: Generator = 0
) -> list[Law]:
    """Return the laws that were checked, all of them kept; raise `ConformanceError` where one is broken.

    Which laws apply follows from what the memory can do (the protocols of `memscape.core.memory`: storing,
    an energy, forgetting, saving), never from its class.

    Args:
        make: patterns (p, n) to a memory that holds them, for any p; a class will do.
        patterns: (p, n) what to store, at a load that the memory bears and not alike; None draws 5 of 100
            units of the first kind that `make` takes (-1 and +1, sparse 0 and 1, unit vectors, normal).
        generator: seed of patterns, damage and recalls.

    Raises:
        ConformanceError: with a line for each law that is broken, with sizes and numbers.
        InputError: where `make` takes none of the kinds of patterns.
        CapabilityError: where what it makes is no memory: it has no space or no recall.

    Costs about a hundred recalls of a handful of cues.

    >>> import memscape as ms
    >>> made = ms.testing.check_memory(ms.memories.Hebbian)
    >>> len(made) > 15
    True
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MemscapeWarning)
        examined = subject(make, patterns, draw_seed(generator))
        made = [rule for rule in REGISTERED.values() if rule.applies(examined)]
        broken = [(rule.law.name, found) for rule in made for found in _broken(rule, examined)]
    if broken:
        name = type(examined.memory).__name__
        sizes = f"{name} ({examined.count} patterns of {examined.units} units, seed {examined.seed})"
        raise ConformanceError(sizes, broken, len(made))
    return [rule.law for rule in made]


def _broken(rule: Rule, examined: Subject) -> list[str]:
    found: list[str] = []
    try:
        for sentence in rule.broken(examined):
            found.append(sentence)
            if len(found) == MOST:
                break
    except Exception as error:  # whatever a class under test raises is a law broken, not the end of the suite
        found.append(f"raised {type(error).__name__}: {error}")
    return found
