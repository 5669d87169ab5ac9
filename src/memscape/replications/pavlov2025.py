"""Qiao, Understanding transformers through the lens of Pavlovian conditioning (2025, arXiv 2508.08289)."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.replications.claim import Measured, claim
from memscape.sequence import chunk
from memscape.tasks import KeyValueStream, conditioning
from memscape.tasks.streams import Writer, read_error
from memscape.theory.interference import deep_error, delta_error, hebb_error, ridge_error


def paired(erase: str | None, rate: float = 1.0) -> Writer:
    """Return a writer: pairs of cue and outcome as keys and values of one head of a sequence memory."""

    def write(keys: Tensor, values: Tensor) -> Callable[[Tensor], Tensor]:
        k, v = keys[:, :, None], values[:, :, None]
        state = chunk(k, k, v, beta=torch.full(k.shape[:3], rate), erase=erase)[1][:, 0]
        return lambda cues: cues @ state

    return write


def solved(keys: Tensor, values: Tensor) -> Callable[[Tensor], Tensor]:
    """Write the smallest least-squares map: what Mesa solves for with a vanishing ridge."""
    state = torch.linalg.pinv(keys.double()) @ values.double()
    return lambda cues: (cues.double() @ state).float()


@claim(
    "interference",
    where="capacity theorem: linear attention as conditioning",
    statement="Recall errors of Hebb's rule, the delta rule and the exact solution follow their laws, for "
    "Hebb (N - 1) / d: largest relative deviation at loads of .25 to 4.",
    claimed=0.0,
    tolerance=0.1,
    unit="relative deviation",
)
def interference(seed: int, *, width: int = 64, streams: int = 100) -> Measured:
    """Return the largest relative deviation from the three laws; where a law says 0, the error itself."""
    rows: list[dict[str, Any]] = []
    rules = (
        ("hebb", paired(None), hebb_error),
        ("delta", paired("key"), delta_error),
        ("exact", solved, ridge_error),
    )
    for pairs in (16, 32, 64, 128, 256):
        stream = KeyValueStream(pairs, width, 16).sample(streams, generator=derived(seed, pairs))
        for name, writer, law in rules:
            found, expected = float(read_error(writer, stream).mean()), law(pairs, width)
            off = abs(found / expected - 1) if expected else found
            rows.append({"pairs": pairs, "rule": name, "error": found, "law": expected, "deviation": off})
    worst = max(row["deviation"] for row in rows)
    return Measured(worst, None, width, 256, f"{streams} streams of random unit keys", seed, rows)


def chain_errors(seed: int, pairs: int, width: int, heads: int, depth: int, streams: int) -> Tensor:
    """Return each stream's relative error after `depth` recalls, each by the mean of `heads` heads.

    The heads of a layer hold the keys of the next layer as their values; the last one's hold the outcomes.
    """
    source = derived(seed, pairs, width, heads, depth)

    def keys() -> Tensor:
        return normalize(torch.randn(streams, heads, pairs, width, generator=source), dim=-1)

    layers = [keys() for _ in range(depth)]
    cue = layers[0]
    outcomes = torch.randn(streams, pairs, width, generator=source)
    for now, then in pairwise(layers):
        target = then.transpose(1, 2).flatten(2)
        read = (cue @ (now.mT @ target[:, None])).mean(1)
        cue = read.unflatten(-1, (heads, width)).transpose(1, 2)
    last = (cue @ (layers[-1].mT @ outcomes[:, None])).mean(1)
    return (last - outcomes).square().mean((1, 2)) / outcomes.square().mean((1, 2))


@claim(
    "depth-and-heads",
    where="error propagation: depth, width and redundant heads",
    statement="H heads divide the error by H and L layers compound it, (1 + (N - 1) / H d)^L - 1: largest "
    "relative deviation for 1 to 8 heads and 1 to 4 layers.",
    claimed=0.0,
    tolerance=0.1,
    unit="relative deviation",
)
def depth_and_heads(
    seed: int, *, pairs: int = 17, width: int = 64, streams: int = 100, deepest: int = 4
) -> Measured:
    """Return the largest relative deviation from the law; its exponential bound stands beside it."""
    rows = []
    for heads in (1, 2, 4, 8):
        for depth in range(1, deepest + 1):
            errors = chain_errors(seed, pairs, width, heads, depth, streams)
            mean, (low, high) = mean_interval(errors.tolist())
            law = deep_error(pairs, width, heads, depth)
            bound = math.expm1(depth * hebb_error(pairs, width) / heads)
            row = {"heads": heads, "layers": depth, "error": mean, "low": low, "high": high, "law": law}
            rows.append(row | {"bound": bound, "deviation": abs(mean / law - 1)})
    worst = max(row["deviation"] for row in rows)
    return Measured(worst, None, width, pairs, f"{streams} streams of random unit keys", seed, rows)


def course(erase: str | None, trials: conditioning.Trials, rate: float) -> conditioning.Conditioning:
    """Return the strengths after each trial of one head of a sequence memory: a trial is a token."""
    writer = paired(erase, rate)

    def learn(stimuli: Tensor, outcomes: Tensor) -> Callable[[Tensor], Tensor]:
        read = writer(stimuli[None], outcomes[None])
        return lambda cues: read(cues[None])[0]

    return conditioning.condition(learn, trials)


@claim(
    "blocking",
    where="biologically plausible rules; Kamin 1969, Rescorla and Wagner 1972",
    statement="After A alone a second stimulus beside it learns nothing under the delta rule: associative "
    "strength of B at the end. Hebb's rule does not block.",
    claimed=0.01,
    unit="associative strength",
    relation="at most",
)
def blocking(seed: int, *, trials: int = 40, rate: float = 0.2) -> Measured:
    """Return the strength of the blocked stimulus; acquisition and extinction stand beside it."""
    rows = []
    for name, erase in (("delta", "key"), ("hebb", None)):
        blocked = course(erase, conditioning.blocking(trials), rate).after("AB")
        single = course(erase, conditioning.extinction(trials), rate)
        strengths = {
            f"after {phase}": float(single.after(phase)[0]) for phase in ("acquisition", "extinction")
        }
        rows.append({"rule": name, **strengths, "blocking: A": float(blocked[0]), "B": float(blocked[1])})
    law = f"{trials} trials a phase, rate {rate:g}, no chance"
    return Measured(abs(float(rows[0]["B"])), None, 2, 0, law, seed, rows)
