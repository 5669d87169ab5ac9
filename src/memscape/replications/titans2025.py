"""Behrouz, Zhong, Mirrokni, Titans: learning to memorize at test time (2025): its neural memory."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.replications.claim import Measured, claim
from memscape.replications.heads import apart, drawn, outputs
from memscape.replications.recall_training import best_of
from memscape.sequence import PRESETS, MemorySpec, scan
from memscape.sequence.parts import Decay, GradientStep, MatrixStore, MLPStore, Momentum

MATRIX = MemorySpec(
    store=MatrixStore(), retention=Decay(), learner=Momentum(), grad_at="chunk", chunk=16, finish="plain"
)
"""Titans with a matrix for its network."""


@claim(
    "chunks",
    where="section 3.2, parallel training: gradients at the chunk's start, two linear scans",
    statement="Momentum and decay over a chunk in closed form equal the loop over tokens with the same lag, "
    "for a matrix and for an MLP: largest difference of outputs and states.",
    claimed=0.0,
    tolerance=1e-12,
    unit="per entry",
)
def chunks(seed: int, *, tokens: int = 130, width: int = 8) -> Measured:
    """Return the largest difference between the closed form and the loop, over lags and stores."""
    given, rows = drawn(seed, tokens, width, width), []
    gates = {"g": given.g, "rate": 0.3 * given.rate, "momentum": given.momentum}
    for store in (MatrixStore(), MLPStore()):
        for lag in (1, 5, 16):
            spec = MATRIX.but(store=store, chunk=lag)
            (out, end), (loop, last) = (
                outputs(spec, given.q, given.k, given.v, gates, path=path, seed=seed)
                for path in ("chunk", "scan")
            )
            state = max(apart(end[name], last[name]) for name in end)
            rows.append(
                {"store": type(store).__name__, "lag": lag, "outputs": apart(out, loop), "state": state}
            )
    worst = max(max(row["outputs"], row["state"]) for row in rows)
    return Measured(worst, None, width, 0, f"{tokens} tokens, unit keys, float64", seed, rows)


@claim(
    "gated-deltanet",
    where="appendix C: Titans contains Gated DeltaNet",
    statement="Without momentum a matrix memory of Titans is Gated DeltaNet where the gradient is taken at "
    "the decayed memory: largest difference. Taken before the decay, as printed, it is not.",
    claimed=0.0,
    tolerance=1e-12,
    unit="per entry",
)
def gated_deltanet(seed: int, *, tokens: int = 64, width: int = 8) -> Measured:
    """Return the difference at the decayed memory, with that at the previous one beside it."""
    given = drawn(seed, tokens, width, width)
    gated = scan(given.q, given.k, given.v, g=given.g, beta=given.rate, scale=1.0)[0]
    rows: list[dict[str, Any]] = []
    for place in ("decayed", "previous"):
        spec = MATRIX.but(grad_at=place)
        none = torch.full_like(given.momentum, -1e6)
        gates = {"g": given.g, "rate": given.rate, "momentum": none}
        out = outputs(spec, given.q, given.k, given.v, gates)[0]
        rows.append({"gradient at": place, "difference": apart(out, gated)})
    law = f"{tokens} tokens, unit keys, float64"
    return Measured(rows[0]["difference"], None, width, 0, law, seed, rows)


@dataclass(frozen=True)
class Keyed:
    """Streams of one head: unit keys, values as they are written, and values as they ought to be read."""

    k: Tensor
    v: Tensor
    clean: Tensor


def autocorrelated(
    seed: int, *, noise: float, streams: int = 64, tokens: int = 512, width: int = 16, kept: float = 0.9
) -> Keyed:
    """Return keys that move slowly on the sphere, and values of a linear map with noise."""
    source = derived(seed, tokens, width)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=source, dtype=torch.float64)

    law, now, keys = draw(streams, width, width), draw(streams, width), []
    for step in draw(tokens, streams, width):
        now = kept * now + (1 - kept**2) ** 0.5 * step
        keys.append(now / now.norm(dim=-1, keepdim=True))
    k = torch.stack(keys, 1)
    clean = (k @ law)[:, :, None]
    return Keyed(k[:, :, None], clean + noise * draw(*clean.shape), clean)


def _course(stream: Keyed, rate: float, kept: float) -> Tensor:
    """Return each stream's relative error of what a key reads before it is written, in the second half."""
    spec = MATRIX.but(chunk=1) if kept else MATRIX.but(chunk=1, learner=GradientStep())
    none = torch.zeros_like(stream.k[..., 0])
    gates = {"g": none, "rate": none + rate} | ({"momentum": none + math.log(kept)} if kept else {})
    ahead = torch.cat([stream.k[:, 1:], stream.k[:, :1]], 1)
    wrong = outputs(spec, ahead, stream.k, stream.v, gates)[0][:, :-1] - stream.clean[:, 1:]
    return wrong.square()[:, wrong.shape[1] // 2 :].mean((1, 2, 3)) / stream.clean.square().mean((1, 2, 3))


RATES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
KEPT = (0.3, 0.5, 0.7, 0.9)


@claim(
    "momentum",
    where="section 3.1: past surprise; table 5: without momentum it is worse",
    statement="On keys that are autocorrelated momentum lowers the error of a linear memory, each at its "
    "best rate: error with momentum over the error without, with noise on the values.",
    claimed=1.0,
    unit="ratio of errors",
    relation="at most",
)
def momentum(seed: int, **sizes: Any) -> Measured:
    """Return the ratio on new streams, paired; rates and momenta are chosen on others."""
    rows, ratios = [], {}
    for noise in (0.0, 1.0):
        tuning, test = (autocorrelated(each, noise=noise, **sizes) for each in (seed + 1000, seed))
        errors = {}
        for name, shares in (("none", (0.0,)), ("momentum", KEPT)):
            tried = [
                (float(_course(tuning, rate, kept).mean()), rate, kept) for rate in RATES for kept in shares
            ]
            _, rate, kept = min(each for each in tried if math.isfinite(each[0]))
            errors[name] = _course(test, rate, kept)
            mean, (low, high) = mean_interval(errors[name].tolist())
            row = {"noise": noise, "past surprise": name, "rate": rate, "kept": kept}
            rows.append(row | {"error": mean, "low": low, "high": high})
        ratios[noise] = mean_interval((errors["momentum"] / errors["none"]).tolist())
        shape = test.k.shape
    value, interval = ratios[1.0]
    law = "unit keys whose direction keeps .9 a step, values of a linear map"
    note = f"{shape[0]} streams of {shape[1]} tokens; without noise the ratio is {ratios[0.0][0]:.3g}"
    return Measured(value, interval, shape[3], shape[1], law, seed, rows, note)


@claim(
    "recall",
    where="section 5: language models of 340M parameters, not run here; our bar for the neural memory",
    statement="Two layers of the neural memory (MLP, momentum, decay) trained for 400 steps recall 8 pairs "
    "from their context (best of 3 seeds).",
    claimed=0.9,
    unit="accuracy",
    tier="hours",
    relation="at least",
)
def recall(seed: int, **settings: Any) -> Measured:
    """Return the accuracy of two trained layers on recall with several queries; see `recall_training`."""
    return best_of(PRESETS["titans"], seed, **settings)
