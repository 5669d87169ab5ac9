"""The networks of the engram studies, small enough to train on the spot, each from a seed."""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor, nn

from memscape.core.random import derived
from memscape.training import Minibatches, train


def seeded(model: nn.Module, seed: int) -> nn.Module:
    """Fill linear layers, convolutions and tables by torch's own laws from a seed, in place.

    Return the model.
    """
    for i, module in enumerate(model.modules()):
        generator = derived(seed, i)
        if isinstance(module, nn.Linear | nn.Conv2d):
            bound = 1 / math.sqrt(module.weight[0].numel())
            module.weight.data.uniform_(-bound, bound, generator=generator)
            if module.bias is not None:
                module.bias.data.uniform_(-bound, bound, generator=generator)
        elif isinstance(module, nn.Embedding):
            module.weight.data.normal_(generator=generator)
    return model


def perceptron(sizes: tuple[int, ...], seed: int, *, bias: bool = True) -> nn.Module:
    """Return rectified layers of these sizes.

    >>> perceptron((64, 10), seed=0)(torch.zeros(2, 64)).shape
    torch.Size([2, 10])
    """
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b, bias=bias), nn.ReLU()]
    return seeded(nn.Sequential(*layers[:-1]), seed)


def convolutional(seed: int) -> nn.Module:
    """Return a network of three convolutions with batch normalisation for pictures of 8 x 8 pixels."""
    return seeded(
        nn.Sequential(
            nn.Unflatten(1, (1, 8, 8)),
            nn.Conv2d(1, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1, stride=2, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 32, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(512, 10),
        ),
        seed,
    )


class Block(nn.Module):
    """Attention and a feed-forward part, each behind its own normalisation."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the residual stream (b, t, d) behind the block."""
        seen = self.before(x)
        q, k, v = (
            part(seen).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        read = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(read.transpose(1, 2).flatten(-2))
        return x + self.down(F.gelu(self.up(self.between(x))))


class TinyGPT(nn.Module):
    """A transformer of two blocks that reads tokens (b, t) and gives logits (b, t, words)."""

    def __init__(self, words: int, *, width: int = 64, heads: int = 4, blocks: int = 2, length: int = 3):
        super().__init__()
        self.tokens, self.places = nn.Embedding(words, width), nn.Embedding(length, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, words, bias=False)

    def forward(self, ids: Int[Tensor, "b t"]) -> Tensor:
        """Return logits."""
        x = self.tokens(ids) + self.places(torch.arange(ids.shape[1], device=ids.device))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


@dataclass(frozen=True)
class Facts:
    """Facts "subject relation -> object" as token rows [start, subject, relation] and the object's token.

    Attributes:
        ids: (p, 3).
        objects: (p,) the token of the answer.
        subjects: (p,) the number of the subject, 0, 1, ...
        words: the size of the vocabulary.
    """

    ids: Int[Tensor, "p 3"]
    objects: Int[Tensor, " p"]
    subjects: Int[Tensor, " p"]
    words: int

    @property
    def labels(self) -> Int[Tensor, "p 3"]:
        """The answer behind the last token, -100 elsewhere: facts are asked for at one place only."""
        labels = torch.full_like(self.ids, -100)
        labels[:, -1] = self.objects
        return labels

    def some(self, chosen: Tensor) -> "Facts":
        """Return some of the facts."""
        return Facts(self.ids[chosen], self.objects[chosen], self.subjects[chosen], self.words)


def facts(subjects: int = 24, relations: int = 6, answers: int = 40, *, seed: int = 0) -> Facts:
    """Return subjects x relations facts, each with an object drawn at random.

    >>> facts(seed=0).ids.shape, facts(seed=0).words
    (torch.Size([144, 3]), 71)
    """
    s, r = torch.meshgrid(torch.arange(subjects), torch.arange(relations), indexing="ij")
    s, r = s.flatten(), r.flatten()
    objects = torch.randint(answers, (len(s),), generator=derived(seed, 7))
    ids = torch.stack([torch.zeros_like(s), 1 + s, 1 + subjects + r], dim=1)
    return Facts(ids, 1 + subjects + relations + objects, s, 1 + subjects + relations + answers)


def fit_rows(
    model: nn.Module, x: Tensor, y: Tensor, *, epochs: int, seed: int, rate: float = 3e-3, batch: int = 64
) -> nn.Module:
    """Train a classifier by AdamW with weight decay 1e-4, in place; return it."""
    order = Minibatches(torch.arange(len(x)), batch, seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=1e-4)
    model.train()
    train(
        model,
        lambda module, rows, generator: F.cross_entropy(module(x[rows]), y[rows]),
        order,
        optimizer=optimizer,
        steps=epochs * max(1, len(x) // min(batch, len(x))),
        generator=seed,
        progress=False,
    )
    return model.eval()


def fit_facts(
    model: nn.Module, known: Facts, *, steps: int, seed: int, rate: float = 3e-3, guard: object = None
) -> nn.Module:
    """Train a language model on all facts at once by AdamW with weight decay .01, in place; return it."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    attached = guard.attach(optimizer) if guard is not None else None  # ty: ignore[missing-attribute]
    model.train()

    def loss(module: nn.Module, rows: Tensor, generator: torch.Generator) -> Tensor:
        out = module(known.ids)
        logits = getattr(out, "logits", out)
        return F.cross_entropy(logits[:, -1], known.objects)

    train(
        model, loss, lambda step: known.ids, optimizer=optimizer, steps=steps, generator=seed, progress=False
    )
    if attached is not None:
        attached.remove()
    return model.eval()
