"""Applications to attention: the keys of a trained head as wells, and which keys to give up."""

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.core.recall import Kind
from memscape.landscape import survey
from memscape.memories import from_vectors
from memscape.replications.claim import Measured, claim
from memscape.training import train

PAGE = "docs/applications.md"
SYMBOLS, WIDTH, PAIRS = 32, 32, 12
CONTEXTS, SURVEYED = 20, 3


class _Lookup(nn.Module):
    """One head of torch's attention that answers which value was paired with a symbol."""

    def __init__(self, generator: torch.Generator):
        super().__init__()
        self.symbols, self.values = nn.Embedding(SYMBOLS, WIDTH), nn.Embedding(SYMBOLS, WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, 1, batch_first=True)
        self.read = nn.Linear(WIDTH, SYMBOLS)
        with torch.no_grad():  # the global generator is left alone
            for parameter in self.parameters():
                size = 0.15 if parameter.ndim > 1 else 0.0
                parameter.copy_(size * torch.randn(parameter.shape, generator=generator))

    def forward(self, symbols: Tensor, values: Tensor, asked: Tensor) -> Tensor:
        mixed, _ = self.attention(
            self.symbols(asked)[:, None], self.symbols(symbols), self.values(values), need_weights=False
        )
        return self.read(mixed[:, 0])

    def keys(self, symbols: Tensor) -> Tensor:
        """Return the keys of the head for symbols (p,)."""
        w, b = self.attention.in_proj_weight.chunk(3)[1], self.attention.in_proj_bias.chunk(3)[1]
        return self.symbols(symbols) @ w.T + b

    def queries(self, symbols: Tensor) -> Tensor:
        """Return the queries of the head for symbols (b,)."""
        w, b = self.attention.in_proj_weight.chunk(3)[0], self.attention.in_proj_bias.chunk(3)[0]
        return self.symbols(symbols) @ w.T + b


def _batch(count: int, g: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return symbols, their values, the symbol asked for, and the right value."""
    symbols = torch.stack([torch.randperm(SYMBOLS, generator=g)[:PAIRS] for _ in range(count)])
    values = torch.randint(SYMBOLS, (count, PAIRS), generator=g)
    place = torch.randint(PAIRS, (count,), generator=g)
    rows = torch.arange(count)
    return symbols, values, symbols[rows, place], values[rows, place]


def _loss(model: nn.Module, batch: tuple[Tensor, ...], generator: torch.Generator) -> Tensor:
    symbols, values, asked, right = batch
    return nn.functional.cross_entropy(model(symbols, values, asked), right)


@cache
def _trained(seed: int, steps: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return accuracy and what the landscape says of the keys, at checkpoints of one training."""
    model = _Lookup(derived(seed, 0))
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    g, rows = derived(seed, 1), []
    made = 0
    for step in steps:
        if step > made:
            train(
                model, _loss, lambda _: _batch(64, g), optimizer=optimiser, steps=step - made, progress=False
            )
        made = step
        rows.append({"step": step, **_looked_at(model, seed)})
    return rows


@torch.no_grad()
def _looked_at(model: _Lookup, seed: int) -> dict[str, float]:
    """Return accuracy on fresh questions, and what the landscape says of queries and keys."""
    g = derived(seed, 2)
    symbols, values, asked, right = _batch(500, g)
    accuracy = (model(symbols, values, asked).argmax(1) == right).float().mean()
    found, own, wells, stored = 0.0, 0.0, 0, 0
    for i in range(CONTEXTS):
        keys = model.keys(symbols[i])
        memory: Any = from_vectors(keys, beta=WIDTH**-0.5)  # the scale of attention is the sharpness
        end = memory.recall(model.queries(symbols[i]), generator=0)
        found += float((end.match == torch.arange(PAIRS)).float().mean())
        own += float((memory.recall(keys, generator=0).match == torch.arange(PAIRS)).float().mean())
        if i < SURVEYED:
            land = survey(memory, starts=128, barriers=False, generator=derived(seed, 3, i), progress=False)
            wells, stored = wells + len(land), stored + int((land.kind == Kind.STORED).sum())
    return {
        "accuracy": float(accuracy),
        "queries in the right basin": found / CONTEXTS,
        "keys with a well": own / CONTEXTS,
        "minima": wells / SURVEYED,
        "minima that are keys": stored / SURVEYED,
    }


@claim(
    "attention",
    where=PAGE,
    statement="Attention: the landscape of a trained head's keys tells how well it looks up: share of its "
    "queries that descend to the right key, once trained.",
    claimed=0.9,
    relation="at least",
    tier="minutes",
    mark="shown",
)
def attention(seed: int, *, steps: tuple[int, ...] = (0, 100, 200, 400, 800, 1600)) -> Measured:
    """Return the share of queries in the right key's basin after training; the rows follow the training."""
    rows = _trained(seed, steps)
    note = (
        f"torch's MultiheadAttention, one head, width {WIDTH}, {PAIRS} pairs of {SYMBOLS} "
        f"symbols; {CONTEXTS} contexts, {SURVEYED} of them surveyed from 128 random starts"
    )
    value = rows[-1]["queries in the right basin"]
    return Measured(value, None, WIDTH, PAIRS, "keys of a head trained on the spot", seed, rows, note)


@claim(
    "context",
    where=PAGE,
    statement="Context management on synthetic keys: giving up keys that others answer for keeps more than "
    "giving up random ones: gain in the share of queries answered at half of the keys.",
    claimed=0.05,
    unit="difference of shares",
    relation="at least",
    mark="shown",
)
def context(seed: int, *, width: int = 32, groups: int = 24, instances: int = 12) -> Measured:
    """Return the gain of giving up the most confusable keys over random ones, keys of uneven families."""
    gains, shares = [], {"most confusable": [], "random": []}
    for instance in range(instances):
        g = derived(seed, instance)
        sizes = torch.randint(1, 8, (groups,), generator=g)  # what is said often stands there often
        family = torch.arange(groups).repeat_interleave(sizes)
        centres = torch.randn(groups, width, generator=g)
        keys = centres[family] + 0.3 * torch.randn(len(family), width, generator=g)
        asked = torch.randint(groups, (400,), generator=g)
        queries = centres[asked] + 0.6 * torch.randn(400, width, generator=g)
        kept = len(family) // 2
        spread = torch.randperm(len(family), generator=g)[:kept]
        for name, rows in (("most confusable", _distinct(keys, kept)), ("random", spread)):
            memory: Any = from_vectors(keys[rows])
            answer = memory.recall(queries, max_steps=1, generator=0).state
            nearest = torch.cdist(answer, centres).argmin(1)
            shares[name].append(float((nearest == asked).float().mean()))
        gains.append(shares["most confusable"][-1] - shares["random"][-1])
    value, interval = mean_interval(gains)
    rows = [{"given up": name, "answered": sum(v) / instances} for name, v in shares.items()]
    note = f"{instances} instances, {groups} families of 1 to 7 keys; nothing is claimed for language models"
    return Measured(value, interval, width, 4 * groups, "families of normal vectors", seed, rows, note)


def _distinct(keys: Tensor, count: int) -> Tensor:
    """Return the rows that stay when, one by one, a key of the nearest pair is given up."""
    distance = torch.cdist(keys, keys).fill_diagonal_(torch.inf)
    stay = torch.ones(len(keys), dtype=torch.bool)
    while int(stay.sum()) > count:
        gone = int(distance.argmin()) // len(keys)
        stay[gone] = False
        distance[gone], distance[:, gone] = torch.inf, torch.inf
    return stay.nonzero()[:, 0]
