"""Arora et al., Zoology: measuring and improving recall in efficient language models (2024)."""

from typing import Any

from memscape.replications.claim import Measured, claim
from memscape.replications.recall_training import best_of, recall_claim
from memscape.tasks import MultiQueryRecall


@recall_claim("softmax attention with a short convolution", 0.96, where="multi-query recall, at small size")
def recall(seed: int, **settings: Any) -> Measured:
    """Return the accuracy of two trained layers on recall with several queries; see `recall_training`."""
    return best_of("softmax", seed, **settings)


@claim(
    "recall-at-size",
    where="figure 2: 64 pairs in 512 tokens, width 128, vocabulary 8,192",
    statement="At the paper's size Gated DeltaNet recalls 64 pairs from 512 tokens (best of 3 seeds).",
    claimed=0.9,
    unit="accuracy",
    tier="gpu",
    relation="at least",
)
def recall_at_size(
    seed: int, *, hidden: int = 128, steps: int = 20_000, device: str = "cuda", **settings: Any
) -> Measured:
    """Return the accuracy at the paper's size; 60,000 steps of 64 sequences need a GPU."""
    task = MultiQueryRecall(pairs=64, symbols=8192, length=512)
    return best_of(
        "gated_deltanet", seed, task=task, hidden=hidden, steps=steps, rate=1e-3, device=device, **settings
    )
