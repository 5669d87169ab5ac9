"""Zuo et al., Local linear attention: an optimal interpolation of linear and softmax attention (2025)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.replications.claim import Measured, claim
from memscape.replications.heads import apart
from memscape.replications.peak_bytes import Peak
from memscape.sequence import MemoryLayer
from memscape.sequence.parts import LocalLinearRead, Read, SoftmaxRead
from memscape.sequence.window import attend, look
from memscape.tasks.regression import Pairs, Predictor, Regression, ridge


@claim(
    "limits",
    where="section 3: between softmax attention and linear regression",
    statement="With an infinite ridge local linear attention is softmax attention; with equal weights and no "
    "ridge it is least squares with an intercept: largest difference.",
    claimed=0.0,
    tolerance=1e-12,
    unit="per entry",
)
def limits(seed: int, *, tokens: int = 40, width: int = 8, values: int = 5) -> Measured:
    """Return the largest difference from both limits."""
    source = derived(seed, tokens)
    q, k = torch.randn(2, tokens, width, generator=source, dtype=torch.float64).unbind(0)
    v = torch.randn(tokens, values, generator=source, dtype=torch.float64)
    every, one = torch.ones(tokens, tokens, dtype=torch.bool), torch.ones(tokens, 1, dtype=torch.float64)
    least = torch.cat([one, q], 1) @ torch.linalg.lstsq(torch.cat([one, k], 1), v).solution
    far = attend(LocalLinearRead(1e16), q, k, v, every)
    flat = attend(LocalLinearRead(1e-12, beta=0.0), q, k, v, every)
    rows = [
        {"limit": "ridge 1e16", "is": "softmax", "apart": apart(far, attend(SoftmaxRead(), q, k, v, every))},
        {"limit": "beta 0, ridge 1e-12", "is": "least squares", "apart": apart(flat, least)},
    ]
    worst = max(float(row["apart"]) for row in rows)
    return Measured(worst, None, width, 0, f"{tokens} tokens, normal, float64", seed, rows)


def reader(read: Read, reach: int | None = None) -> Predictor:
    """Return the predictor that reads y from the pairs before, `reach` - 1 of them or all."""

    def predict(x: Tensor, y: Tensor) -> Tensor:
        held = torch.ones(x.shape[:2], dtype=torch.bool)
        window = {"keys": x[:, :, None], "values": y[:, :, None], "held": held}
        return look(read, x[:, :, None], window, reach, 128, itself=False)[:, :, 0]

    return predict


BETAS = (0.0, 1.0, 4.0, 8.0, 16.0, 32.0)
RIDGES = (0.01, 0.1, 1.0, 10.0)
REACHES = (None, 8, 16, 32, 64, 128)
RETENTIONS = (0.99, 0.98, 0.95, 0.9, 0.85, 0.8)
Choice = tuple[str, Predictor]


def _softmax(reaches: Sequence[int | None]) -> list[Choice]:
    return [(f"beta {b:g}, window {w}", reader(SoftmaxRead(b), w)) for b in BETAS for w in reaches]


def _local(reaches: Sequence[int | None]) -> list[Choice]:
    """Return local linear attention at all settings."""
    return [
        (f"beta {b:g}, ridge {r:g}, window {w}", reader(LocalLinearRead(r, b), w))
        for b in BETAS
        for r in RIDGES
        for w in reaches
    ]


def _ridge(retentions: Sequence[float]) -> list[Choice]:
    return [(f"ridge {r:g}, retention {d:g}", ridge(r, d)) for r in RIDGES for d in retentions]


def _late(predict: Predictor, pairs: Pairs) -> Tensor:
    """Return each stream's error against the clean law, without the first quarter, relative to its square."""
    wrong = (predict(pairs.x, pairs.y) - pairs.clean).square()[:, pairs.x.shape[1] // 4 :]
    return wrong.mean((1, 2)) / pairs.clean.square().mean()


@dataclass(frozen=True)
class Race:
    """Readers on the same new streams, each with the settings that were best on others."""

    task: Regression
    errors: dict[str, Tensor]
    rows: list[dict[str, Any]]

    def against(self, rivals: Sequence[str], seed: int, note: str = "") -> Measured:
        """Return the error of local linear attention over that of its best rival, paired over streams."""
        rival = min(rivals, key=lambda name: float(self.errors[name].mean()))
        ours, theirs = self.errors["local linear"], self.errors[rival]
        value = float(ours.mean() / theirs.mean())
        low, high = mean_interval(((ours - value * theirs) / theirs.mean()).tolist())[1]  # to first order
        law = f"{self.task.kind} law, noise {self.task.noise:g}, x of length 1"
        full = f"{len(ours)} streams of {self.task.length} pairs; the best rival is {rival}{note}"
        size, length = self.task.size, self.task.length
        return Measured(value, (value + low, value + high), size, length, law, seed, self.rows, full)


def raced(task: Regression, readers: dict[str, list[Choice]], seed: int, streams: int) -> Race:
    """Return how readers do on new streams; their settings are chosen on as many others."""
    tuning, test = (task.sample(streams, generator=derived(seed, which)) for which in (1, 0))
    errors, rows = {}, []
    for name, choices in readers.items():
        scored = [(float(_late(predict, tuning).mean()), i) for i, (_, predict) in enumerate(choices)]
        label, predict = choices[min(scored)[1]]
        errors[name] = _late(predict, test)
        mean, (low, high) = mean_interval(errors[name].tolist())
        rows.append({"reader": name, "settings": label, "error": mean, "low": low, "high": high})
    return Race(task, errors, rows)


@claim(
    "piecewise",
    where="section 5: piecewise linear targets",
    statement="On a piecewise linear law the error of local linear attention is below those of softmax "
    "attention and of ridge regression, each at its best settings: share of the better rival's.",
    claimed=1.0,
    unit="ratio of errors",
    relation="at most",
)
def piecewise(seed: int, *, streams: int = 48, length: int = 256) -> Measured:
    """Return the ratio of errors on a law with a kink."""
    task = Regression("piecewise", size=4, length=length)
    readers = {"local linear": _local([None]), "softmax": _softmax([None]), "ridge": _ridge([1.0])}
    return raced(task, readers, seed, streams).against(("softmax", "ridge"), seed)


@claim(
    "drifting",
    where="section 5: non-stationary regression",
    statement="Where the law drifts, local linear attention over a window has a smaller error than softmax "
    "attention over a window and than ridge regression on all pairs: share of the better rival's.",
    claimed=1.0,
    unit="ratio of errors",
    relation="at most",
)
def drifting(seed: int, *, streams: int = 32, length: int = 256, memory: float = 64.0) -> Measured:
    """Return the ratio of errors on a law whose overlap with its past falls to e^-1/2 in `memory` pairs."""
    task = Regression("drifting", size=8, length=length, memory=memory)
    readers = {"local linear": _local(REACHES), "softmax": _softmax(REACHES), "ridge": _ridge([1.0])}
    return raced(task, readers, seed, streams).against(("softmax", "ridge"), seed)


@claim(
    "drifting-forgetting",
    where="our question: against a rival that forgets as well",
    statement="Where the law drifts, local linear attention over a window has a smaller error than ridge "
    "regression that forgets (the Mesa layer's gate), each at its best settings: ratio of the errors.",
    claimed=1.0,
    unit="ratio of errors",
    relation="at most",
)
def drifting_forgetting(seed: int, *, streams: int = 32, length: int = 256, memory: float = 64.0) -> Measured:
    """Return the ratio of errors on a drifting law against ridge regression with exponential weights."""
    task = Regression("drifting", size=8, length=length, memory=memory)
    readers = {"local linear": _local(REACHES), "forgetting ridge": _ridge(RETENTIONS)}
    note = ": the law is linear at every moment, so weighting by place in x buys nothing"
    return raced(task, readers, seed, streams).against(("forgetting ridge",), seed, note)


@claim(
    "memory",
    where="section 4: memory of order n d in place of n^2 d and n d^2",
    statement="The peak memory of a layer grows linearly with the tokens: bytes at 8,192 tokens over twice "
    "those at 4,096.",
    claimed=1.0,
    tolerance=0.05,
    unit="ratio",
    tier="minutes",
)
def memory(seed: int, *, tokens: int = 8192, width: int = 16) -> Measured:
    """Return the peak of all tensors' bytes at twice the tokens over twice the peak at half of them."""
    layer, rows = MemoryLayer(width, 1, "lla", generator=derived(seed, 0)), []
    for count in (tokens // 4, tokens // 2, tokens):
        x = torch.randn(1, count, width, generator=derived(seed, count))
        with torch.no_grad(), Peak() as peak:
            layer(x)
        numbers = peak.bytes / 4 / count / width
        rows.append({"tokens": count, "MiB": peak.bytes / 2**20, "numbers / (n d)": numbers})
    value = rows[2]["MiB"] / rows[1]["MiB"] / 2
    law = "normal tokens, one head, chunks of 64, float32"
    return Measured(value, None, width, tokens, law, seed, rows)
