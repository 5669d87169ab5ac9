"""How strongly each layer is edited: by the engram's share of its weight, or searched on examples."""

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from memscape.core.arrays import require_count, require_fraction
from memscape.core.errors import InputError, MemscapeWarning
from memscape.core.progress import Progress, ProgressOption
from memscape.engrams.applying import erased
from memscape.engrams.engram import Engram
from memscape.engrams.inspection import bare
from memscape.engrams.terms import whole_weight

STEPS = (0.0, 0.5, 1.5, 2.0)
"""Factors by which one layer's strength is changed in turn."""


def norm_scaled(engram: Engram, model: nn.Module, *, power: float = 1.0) -> dict[str, float]:
    """Return a strength in [0, 1] for each layer: $(r_l / \\max_l r_l)^p$ with $r_l = |W_l^+| / |W_l|$.

    Layers of which the engram is a large part are edited fully, others less.

    Args:
        engram: what is erased.
        model: the model of the pass.
        power: p, at least 0; 0 gives 1 everywhere.

    O(model) time.

    Kwon et al. 2026 (AI Engram), weight-norm adaptive strength.
    """
    require_fraction(power, "power", high=100.0)
    share = {}
    for name, site in engram.sites.items():
        weight = whole_weight(bare(model), site, False, None)
        change = engram.delta(name).dense(weight).cpu()[:, :, : weight.shape[2]]
        size = float(weight.norm())
        share[name] = float(change.norm()) / size if size else 0.0
    largest = max(share.values())
    return {name: (value / largest) ** power if largest else 0.0 for name, value in share.items()}


@dataclass(frozen=True)
class Search:
    """What a search for strengths found.

    Attributes:
        alpha: strength of each layer; give it to `erased`.
        score: of the model edited with it.
        before: score with strength 1 everywhere.
        evaluations: scores that were taken.
        seconds: how long it took.
        complete: False where time or Ctrl-C ended it before nothing more could be gained.
    """

    alpha: dict[str, float]
    score: float
    before: float
    evaluations: int
    seconds: float
    complete: bool

    def table(self) -> str:
        """Return one line per layer."""
        return "\n".join(["layer  alpha", *(f"{name}  {value:.3g}" for name, value in self.alpha.items())])

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        return asdict(self)

    def __repr__(self) -> str:
        ends = "" if self.complete else ", ended early"
        return (
            f"Search(score {self.before:.4g} -> {self.score:.4g} in {self.evaluations} evaluations{ends})\n"
            f"{self.table()}"
        )


def search(
    engram: Engram,
    model: nn.Module,
    score: Callable[[nn.Module], float],
    *,
    evaluations: int = 200,
    seconds: float = 10.0,
    largest: float = 4.0,
    tied: str = "leave",
    progress: ProgressOption = None,
) -> Search:
    """Return a strength for each layer that makes the edited model's score larger.

    Starts from 1 everywhere, takes the best of a few strengths for all layers together, then changes one
    layer after the other until a round gains nothing. The model is as it was afterwards.

    Args:
        engram: what is erased.
        model: the model of the pass.
        score: edited model to a number, such as accuracy on rows to keep minus accuracy on rows to forget;
            take rows that the result is not judged on.
        evaluations: how often `score` is called at most.
        seconds: ends the search after this long; the strengths found so far are returned.
        largest: bound of a strength.
        tied: as in `Engram.erased`.
        progress: a bar, a callable, or None for a bar in a terminal when it takes long.

    Raises:
        InputError: where a score is no finite number.

    Costs `evaluations` scores and edits, O(model) each.
    """
    require_count(evaluations, "evaluations")
    started = time.monotonic()
    with Progress(progress, evaluations, "searching strengths") as bar:
        tried = _Tried(evaluations, started + seconds, bar, lambda a: _scored(engram, model, a, score, tied))
        alpha = dict.fromkeys(engram.sites, 1.0)
        best = before = tried.score(alpha)
        for step in (_together, _one_by_one):
            gained = True
            while gained and not tried.ended:
                gained = False
                for candidate in step(alpha, largest):
                    value = tried.score(candidate)
                    if value > best:
                        alpha, best, gained = candidate, value, True
    return Search(alpha, best, before, len(tried.seen), time.monotonic() - started, not tried.ended)


class _Tried:
    """Scores by strengths, each taken once, within a budget."""

    def __init__(self, most: int, until: float, bar: Progress, score: Callable[[dict[str, float]], float]):
        self._most, self._until, self._bar, self._score = most, until, bar, score
        self.seen: dict[tuple, float] = {}
        self.ended = False

    def score(self, alpha: dict[str, float]) -> float:
        """Return the score, minus infinity once the budget is spent."""
        key = tuple(alpha.values())
        if key not in self.seen:
            spent = len(self.seen) >= self._most or time.monotonic() > self._until
            self.ended = self.ended or (bool(self.seen) and spent)
            if self.ended:
                return -math.inf
            self.seen[key] = self._score(alpha)
            self.ended = not self._bar.update()
        return self.seen[key]


def _together(alpha: dict[str, float], largest: float) -> list[dict[str, float]]:
    """Return all layers stronger or weaker by one factor."""
    return [{n: min(a * factor, largest) for n, a in alpha.items()} for factor in (0.75, 1.25, 1.5)]


def _one_by_one(alpha: dict[str, float], largest: float) -> list[dict[str, float]]:
    """Return strengths in which one layer is changed, the last layers first: next to the output."""
    return [
        {**alpha, name: min(alpha[name] * factor if alpha[name] else 0.5, largest)}
        for name in reversed(alpha)
        for factor in STEPS
    ]


def _scored(
    engram: Engram, model: nn.Module, alpha: dict[str, float], score: Callable[[nn.Module], float], tied: str
) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MemscapeWarning)  # strengths above 2 are tried on purpose
        with erased(model, engram, alpha, tied=tied):
            value = float(score(model))
    if not math.isfinite(value):
        raise InputError(f"the score of the edited model is {value}; it must be a finite number")
    return value
