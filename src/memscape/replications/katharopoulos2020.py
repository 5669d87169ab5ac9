"""Katharopoulos et al., Transformers are RNNs (2020)."""

from typing import Any

from memscape.replications.claim import Measured, claim
from memscape.replications.recall_training import best_of


@claim(
    "recall",
    where="recall with several queries, our bar",
    statement="Two layers trained for 400 steps recall 8 pairs from their context (best of 3 seeds): linear "
    "attention without normaliser, no worse than the delta rule where pairs are far fewer than "
    "the width.",
    claimed=0.9,
    tolerance=0.0,
    unit="accuracy",
    tier="minutes",
    relation="at least",
)
def recall(seed: int, **settings: Any) -> Measured:
    """Return the accuracy of two trained layers on recall with several queries; see `recall_training`."""
    return best_of("linear", seed, **settings)
