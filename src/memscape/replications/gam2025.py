"""Gated associative memory: a parallel O(N) architecture for sequence modelling (arXiv 2509.00605)."""

from typing import Any

from memscape.replications.claim import Measured, claim
from memscape.replications.recall_training import best_of


@claim(
    "recall",
    where="our negative bar; the paper has no recall task",
    statement="A bank of learnt patterns and a convolution cannot recall pairs from their context: accuracy "
    "of 400 steps, best of 3 seeds, against twice chance.",
    claimed=0.0625,
    tolerance=0.0,
    unit="accuracy",
    tier="minutes",
    relation="at most",
)
def recall(seed: int, **settings: Any) -> Measured:
    """Return the accuracy of two trained layers on recall with several queries; see `recall_training`."""
    return best_of("gam", seed, **settings)
