"""Darlow, Regan, Risi, Seely and Jones (2025, arXiv 2505.05522): continuous thought machines.

Handwritten digits (scikit-learn's, 8 x 8) as 16 tokens of 2 x 2 pixels; 64 units, 6 ticks, 1,000 steps. Of
1,797 digits 1,147 are learnt, 200 choose the certainty at which thinking may end, 450 are the test. Parity of
the first 1, 2, ... bits is the longer tier; the paper's 64 bits and 200,000 steps are not tried.
"""

from functools import cache

import torch
from torch import Tensor

from memscape.cognition import ContinuousThought, Pondering
from memscape.cognition.continuous_thought import Anatomy
from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.replications.claim import Measured, claim

PAPER = "arXiv 2505.05522"
SEEDS = 5
LAW = "scikit-learn digits as 16 tokens of 2 x 2 pixels"


@cache
def digits(seed: int, number: int) -> tuple[Tensor, Tensor]:
    """Return all digits as tokens (1797, 16, 4), and their labels, in an order of the seed."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images, labels = torch.tensor(data.images / 16).float(), torch.tensor(data.target)
    order = torch.randperm(len(labels), generator=derived(seed, number))
    tokens = images.unfold(1, 2, 2).unfold(2, 2, 2).reshape(-1, 16, 4)
    return tokens[order], labels[order]


@cache
def _thought(seed: int, number: int, steps: int, learnt: int) -> tuple[Tensor, Pondering, Pondering, float]:
    """Labels of the test, thoughts of all ticks and of fewer, and the certainty that ends them."""
    tokens, labels = digits(seed, number)
    machine = ContinuousThought(16, 4, 10, generator=derived(seed, number, 1))
    machine.fit(
        tokens[:learnt], labels[:learnt], steps=steps, generator=derived(seed, number, 2), progress=False
    )
    enough = machine.enough(tokens[1147:1347], labels[1147:1347])
    test = tokens[1347:]
    return labels[1347:], machine.think(test), machine.think(test, enough=enough), enough


def _runs(seed: int, seeds: int, steps: int, learnt: int) -> list[dict[str, float]]:
    """One row for each seed: accuracies, and what halting saves."""
    rows = []
    for number in range(seeds):
        wanted, full, halted, enough = _thought(seed, number, steps, learnt)
        ticks = (full.logits.argmax(-1)[..., 0] == wanted[:, None]).double().mean(0)
        row = {"seed": number, "surest tick": float(full.right(wanted).double().mean())}
        row |= {f"tick {t + 1}": float(right) for t, right in enumerate(ticks)}
        row |= {
            "halted": float(halted.right(wanted).double().mean()),
            "saved": halted.saved,
            "enough": enough,
        }
        rows.append(row)
    return rows


def _measured(rows: list[dict[str, float]], values: list[float], seed: int, note: str) -> Measured:
    value, interval = mean_interval(values)
    return Measured(value, interval, 64, 0, LAW, seed, rows, f"{len(rows)} seeds, 450 digits each; {note}")


@claim(
    "digits",
    where=f"{PAPER}: image classification (ImageNet and CIFAR-10 there)",
    statement="The answer of the surest of 6 ticks names digits that were not learnt: share right.",
    claimed=0.8,
    relation="at least",
    tier="minutes",
)
def named(seed: int, *, seeds: int = SEEDS, steps: int = 1000, learnt: int = 1147) -> Measured:
    """Return the mean accuracy on digits that were not learnt."""
    rows = _runs(seed, seeds, steps, learnt)
    last = sum(row["tick 6"] for row in rows) / len(rows)
    return _measured(rows, [row["surest tick"] for row in rows], seed, f"the last tick alone {last:.3f}")


@claim(
    "ticks-matter",
    where=f"{PAPER}: thought unfolds over internal ticks",
    statement="The last tick is right more often than the first: difference of the shares.",
    claimed=0.4,
    relation="at least",
    tier="minutes",
)
def ticks_matter(seed: int, *, seeds: int = SEEDS, steps: int = 1000, learnt: int = 1147) -> Measured:
    """Return the mean difference between last and first tick."""
    rows = _runs(seed, seeds, steps, learnt)
    return _measured(rows, [row["tick 6"] - row["tick 1"] for row in rows], seed, "6 ticks")


@claim(
    "halting-saves",
    where=f"{PAPER}: adaptive compute",
    statement="Ending at a certainty chosen on 200 other digits saves ticks: share of 6.",
    claimed=0.3,
    relation="at least",
    tier="minutes",
)
def halting_saves(seed: int, *, seeds: int = SEEDS, steps: int = 1000, learnt: int = 1147) -> Measured:
    """Return the mean share of ticks that were not spent."""
    rows = _runs(seed, seeds, steps, learnt)
    return _measured(
        rows, [row["saved"] for row in rows], seed, "the least certainty that loses no answer of the 200"
    )


@claim(
    "halting-costs-nothing",
    where=f"{PAPER}: adaptive compute",
    statement="Ending early is right as often as spending every tick: difference of the shares.",
    claimed=0.0,
    tolerance=0.01,
    relation="at least",
    tier="minutes",
)
def halting_costs_nothing(
    seed: int, *, seeds: int = SEEDS, steps: int = 1000, learnt: int = 1147
) -> Measured:
    """Return the mean accuracy with halting, minus that of the surest of all ticks."""
    rows = _runs(seed, seeds, steps, learnt)
    return _measured(
        rows, [row["halted"] - row["surest tick"] for row in rows], seed, "same machines, same digits"
    )


def parities(bits: Tensor) -> Tensor:
    """Return the parity of the first 1, 2, ... of rows of bits (b, t).

    >>> parities(torch.tensor([[1, 1, 0, 1]]))
    tensor([[1, 0, 0, 1]])
    """
    return bits.cumsum(-1) % 2


@claim(
    "parity",
    where=f"{PAPER}: parity (64 bits, 1,024 units, 75 ticks, 200,000 steps there)",
    statement="Thinking for 8 ticks about 6 bits, the parities of the first 1 ... 6 come out: share of bits.",
    claimed=0.9,
    relation="at least",
    tier="hours",
)
def parity(seed: int, *, seeds: int = 3, steps: int = 8000, length: int = 6) -> Measured:
    """Return the mean share of right parities.

    There are only 2^length inputs, so all are learnt and tested.
    """
    bits = torch.cartesian_prod(*[torch.arange(2)] * length)
    signs, wanted, rows = 2.0 * bits[..., None] - 1, parities(bits), []
    for number in range(seeds):
        sizes = {"questions": length, "ticks": 8, "anatomy": Anatomy(units=128, history=8)}
        machine = ContinuousThought(length, 1, 2, **sizes, generator=derived(seed, number, 3))
        history = machine.fit(
            signs, wanted, steps=steps, rate=1e-3, generator=derived(seed, number, 4), progress=False
        )
        thought = machine.think(signs)
        right = (thought.answers == wanted).double().mean(0)
        row = {"seed": number, "bits": float(right.mean()), "all bits": float(right[-1])}
        rows.append(row | {"loss": float(history.losses[-50:].mean())})
    value, interval = mean_interval([row["bits"] for row in rows])
    note = f"{seeds} seeds, all {2**length} inputs, {steps:,} steps; the parity of all bits "
    note += f"{sum(row['all bits'] for row in rows) / seeds:.3f}"
    return Measured(value, interval, 128, 0, f"all rows of {length} bits", seed, rows, note)
