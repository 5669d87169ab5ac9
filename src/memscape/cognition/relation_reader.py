"""Answers questions about objects: one layer of attention, with or without two memories behind it."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from memscape.cognition.inference import PMI, Attention, Held, linear
from memscape.cognition.keeping import System
from memscape.core.arrays import require_count
from memscape.core.cards import Card, register
from memscape.core.intervals import share_interval
from memscape.core.progress import ProgressOption
from memscape.core.random import Generator, derived, draw_seed, resolve
from memscape.tasks.relations import ANSWERS, KINDS, ObjectQuestions, Questions
from memscape.training import History, train


@dataclass(frozen=True)
class Answered:
    """How often questions were answered right.

    Attributes:
        accuracy: (6,) for each kind of question.
        interval: (6, 2) its 95 % interval.
        asked: (6,) how many there were.
    """

    accuracy: Float[Tensor, " k"]
    interval: Float[Tensor, "k 2"]
    asked: Int[Tensor, " k"]

    @property
    def relational(self) -> float:
        """The share of right answers about relations."""
        return float((self.accuracy * self.asked)[3:].sum() / self.asked[3:].sum())

    @property
    def single(self) -> float:
        """The share of right answers about one object."""
        return float((self.accuracy * self.asked)[:3].sum() / self.asked[:3].sum())

    def table(self) -> str:
        """Return a line for each kind of question."""
        rows = zip(KINDS, self.accuracy.tolist(), self.interval.tolist(), strict=True)
        return "\n".join(f"{kind:<24} {a:.3f} ({low:.3f}-{high:.3f})" for kind, a, (low, high) in rows)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python values, ready for JSON."""
        numbers = {"accuracy": self.accuracy, "interval": self.interval, "asked": self.asked}
        return {"kinds": list(KINDS)} | {name: value.tolist() for name, value in numbers.items()}

    def __repr__(self) -> str:
        head = f"Answered: {self.relational:.3f} of relations, {self.single:.3f} of single objects"
        return f"{head}\n{self.table()}"


@register
class RelationReader(System):
    """A Transformer layer over objects and a question; a memory may add what it understands of them.

    The rows attend to each other; with a memory they are written to it and what is read is added, `rounds`
    times with the same weights; then a layer of `hidden` units, and the answer is read at the question.

    Args:
        memory: None, or a `PMI` of the same width.
        objects: of a scene.
        width: d of the rows.
        hidden: units of the layer after it.
        heads: of the attention.
        rounds: how often a scene is perceived.
        generator: seed of the initial weights.

    >>> reader = RelationReader(PMI(32, generator=0), width=32, generator=0)
    >>> reader(ObjectQuestions().sample(5, generator=0)).shape
    torch.Size([5, 10])

    The layer behind which Zeng et al. 2023, arXiv 2310.09297, put their memories; sizes are ours.
    """

    card = Card(
        name="RelationReader",
        paper="Zeng et al. 2023, arXiv 2310.09297 (a layer for their memories; sizes are ours)",
        parts="self-attention over objects and a question x a PMI or nothing x one layer",
        space="rows of real numbers: objects and a question",
        capacity="scenes of six objects, as `tasks.ObjectQuestions` draws them",
        cost="O(b rounds m d (m + d + hidden)) for m rows, and the memory's own",
        limits="one question per scene; with a PMI no better than without, beyond what three seeds can tell",
        span="working",
        equation=r"x \leftarrow \mathrm{norm}(x + \mathrm{attention}(x)), \quad x \leftarrow x + U(x)",
    )

    def __init__(
        self,
        memory: PMI | None = None,
        *,
        objects: int = 6,
        width: int = 64,
        hidden: int = 128,
        heads: int = 4,
        rounds: int = 2,
        generator: Generator = None,
    ):
        super().__init__()
        self.rounds, self.seed = require_count(rounds, "rounds"), draw_seed(generator)
        self.hidden, drawn = require_count(hidden, "hidden"), resolve(self.seed)
        self.objects = linear(objects + 4, width, drawn)
        self.question = linear(objects + len(KINDS), width, drawn)
        self.attention = Attention(width, heads, drawn)
        self.layer = nn.ModuleList([linear(width, hidden, drawn), linear(hidden, width, drawn)])
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.readout = linear(width, len(ANSWERS), drawn)
        self.memory = memory

    def _settings(self) -> dict[str, Any]:
        return {
            "memory": None if self.memory is None else self.memory._settings(),
            "objects": self.objects.in_features - 4,
            "width": self.objects.out_features,
            "hidden": self.hidden,
            "heads": self.attention.heads,
            "rounds": self.rounds,
            "generator": self.seed,
        }

    @classmethod
    def _from_settings(cls, settings: dict[str, Any], **given: Any) -> "RelationReader":
        options = dict(settings)
        inner = options.pop("memory")
        return cls(None if inner is None else PMI(**inner), **options, **given)

    def forward(self, batch: Questions, alpha: float | None = None) -> Float[Tensor, "b 10"]:
        """Return the logits of the answers; `alpha` as in `PMI.read`."""
        return self.read(batch, alpha)[0]

    def read(self, batch: Questions, alpha: float | None = None) -> tuple[Float[Tensor, "b 10"], Held | None]:
        """Return the logits of the answers and what the memory holds at the end."""
        x = torch.cat([self.question(batch.questions)[:, None], self.objects(batch.objects)], 1)
        held: Held | None = None
        for _ in range(self.rounds):
            x = self.norms[0](x + self.attention(x, x))
            if self.memory is not None:
                understood, held = self.memory(x, held, alpha)
                x = self.norms[1](x + understood)
            x = self.norms[2](x + self.layer[1](F.relu(self.layer[0](x))))
        return self.readout(x[:, 0]), held

    def fit(
        self,
        task: ObjectQuestions,
        *,
        steps: int = 2000,
        batch: int = 64,
        rate: float = 1e-3,
        generator: Generator = None,
        progress: ProgressOption = None,
    ) -> History:
        """Train by Adam on scenes that are each seen once, in place, and return the course of the loss."""
        seed = draw_seed(generator)
        return train(
            self,
            lambda reader, scenes, drawn: F.cross_entropy(reader(scenes), scenes.answers),
            task.batches(batch, seed),
            optimizer=torch.optim.Adam(self.parameters(), lr=rate),
            steps=steps,
            generator=seed,
            clip=1.0,
            progress=progress,
        )

    def answered(
        self,
        task: ObjectQuestions,
        *,
        count: int = 2000,
        alpha: float | None = None,
        generator: Generator = None,
    ) -> Answered:
        """Return how often fresh questions are answered right; `alpha` as in `PMI.read`."""
        scenes = task.sample(count, generator=derived(draw_seed(generator), 0))
        with torch.no_grad():
            right = self(scenes, alpha).argmax(-1) == scenes.answers
        asked = torch.bincount(scenes.kinds, minlength=len(KINDS))
        hits = torch.bincount(scenes.kinds[right], minlength=len(KINDS))
        ends = [share_interval([int(k)], max(1, int(n)))[0] for k, n in zip(hits, asked, strict=True)]
        return Answered(hits / asked.clamp_min(1), torch.stack(ends).float(), asked)
