"""Rules that tie keys to values: how a matrix S is made so that a key reads its value, v = S' k."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import FileFormatError, InputError
from memscape.mechanisms import writing


@dataclass(frozen=True)
class Written:
    """What a rule has written: the store S (k, v), and for rules that need it the precision P (k, k)."""

    store: Float[Tensor, "k v"]
    precision: Float[Tensor, "k k"] | None = None


class AssociationRule(ABC):
    """How pairs are written. Rules are frozen values."""

    def empty(self, keys: int, values: int, dtype: torch.dtype) -> Written:
        """Return what is written before the first pair: nothing."""
        return Written(torch.zeros(keys, values, dtype=dtype))

    @abstractmethod
    def write(
        self, written: Written, keys: Float[Tensor, "p k"], values: Float[Tensor, "p v"], new: int
    ) -> Written:
        """Return what is written after the last `new` pairs came in; all pairs, old and new, are given."""


@dataclass(frozen=True)
class HebbRule(AssociationRule):
    """$S \\leftarrow S + k \\otimes v / |k|^2$: exact for orthogonal keys, others interfere."""

    def write(
        self, written: Written, keys: Float[Tensor, "p k"], values: Float[Tensor, "p v"], new: int
    ) -> Written:
        k, v = keys[-new:], values[-new:]
        return Written(written.store + (k / _squares(k)).T @ v)


@dataclass(frozen=True)
class DeltaRule(AssociationRule):
    """$S \\leftarrow S + \\eta\\, k \\otimes (v - S^T k) / |k|^2$, pair after pair, `passes` times over all.

    One pass reads the last pair exactly and forgets others a little; with many passes it converges to the
    projection rule (Kaczmarz 1937; Widrow and Hoff 1960).
    """

    rate: float = 1.0
    passes: int = 1

    def __post_init__(self) -> None:
        require_count(self.passes, "passes")
        if not 0 < self.rate < 2:
            raise InputError(f"the rate is {self.rate}; the delta rule converges for rates in (0, 2)")

    def write(
        self, written: Written, keys: Float[Tensor, "p k"], values: Float[Tensor, "p v"], new: int
    ) -> Written:
        store, rates = written.store, self.rate / _squares(keys)
        first = [len(keys) - new + i for i in range(new)]
        for rows in (first, *([range(len(keys))] * (self.passes - 1))):
            for i in rows:
                store = writing.delta(store, keys[i], values[i], rates[i])
        return Written(store)


@dataclass(frozen=True)
class ProjectionRule(AssociationRule):
    """$S = K^+ V$, the pseudo-inverse: every linearly independent set of keys reads its values exactly."""

    def write(
        self, written: Written, keys: Float[Tensor, "p k"], values: Float[Tensor, "p v"], new: int
    ) -> Written:
        return Written(torch.linalg.pinv(keys) @ values)


@dataclass(frozen=True)
class RecursiveLeastSquares(AssociationRule):
    """The exact online form of ridge regression, $S = (K^T K + \\lambda I)^{-1} K^T V$, one pair at a time.

    As `ridge` $\\lambda$ falls to 0 it is the projection rule, in one pass.
    """

    ridge: float = 1e-3

    def __post_init__(self) -> None:
        if not 0 < self.ridge < float("inf"):
            raise InputError(f"the ridge is {self.ridge}; it must be finite and above 0")

    def empty(self, keys: int, values: int, dtype: torch.dtype) -> Written:
        return Written(torch.zeros(keys, values, dtype=dtype), torch.eye(keys, dtype=dtype) / self.ridge)

    def write(
        self, written: Written, keys: Float[Tensor, "p k"], values: Float[Tensor, "p v"], new: int
    ) -> Written:
        store, precision = written.store, written.precision
        if precision is None:
            raise InputError("recursive least squares needs a precision; start from rule.empty(...)")
        for k, v in zip(keys[-new:], values[-new:], strict=True):
            store, precision = writing.least_squares(store, precision, k, v)
        return Written(store, precision)


@dataclass(frozen=True)
class ClippedRule(AssociationRule):
    """$S \\leftarrow S \\vee k v^T$ for 0/1 pairs, one bit per synapse (Willshaw et al. 1969)."""

    def write(
        self, written: Written, keys: Float[Tensor, "p k"], values: Float[Tensor, "p v"], new: int
    ) -> Written:
        k, v = keys[-new:], values[-new:]
        if bool(((k != 0) & (k != 1)).any()) or bool(((v != 0) & (v != 1)).any()):
            raise InputError("the clipped rule stores keys and values of 0 and 1")
        return Written(torch.maximum(written.store, (k.T @ v > 0).to(k.dtype)))


def _squares(keys: Float[Tensor, "p k"]) -> Float[Tensor, "p 1"]:
    return keys.square().sum(-1, keepdim=True)


RULES = (HebbRule, DeltaRule, ProjectionRule, RecursiveLeastSquares, ClippedRule)


def rule_settings(rule: AssociationRule) -> dict[str, Any]:
    """Return a rule as plain values for a file: its name and its numbers."""
    return {"name": type(rule).__name__} | vars(rule)


def rule_from_settings(settings: dict[str, Any]) -> AssociationRule:
    """Return the rule that `rule_settings` described; an unknown name is refused."""
    known = {rule.__name__: rule for rule in RULES}
    values = dict(settings)
    name = values.pop("name", None)
    if name not in known:
        raise FileFormatError(f"the rule {name!r} is unknown; known: {', '.join(known)}")
    return known[name](**values)
