"""Yang, Kautz, Hatamizadeh, Gated delta networks: improving Mamba2 with the delta rule (2024)."""

from typing import Any

from memscape.replications.claim import Measured, claim
from memscape.replications.recall_training import best_of


@claim(
    "recall",
    where="in-context recall, at small size",
    statement="Two layers trained for 400 steps recall 8 pairs from their context (best of 3 seeds): Gated "
    "DeltaNet.",
    claimed=0.9,
    tolerance=0.0,
    unit="accuracy",
    tier="minutes",
    relation="at least",
)
def recall(seed: int, **settings: Any) -> Measured:
    """Return the accuracy of two trained layers on recall with several queries; see `recall_training`."""
    return best_of("gated_deltanet", seed, **settings)
