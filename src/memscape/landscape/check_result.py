"""What a check of vectors found, in one object that explains itself."""

import math
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from memscape.landscape.abstention import Abstention
from memscape.landscape.confusion import Confusable
from memscape.landscape.cue_basins import CueBasins
from memscape.landscape.forecasting import Forecast
from memscape.landscape.tolerance import Tolerance

PROMISE = (
    "This is a diagnosis, and a threshold for saying that nothing is known. It finds no more than a search"
    " for the nearest vector does: one step of a log-sum-exp memory is that search."
)


@dataclass(frozen=True)
class Check:
    """What `check` found.

    Attributes:
        confusable: duplicates, confusable pairs, clusters.
        basin: how the cues are shared out among the vectors.
        tolerance: how much random damage the vectors stand.
        abstention_error: the threshold below which to say "I don't know", and its two measured rates.
        forecast: recall against load (with labels), or winner stability (without, which is no accuracy).
        beta: the sharpness: given, or such that the median cue puts half of its attention on its best vector.
        attention: (3,) what a cue puts on its best vector at this beta: the 10, 50 and 90 % quantiles.
        recall: share of the held-out cues whose best vector is the right one or a duplicate of it; NaN
            without labels.
        recall_interval: (2,) its interval.
        mistakes: (right row, row that won, cues), the most frequent first; empty without labels.
        notes: what to know before any number is read: the warnings, in words.
        settings: numbers of vectors, units and cues, the law of the cues, seed, level.
        complete: False where Ctrl-C ended the search for pairs.
    """

    confusable: Confusable
    basin: CueBasins
    tolerance: Tolerance
    abstention_error: Abstention
    forecast: Forecast
    beta: float
    attention: Float[Tensor, " 3"]
    recall: float
    recall_interval: Float[Tensor, " 2"]
    mistakes: tuple[tuple[int, int, int], ...]
    notes: tuple[str, ...]
    settings: dict[str, Any]
    complete: bool = True

    @property
    def threshold(self) -> float:
        """The best cosine from which on to answer."""
        return self.abstention_error.threshold

    @property
    def labelled(self) -> bool:
        """Whether labels said which vector is right."""
        return not math.isnan(self.recall)

    def table(self) -> str:
        """Return the findings as lines of text."""
        s = self.settings
        parts = [
            f"{s['patterns']:,} vectors of {s['units']:,} units, {s['distinct']:,} distinct;"
            f" {s['cues']:,} cues ({s['law']}); beta {self.beta:.4g}"
        ]
        if self.labelled:
            low, high = self.recall_interval.tolist()
            parts.append(
                f"\nrecall {self.recall:.3f} ({low:.3f}-{high:.3f}, {s['held_out']:,} held-out cues)"
            )
        sections = {
            "What it confuses": repr(self.confusable),
            "How much damage it takes": repr(self.tolerance),
            "Where the cues go": repr(self.basin),
            "When to say I don't know": self.abstention_error.table(),
            f"How many more it holds: {self.forecast.kind} against load": self.forecast.table(),
        }
        parts += [f"\n{title}\n{text}" for title, text in sections.items()]
        return "\n".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        return {
            "confusable": self.confusable.to_dict(),
            "basin": self.basin.to_dict(),
            "tolerance": self.tolerance.to_dict(),
            "threshold": self.threshold,
            "abstention_error": self.abstention_error.to_dict(),
            "forecast": self.forecast.to_dict(),
            "beta": self.beta,
            "attention": self.attention.tolist(),
            "recall": self.recall if self.labelled else None,
            "recall_interval": self.recall_interval.tolist() if self.labelled else None,
            "mistakes": [list(mistake) for mistake in self.mistakes],
            "notes": list(self.notes),
            "settings": self.settings,
            "complete": self.complete,
        }

    def __repr__(self) -> str:
        return f"Check of {self.table()}\n\n{PROMISE}"
