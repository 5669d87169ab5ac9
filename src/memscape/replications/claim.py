"""A claim: one sentence of a paper with a number, and the function that measures it here.

Every module of this folder that holds claims is one paper (or one study of our own). It puts `@claim(...)` in
front of a function that takes a seed and returns a `Measured`; nothing else is needed to enter the tables.
"""

import importlib
import math
import pkgutil
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any, TypeVar

from memscape.core.errors import InputError

TIERS = ("seconds", "minutes", "hours", "gpu")
"""How long a claim takes on one core; `gpu` needs an accelerator."""

RELATIONS = {"equal": "=", "at least": ">=", "at most": "<="}
"""How the measured value has to stand to the claimed one."""

MARKS = ("shown", "tried, no effect", "conjecture")
"""What is said of an application, best first."""

_MACHINERY = {"claim", "erasing", "means", "networks", "pages", "runner", "sentences", "systems"}


@dataclass(frozen=True)
class Claim:
    """One sentence of a paper with a number.

    Attributes:
        id: slug, `paper-what`; the name of the result file.
        paper: the module that measures it, such as "ags1985".
        where: equation, figure, table, or the section of the documentation that makes the claim.
        statement: what is said, in one sentence.
        claimed: the number.
        tolerance: by how much the measured value may miss it.
        unit: of both numbers.
        tier: seconds, minutes, hours or gpu.
        relation: "equal", "at least" or "at most".

    Raises:
        InputError: for an unknown tier or relation, an id that is no slug, an empty text, or a tolerance
            below 0.

    >>> Claim("x2020-half", "x2020", "eq. 1", "It is a half.", 0.5, 0.01, "share", "seconds").met(0.495)
    True
    """

    id: str
    paper: str
    where: str
    statement: str
    claimed: float
    tolerance: float
    unit: str
    tier: str
    relation: str = "equal"

    def __post_init__(self):
        if not re.fullmatch(r"[a-z0-9_]+(-[a-z0-9]+)+", self.id) or not self.id.startswith(self.paper):
            raise InputError(f"the id {self.id!r} must be the paper, a hyphen and a slug: {self.paper}-what")
        if self.tier not in TIERS:
            raise InputError(
                f"claim {self.id!r} has the tier {self.tier!r}; it must be one of {', '.join(TIERS)}"
            )
        if self.relation not in RELATIONS:
            raise InputError(
                f"claim {self.id!r} has the relation {self.relation!r}; it must be one of "
                f"{', '.join(RELATIONS)}"
            )
        if empty := [name for name in ("where", "statement", "unit") if not getattr(self, name).strip()]:
            raise InputError(f"claim {self.id!r} lacks {', '.join(empty)}; fill it in")
        if not (math.isfinite(self.claimed) and self.tolerance >= 0):
            raise InputError(f"claim {self.id!r} needs a finite number and a tolerance of at least 0")

    def met(self, value: float) -> bool:
        """Return whether a measured value meets the claim; NaN never does."""
        if self.relation == "at least":
            return value >= self.claimed - self.tolerance
        if self.relation == "at most":
            return value <= self.claimed + self.tolerance
        return abs(value - self.claimed) <= self.tolerance

    @property
    def bound(self) -> str:
        """The claimed number with its relation and tolerance, as in `0.5 +- 0.01`.

        >>> Claim("x2020-a", "x2020", "eq. 1", "It is.", 2.0, 0.0, "bits", "seconds", "at least").bound
        '>= 2'
        """
        sign = "" if self.relation == "equal" else f"{RELATIONS[self.relation]} "
        return f"{sign}{self.claimed:.6g}" + (f" +- {self.tolerance:g}" if self.tolerance else "")


@dataclass(frozen=True)
class Measured:
    """What was measured for a claim.

    Attributes:
        value: the number to be held against the claimed one.
        interval: 95 % interval of `value`; None where it is exact or a closed form.
        n, p: units and patterns; 0 where there are none.
        patterns: the law that the patterns were drawn from, in words.
        seed: of everything that was drawn.
        rows: the table behind the number, one dictionary per row, all with the same keys.
        note: what a reader has to know beside the number.
    """

    value: float
    interval: tuple[float, float] | None
    n: int
    p: int
    patterns: str
    seed: int
    rows: Sequence[dict[str, Any]] = ()
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        return asdict(self) | {
            "value": float(self.value),
            "interval": None if self.interval is None else [float(end) for end in self.interval],
            "rows": [dict(row) for row in self.rows],
        }


Measure = Callable[[int], Measured]
M = TypeVar("M", bound=Callable[..., Measured])


@dataclass(frozen=True)
class Replication:
    """A claim and the function that measures it; `mark` is set where it is an application."""

    claim: Claim
    measure: Measure = field(repr=False)
    mark: str = ""


_REGISTRY: dict[str, Replication] = {}


def claim(
    name: str,
    *,
    where: str,
    statement: str,
    claimed: float,
    tolerance: float = 0.0,
    unit: str = "share",
    tier: str = "seconds",
    relation: str = "equal",
    mark: str = "",
) -> Callable[[M], M]:
    """Return a decorator that enters a function `measure(seed)` as the proof of a claim.

    The paper is the name of the module in which the function stands, the id that name, a hyphen and `name`.

    Args:
        name: slug of the claim within its paper.
        where, statement, claimed, tolerance, unit, tier, relation: as in `Claim`.
        mark: for applications, what is said where the claim is met: one of `MARKS`.

    Raises:
        InputError: if the claim is malformed or its id is taken.

    >>> from memscape.replications.claim import claims
    >>> next(iter(claims("ags1985"))).claim.paper
    'ags1985'
    """

    def enter(measure: M) -> M:
        paper = measure.__module__.rpartition(".")[2]
        entry = Claim(f"{paper}-{name}", paper, where, statement, claimed, tolerance, unit, tier, relation)
        if mark and mark not in MARKS:
            raise InputError(
                f"claim {entry.id!r} has the mark {mark!r}; it must be one of {', '.join(MARKS)}"
            )
        known = _REGISTRY.get(entry.id)
        if known is not None and _name(known.measure) != _name(measure):
            raise InputError(f"two claims have the id {entry.id!r}; give every claim its own")
        _REGISTRY[entry.id] = Replication(entry, measure, mark)
        return measure

    return enter


def _name(measure: Measure) -> str:
    """Return the function's own name: a module that is loaded twice enters the same claims again."""
    return getattr(measure, "__qualname__", repr(measure))


@cache
def _open_modules() -> None:
    """Import every module that can hold claims; each enters its own."""
    import memscape.replications as package

    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in _MACHINERY:
            importlib.import_module(f"{package.__name__}.{module.name}")


def papers() -> tuple[str, ...]:
    """Return the names of the modules that hold claims, in alphabetical order.

    >>> "hopfield1982" in papers()
    True
    """
    _open_modules()
    return tuple(sorted({one.claim.paper for one in _REGISTRY.values()}))


def claims(*names: str, tier: str | None = None) -> tuple[Replication, ...]:
    """Return the claims of the given ids or papers, all of them where none is given.

    Args:
        names: ids of claims, or papers for all of theirs.
        tier: only those that take at most this long; "gpu" stands for itself.

    Raises:
        InputError: for a name that is neither, with what is close to it, or an unknown tier.

    >>> [one.claim.id for one in claims("ags1985-critical-load")]
    ['ags1985-critical-load']
    """
    if tier is not None and tier not in TIERS:
        raise InputError(f"tier is {tier!r}; it must be one of {', '.join(TIERS)}")
    _open_modules()
    chosen = [_REGISTRY[id] for id in _named(names)] if names else list(_REGISTRY.values())
    return tuple(one for one in chosen if tier is None or one.claim.tier in _within(tier))


def _within(tier: str) -> tuple[str, ...]:
    return (tier,) if tier == "gpu" else TIERS[: TIERS.index(tier) + 1]


def _named(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        found = [id for id, one in _REGISTRY.items() if name in (id, one.claim.paper)]
        if not found:
            from difflib import get_close_matches

            close = get_close_matches(name, [*_REGISTRY, *papers()], n=3, cutoff=0.4)
            hint = f"; close to it: {', '.join(close)}" if close else ""
            raise InputError(
                f"there is no claim or paper {name!r}{hint}; `memscape replicate --list` shows all"
            )
        yield from found
