"""When to say "I don't know".

A threshold on the best cosine, and its two errors on cues that did not set it.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.errors import InputError
from memscape.core.intervals import share_interval


@dataclass(frozen=True)
class Abstention:
    """A threshold on the best cosine of a cue, and how often it errs on cues that did not set it.

    Attributes:
        threshold: answer where the best cosine is at least this, say "I don't know" below it.
        silent: share of the cues that have an answer at which it keeps silent.
        silent_interval: (2,) its interval.
        answered: share of the cues without an answer (`law` says what they are) that it answers.
        answered_interval: (2,) its interval.
        wrong: share of the answers to known cues that name another vector than the right one; NaN without
            labels.
        wrong_interval: (2,) its interval.
        known, strangers: how many cues of each kind the rates rest on.
        law: what the cues without an answer are.
        known_scores, stranger_scores: the best cosines that the rates were counted on.
    """

    threshold: float
    silent: float
    silent_interval: Float[Tensor, " 2"]
    answered: float
    answered_interval: Float[Tensor, " 2"]
    wrong: float
    wrong_interval: Float[Tensor, " 2"]
    known: int
    strangers: int
    law: str
    known_scores: Float[Tensor, " k"]
    stranger_scores: Float[Tensor, " s"]

    @property
    def error(self) -> float:
        """The mean of the two rates: .5 is what a coin reaches."""
        return (self.silent + self.answered) / 2

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        return {
            "threshold": self.threshold,
            "silent": self.silent,
            "silent_interval": self.silent_interval.tolist(),
            "answered": self.answered,
            "answered_interval": self.answered_interval.tolist(),
            "wrong": None if math.isnan(self.wrong) else self.wrong,
            "wrong_interval": None if math.isnan(self.wrong) else self.wrong_interval.tolist(),
            "known": self.known,
            "strangers": self.strangers,
            "law": self.law,
        }

    def table(self) -> str:
        """Return the threshold and its rates as lines of text."""
        lines = [f"answer where the best cosine is at least {self.threshold:.3f}"]
        silent = _rate(self.silent, self.silent_interval, self.known)
        answered = _rate(self.answered, self.answered_interval, self.strangers)
        lines.append(f"silent on cues with an answer     {silent}")
        lines.append(f"answers cues without one          {answered}")
        if not math.isnan(self.wrong):
            lines.append(f"wrong among the answers it gives  {_rate(self.wrong, self.wrong_interval, None)}")
        return "\n".join([*lines, f"cues without an answer: {self.law}"])

    def __repr__(self) -> str:
        return f"Abstention\n{self.table()}"


def best_threshold(known: Float[Tensor, " k"], strangers: Float[Tensor, " s"]) -> float:
    """Return the threshold whose two error rates have the least sum: the middle of the first best gap.

    Args:
        known: scores of cues that have an answer.
        strangers: scores of cues that have none.

    Raises:
        InputError: if either is empty.

    Cost: a sort.

    >>> best_threshold(torch.tensor([0.5, 0.7, 0.9]), torch.tensor([0.1, 0.3]))
    0.4
    """
    if not len(known) or not len(strangers):
        raise InputError("a threshold needs scores of both kinds of cues, with and without an answer")
    scores = torch.cat([known, strangers]).double().unique()
    middles = (scores[1:] + scores[:-1]) / 2
    ends = torch.stack([scores[0] - 1e-6, scores[-1] + 1e-6])
    candidates = torch.cat([ends[:1], middles, ends[1:]])
    silent = torch.searchsorted(known.double().sort().values, candidates) / len(known)
    answered = 1 - torch.searchsorted(strangers.double().sort().values, candidates) / len(strangers)
    return round(float(candidates[(silent + answered).argmin()]), 9)


def measured(
    threshold: float,
    known: Float[Tensor, " k"],
    strangers: Float[Tensor, " s"],
    right: Tensor | None,
    law: str,
    level: float = 0.95,
) -> Abstention:
    """Return the rates of a threshold on cues that did not set it.

    `right` (k,) says which winners are right.
    """
    silent, answered = int((known < threshold).sum()), int((strangers >= threshold).sum())
    wrong, wrong_interval = math.nan, torch.full((2,), math.nan, dtype=torch.float64)
    answers = known >= threshold
    if right is not None and bool(answers.any()):
        missed, total = int((answers & ~right).sum()), int(answers.sum())
        wrong, wrong_interval = missed / total, share_interval(missed, total, level=level)
    return Abstention(
        threshold=threshold,
        silent=silent / len(known),
        silent_interval=share_interval(silent, len(known), level=level),
        answered=answered / len(strangers),
        answered_interval=share_interval(answered, len(strangers), level=level),
        wrong=wrong,
        wrong_interval=wrong_interval,
        known=len(known),
        strangers=len(strangers),
        law=law,
        known_scores=known,
        stranger_scores=strangers,
    )


def _rate(share: float, interval: Tensor, trials: int | None) -> str:
    low, high = interval.tolist()
    return f"{share:.3f} ({low:.3f}-{high:.3f}{f', {trials} cues' if trials else ''})"
