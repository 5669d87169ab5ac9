"""Fernando et al. (2020, arXiv 2011.05438): synthetic gradients for the controller of a memory.

The task is ours: four pairs of key and value are to be kept, eight other pairs with the same keys go by, one
key is asked for. Backpropagation reaches 4 steps, the gap is 8: what should be written is decided where no
error arrives. The predictor is told what will be asked and answered, while it learns only. The paper's
own architecture (neuromodulators shared among memories) is not rebuilt.
"""

from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from memscape.core.intervals import mean_interval
from memscape.core.random import derived, resolve
from memscape.mechanisms.writing import delta
from memscape.replications.claim import Measured, claim
from memscape.training import SyntheticGradient, train, windowed_loss

PAPER = "arXiv 2011.05438"
SEEDS, KEYS, VALUES, SLOTS, WIDTH, WINDOW, GAP = 5, 4, 8, 16, 16, 4, 8
LAW = "4 pairs kept, 8 others pass, 1 asked for; 4 keys, 8 values"
WAYS = ("full", "truncated", "synthetic", "untold")
"""Ways to learn; in the last one the predictor knows the memory and the window, not what will be asked."""


@dataclass(frozen=True)
class Trials:
    """Trials: inputs (b, 16, 14) of key, value, "keep this" and "answer now"; key and value asked for."""

    inputs: Tensor
    asked: Tensor
    answers: Tensor

    @property
    def contexts(self) -> list[Tensor]:
        """What a predictor can be told at the start of each window: which one it is, question and answer."""
        return self.told(True)

    def told(self, all_of_it: bool) -> list[Tensor]:
        """Return the contexts, with zeros for question and answer unless all of it is told."""
        told = torch.cat([F.one_hot(self.asked, KEYS), F.one_hot(self.answers, VALUES)], -1).float()
        told = told * all_of_it
        which = torch.eye(4).expand(len(told), 4, 4).unbind(1)
        return [torch.cat([told, place], -1) for place in which]


def trials(count: int, generator: torch.Generator | int) -> Trials:
    """Return trials.

    >>> trials(5, 0).inputs.shape
    torch.Size([5, 16, 14])
    """
    drawn = resolve(generator)
    kept = torch.rand(count, KEYS, generator=drawn).argsort(-1)
    keys = torch.cat([kept, torch.randint(KEYS, (count, GAP), generator=drawn)], -1)
    values = torch.randint(VALUES, (count, KEYS + GAP), generator=drawn)
    place = torch.randint(KEYS, (count,), generator=drawn)
    asked, answers = (part[torch.arange(count), place] for part in (keys, values))
    pairs = torch.cat([F.one_hot(keys, KEYS), F.one_hot(values, VALUES)], -1).float()
    inputs = torch.zeros(count, KEYS + GAP + WINDOW, KEYS + VALUES + 2)
    inputs[:, : KEYS + GAP, : KEYS + VALUES] = pairs
    inputs[:, :KEYS, -2] = 1
    inputs[:, -1, :KEYS] = F.one_hot(asked, KEYS).float()
    inputs[:, -1, -1] = 1
    return Trials(inputs, asked, answers)


class Keeper(nn.Module):
    """A memory of slots behind a controller: where to write, whether, what, and where to read."""

    def __init__(self, seed: int):
        super().__init__()
        width = KEYS + VALUES + 2
        linear = lambda a, b: nn.utils.skip_init(nn.Linear, a, b)  # noqa: E731
        self.where, self.what, self.whether = linear(width, SLOTS), linear(width, WIDTH), linear(width, 1)
        self.read, self.out = linear(width, SLOTS), linear(WIDTH, VALUES)
        for number, weights in enumerate(self.parameters()):
            bound = weights.shape[-1] ** -0.5
            nn.init.uniform_(weights, -bound, bound, generator=derived(seed, number))
        self.synthetic = SyntheticGradient(SLOTS * WIDTH, KEYS + VALUES + 4, generator=derived(seed, 99))

    def window(self, state: Tensor, inputs: Tensor, answers: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the memory after some steps, and the loss of the answer if one is wanted at the end."""
        memory = state.unflatten(-1, (SLOTS, WIDTH))
        places, values, gates = (
            self.where(inputs).softmax(-1),
            self.what(inputs),
            self.whether(inputs).sigmoid(),
        )
        for place, value, gate in zip(*(part.unbind(1) for part in (places, values, gates)), strict=True):
            memory = delta(memory, place, value, gate)
        if answers is None:
            return memory.flatten(1), state.new_zeros(len(state))
        return memory.flatten(1), F.cross_entropy(self.answer(memory, inputs), answers, reduction="none")

    def answer(self, memory: Tensor, inputs: Tensor) -> Tensor:
        """Return the logits that are read at the last step of a window."""
        return self.out((self.read(inputs[:, -1]).softmax(-1)[:, None] @ memory)[:, 0])

    def forward(self, given: Trials) -> Tensor:
        """Return the logits of the answers."""
        memory = self.window(given.inputs.new_zeros(len(given.asked), SLOTS * WIDTH), given.inputs, None)[0]
        return self.answer(memory.unflatten(-1, (SLOTS, WIDTH)), given.inputs)

    def loss(self, given: Trials, way: str) -> Tensor:
        """Return the loss, whose gradient reaches as far as the way lets it."""
        start = given.inputs.new_zeros(len(given.asked), SLOTS * WIDTH)
        if way == "full":
            return self.window(start, given.inputs, given.answers)[1].mean()
        pieces = [(piece, None) for piece in given.inputs.split(WINDOW, 1)]
        pieces[-1] = (pieces[-1][0], given.answers)
        return windowed_loss(
            lambda state, piece: self.window(state, *piece),
            start,
            pieces,
            synthetic=None if way == "truncated" else self.synthetic,
            contexts=None if way == "truncated" else given.told(way == "synthetic"),
        )


@cache
def _learnt(seed: int, number: int, way: str, steps: int) -> tuple[Keeper, float]:
    """A keeper taught in a way, and its accuracy on 1,000 new trials."""
    keeper = Keeper(1000 * seed + number)
    train(
        keeper,
        lambda module, given, drawn: keeper.loss(given, way),
        lambda step: trials(32, derived(seed, number, step)),
        optimizer=torch.optim.Adam(keeper.parameters(), lr=1e-2),
        steps=steps,
        generator=number,
        clip=1.0,
        progress=False,
    )
    test = trials(1000, derived(seed, number, 10**6))
    with torch.no_grad():
        return keeper, float((keeper(test).argmax(-1) == test.answers).double().mean())


def cosines(keeper: Keeper, given: Trials) -> list[float]:
    """Return how well the predictions at the three boundaries point along the true gradients: mean cosine."""
    pieces = list(given.inputs.split(WINDOW, 1))
    state = given.inputs.new_zeros(len(given.asked), SLOTS * WIDTH)
    found = []
    for place in range(1, len(pieces)):
        with torch.no_grad():
            state = keeper.window(state, pieces[place - 1], None)[0]
        start = state.clone().requires_grad_()
        rest = torch.cat(pieces[place:], 1)
        (true,) = torch.autograd.grad(keeper.window(start, rest, given.answers)[1].sum(), start)
        with torch.no_grad():
            guess = keeper.synthetic(state, given.contexts[place])
        found.append(float(F.cosine_similarity(guess, true, dim=-1).mean()))
    return found


def _runs(seed: int, seeds: int, steps: int) -> list[dict[str, float]]:
    rows = []
    for number in range(seeds):
        row: dict[str, float] = {"seed": number}
        row |= {way: _learnt(seed, number, way, steps)[1] for way in WAYS}
        found = cosines(
            _learnt(seed, number, "synthetic", steps)[0], trials(500, derived(seed, number, 10**7))
        )
        rows.append(row | {f"cosine {i + 1}": cosine for i, cosine in enumerate(found)})
    return rows


def _means(rows: list[dict[str, float]]) -> str:
    return ", ".join(f"{way} {sum(row[way] for row in rows) / len(rows):.3f}" for way in WAYS)


@claim(
    "beyond-the-window",
    where=f"{PAPER}: a memory controller trained on predicted gradients",
    statement="With a gap of 8 steps and backpropagation through 4, synthetic gradients answer more often "
    "than plain truncation: difference of the shares.",
    claimed=0.2,
    relation="at least",
    tier="minutes",
)
def beyond_the_window(seed: int, *, seeds: int = SEEDS, steps: int = 1000) -> Measured:
    """Return the mean difference on new trials."""
    rows = _runs(seed, seeds, steps)
    value, interval = mean_interval([row["synthetic"] - row["truncated"] for row in rows])
    note = f"{seeds} seeds, {steps:,} steps; {_means(rows)}; chance {1 / VALUES:g}"
    return Measured(value, interval, SLOTS, 0, LAW, seed, rows, note)


@claim(
    "true-direction",
    where=f"{PAPER}: predicted feedback",
    statement="After learning, predicted gradients point along the true ones: mean cosine at three "
    "boundaries.",
    claimed=0.3,
    unit="cosine",
    relation="at least",
    tier="minutes",
)
def true_direction(seed: int, *, seeds: int = SEEDS, steps: int = 1000) -> Measured:
    """Return the mean cosine with the gradient of full backpropagation, on new trials."""
    rows = _runs(seed, seeds, steps)
    value, interval = mean_interval([sum(row[f"cosine {i}"] for i in (1, 2, 3)) / 3 for row in rows])
    note = f"{seeds} seeds, 500 new trials each; the predictor is told question and answer"
    return Measured(value, interval, SLOTS, 0, LAW, seed, rows, note)
