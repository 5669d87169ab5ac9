"""Fast weights and the delta rule: Schlag et al. (2021); Yang et al. (2024), in parallel over tokens."""

from typing import Any

import torch
from torch import Tensor

from memscape.core.intervals import mean_interval
from memscape.core.random import derived, draw_seed
from memscape.replications.claim import Measured, claim
from memscape.replications.heads import apart, drawn
from memscape.replications.recall_training import best_of, recall_claim
from memscape.sequence import PRESETS, MemoryLayer, chunk, scan
from memscape.tasks import KeyValueStream
from memscape.tasks.streams import read_error, squared_error
from memscape.theory.interference import delta_error, hebb_error
from memscape.training import train


@recall_claim("DeltaNet", 0.9, where="multi-query recall, at small size")
def recall(seed: int, **settings: Any) -> Measured:
    """Return the accuracy of two trained layers on recall with several queries; see `recall_training`."""
    return best_of("deltanet", seed, **settings)


@claim(
    "chunks",
    where="Yang et al. 2024, section 3: the WY form",
    statement="The delta rule over chunks, by one triangular solve, equals the loop over tokens: largest "
    "difference of outputs and state.",
    claimed=0.0,
    tolerance=1e-12,
    unit="per entry",
)
def chunks(seed: int, *, tokens: int = 257, width: int = 32) -> Measured:
    """Return the largest difference between chunks of three sizes and the loop."""
    given, rows = drawn(seed, tokens, width, width), []
    out, state = scan(given.q, given.k, given.v, beta=given.rate)
    for size in (1, 16, 64):
        found = chunk(given.q, given.k, given.v, beta=given.rate, chunk_size=size)
        rows.append({"chunk": size, "outputs": apart(found[0], out), "state": apart(found[1], state)})
    worst = max(max(row["outputs"], row["state"]) for row in rows)
    return Measured(worst, None, width, 0, f"{tokens} tokens, unit keys, float64", seed, rows)


def written(erase: str | None) -> Any:
    """Return a writer for `read_error`: the matrix after all pairs, at rate 1."""

    def write(keys: Tensor, values: Tensor) -> Any:
        state = chunk(keys[:, :, None], keys[:, :, None], values[:, :, None], erase=erase)[1][:, 0]
        return lambda cues: cues @ state

    return write


@claim(
    "overwrites",
    where="Schlag et al. 2021, section 4.2: the update rule",
    statement="A key written again reads its new value under the delta rule, where the sum of both values "
    "stays under Hebb's: error of the delta rule on re-written keys over that of Hebb's rule.",
    claimed=0.2,
    unit="ratio of errors",
    relation="at most",
)
def overwrites(seed: int, *, pairs: int = 16, width: int = 64, streams: int = 200) -> Measured:
    """Return the ratio of the two rules' errors on keys that got a new value; others are shown beside."""
    stream = KeyValueStream(pairs, width, width, rewritten=0.25).sample(streams, generator=derived(seed, 0))
    again = stream.keys.shape[1] - pairs
    rows, errors = [], {}
    for name, erase in (("delta", "key"), ("hebb", None)):
        error = read_error(written(erase), stream)
        errors[name] = float(error[pairs:].mean())
        kept = float(error[again:pairs].mean())
        rows.append({"rule": name, "re-written": errors[name], "untouched": kept})
    note = f"{again} of {pairs} keys are written twice; errors relative to the values' square"
    law = f"{streams} streams of random unit keys"
    return Measured(errors["delta"] / errors["hebb"], None, width, pairs, law, seed, rows, note)


@claim(
    "loaded",
    where="Schlag et al. 2021, section 6.1: capacity beyond the width, at small size",
    statement="Where there are as many pairs as channels, a trained layer with the delta rule recalls better "
    "than one with Hebb's: its error over that of linear attention, one token a pair, one layer.",
    claimed=0.9,
    unit="ratio of errors",
    tier="minutes",
    relation="at most",
)
def loaded(seed: int, *, pairs: int = 16, width: int = 16, steps: int = 1500, seeds: int = 3) -> Measured:
    """Return the ratio of the errors after training, the mean over seeds, with each preset's own."""
    task, rows, ratios = KeyValueStream(pairs, width, width), [], []
    for each in range(seed, seed + seeds):
        row: dict[str, Any] = {"seed": each}
        for name in ("deltanet", "linear", "softmax"):
            row[name] = _trained_error(name, task, each, steps)
        ratios.append(row["deltanet"] / row["linear"])
        rows.append(row)
    mean, interval = mean_interval(ratios)
    law = hebb_error(pairs, width)
    note = (
        f"untrained, one pass: Hebb {law:.3f}, shrunk to its best {law / (1 + law):.3f}, "
        f"delta {delta_error(pairs, width):.3f}; {steps} steps of 32 streams"
    )
    return Measured(mean, interval, width, pairs, "random unit keys, normal values", seed, rows, note)


def _trained_error(preset: str, task: KeyValueStream, seed: int, steps: int) -> float:
    """Return the relative error of a trained layer whose tokens are pairs."""
    spec = PRESETS[preset].but(short="none", finish="plain")
    width = task.size + task.values
    layer = MemoryLayer(width, 1, spec, head_dim=task.size, generator=derived(seed, 0))
    optimizer = torch.optim.AdamW(layer.parameters(), 1e-2)
    batches = task.batches(32, draw_seed(derived(seed, 1)))
    schedule = lambda step: 1 - step / steps  # noqa: E731
    train(
        layer, squared_error, batches, optimizer=optimizer, steps=steps, schedule=schedule, generator=seed,
        progress=False,
    )  # fmt: skip
    with torch.no_grad():
        return float(squared_error(layer, task.sample(500, generator=derived(seed, 2))))
