"""Yang, Kautz, Hatamizadeh, Gated delta networks: improving Mamba2 with the delta rule (2024)."""

from typing import Any

import torch
from torch import Tensor

from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.replications.claim import Measured, claim
from memscape.replications.heads import apart, drawn
from memscape.replications.recall_training import best_of, recall_claim
from memscape.sequence import chunk, scan
from memscape.tasks import KeyValueStream
from memscape.theory.interference import delta_error, delta_trace


@recall_claim("Gated DeltaNet", 0.9, where="in-context recall, at small size")
def recall(seed: int, **settings: Any) -> Measured:
    """Return the accuracy of two trained layers on recall with several queries; see `recall_training`."""
    return best_of("gated_deltanet", seed, **settings)


@claim(
    "chunks",
    where="section 3.3: the gated WY form",
    statement="The gated delta rule over chunks equals the loop over tokens, also where the decay is e^-30 a "
    "token: largest difference.",
    claimed=0.0,
    tolerance=1e-12,
    unit="per entry",
)
def chunks(seed: int, *, tokens: int = 257, width: int = 32) -> Measured:
    """Return the largest difference between chunks and the loop for mild and for extreme decays."""
    given, rows = drawn(seed, tokens, width, width), []
    for name, g in (("drawn", given.g), ("e^-30", torch.full_like(given.g, -30.0))):
        out, state = scan(given.q, given.k, given.v, g=g, beta=given.rate)
        found = chunk(given.q, given.k, given.v, g=g, beta=given.rate, chunk_size=64)
        rows.append({"decay": name, "outputs": apart(found[0], out), "state": apart(found[1], state)})
    worst = max(max(row["outputs"], row["state"]) for row in rows)
    return Measured(worst, None, width, 0, f"{tokens} tokens, unit keys, float64", seed, rows)


@claim(
    "clears",
    where="section 3.1: gating erases all at once, the delta rule one key at a time",
    statement="After a change of topic one closed gate leaves the memory as good as new: error on the second "
    "topic's 32 pairs over the law for 32 pairs alone; without a gate the first topic's 64 stay in the way.",
    claimed=1.0,
    tolerance=0.1,
    unit="share of the law",
)
def clears(seed: int, *, first: int = 64, second: int = 32, width: int = 64, streams: int = 100) -> Measured:
    """Return the error after a closed gate over its law; the error without a gate stands beside its own."""
    old = KeyValueStream(first, width, width).sample(streams, generator=derived(seed, 0))
    new = KeyValueStream(second, width, width).sample(streams, generator=derived(seed, 1))
    k = torch.cat([old.keys, new.keys], 1)[:, :, None]
    v = torch.cat([old.values, new.values], 1)[:, :, None]
    crowded = sum(delta_trace(second - 1 - i, first + i, width) for i in range(second)) / second
    rows, shares = [], {}
    for name, closed, law in (("closed once", -30.0, delta_error(second, width)), ("none", 0.0, crowded)):
        g = torch.zeros(k.shape[:3])
        g[:, first] = closed
        errors = _error(chunk(k, k, v, g=g)[1][:, 0], new.keys, new.clean)
        mean, (low, high) = mean_interval(errors.tolist())
        shares[name] = mean / law, (low / law, high / law)
        rows.append({"gate": name, "error": mean, "low": low, "high": high, "law": law})
    value, interval = shares["closed once"]
    law = f"{streams} streams of random unit keys"
    return Measured(value, interval, width, first + second, law, seed, rows)


def _error(state: Tensor, keys: Tensor, clean: Tensor) -> Tensor:
    """Return the relative squared error of each stream."""
    wrong = (keys @ state - clean).square().mean((1, 2))
    return wrong / clean.square().mean((1, 2))
