"""Two memories for inference: a small gated one for now, and one of outer products for what lasts."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from memscape.cognition.keeping import System
from memscape.core.arrays import require_count, require_fraction, require_width
from memscape.core.cards import Card, register
from memscape.core.errors import InputError
from memscape.core.random import Generator, draw_seed, resolve
from memscape.mechanisms.gating import attended, gate, k_writers
from memscape.mechanisms.writing import decay


@dataclass(frozen=True)
class Held:
    """What the two memories hold.

    Attributes:
        working: (b, s, d) the slots of the working memory.
        lasting: (b, s, c, d) the long-term memory: for each slot the outer products of its summaries and
            its contents.
        shares: (b, s, s + m) how much each slot took from each old slot and each of the m perceptions at the
            last writing; None before the first.
    """

    working: Float[Tensor, "b s d"]
    lasting: Float[Tensor, "b s c d"]
    shares: Float[Tensor, "b s w"] | None = None

    @property
    def writers(self) -> int:
        """The largest number of writers that any slot took something from; 0 before the first writing."""
        return 0 if self.shares is None else int((self.shares > 0).sum(-1).max())

    def table(self) -> str:
        """Return a line for each slot: how strongly it is held now, and in the long-term memory."""
        now, long = self.working.norm(dim=-1).mean(0), self.lasting.flatten(2).norm(dim=-1).mean(0)
        rows = enumerate(zip(now.tolist(), long.tolist(), strict=True))
        return "\n".join(
            ["slot  working  long-term", *(f"{i:>4}  {w:>7.3f}  {v:>9.3f}" for i, (w, v) in rows)]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python values, ready for JSON."""
        shares = None if self.shares is None else self.shares.tolist()
        return {"working": self.working.tolist(), "lasting": self.lasting.tolist(), "shares": shares}

    def __repr__(self) -> str:
        b, s, c, d = self.lasting.shape
        head = (
            f"Held of {b} scenes: {s} slots of width {d}, {c} summaries each, {self.writers} writers a slot"
        )
        return f"{head}\n{self.table()}"


@register
class PMI(System):
    """Writes perceptions into few slots, merges these into a long-term memory, and reads both.

    Each slot takes from its k best writers among slots and perceptions X, through gates F and I:

    $$M \\leftarrow F \\odot M + I \\odot \\tanh(A\\,[M; X] W_v), \\qquad
    L_s \\leftarrow \\rho L_s + c_s \\otimes M_s, \\quad c_s = \\tanh(W_c M_s).$$

    What is understood of X is $\\alpha U_w + (1 - \\alpha) U_{wl}$: $U_w$ reads M by attention, $U_{wl}$
    reads with $U_w$ what attention finds in L.

    Args:
        width: d, of perceptions and slots.
        slots: s of the working memory.
        k: writers of a slot.
        summaries: c, rows of the long-term memory for each slot.
        heads: of the attention; they share the width.
        retention: $\\rho$ of the long-term memory, in [0, 1].
        generator: seed of the initial weights.

    One perception of m rows costs O(b s (s + m) d + b (m + s) d^2 + b m s c d).

    Raises:
        InputError: for k larger than the number of slots, which there always are, heads that do not divide
            the width, or counts below 1.

    >>> memory = PMI(16, slots=4, k=2, generator=0)
    >>> understood, held = memory(torch.randn(3, 5, 16))
    >>> understood.shape, held.writers
    (torch.Size([3, 5, 16]), 2)

    Zeng et al. 2023, arXiv 2310.09297; the contraction into the long-term memory is ours.
    """

    card = Card(
        name="PMI",
        paper="Zeng et al. 2023, arXiv 2310.09297",
        parts="gated slots with k writers x decayed outer products per slot x two reads by attention",
        space="real numbers",
        capacity="`slots` contents now; `summaries` directions of each slot for long",
        cost="O(b s (s + m) d + b (m + s) d^2 + b m s c d) per perception of m rows",
        limits="the choice of the k writers has no gradient; a scene is forgotten before the next one unless "
        "what is held is handed on",
        form="latent",
        span="working",
        equation=r"M \leftarrow F \odot M + I \odot \tanh(A [M; X] W_v), \quad "
        r"L_s \leftarrow \rho L_s + c_s \otimes M_s",
    )

    def __init__(
        self,
        width: int,
        slots: int = 8,
        *,
        k: int = 4,
        summaries: int = 3,
        heads: int = 4,
        retention: float = 0.9,
        generator: Generator = None,
    ):
        super().__init__()
        self.width, self.slots, self.k = (
            require_count(value, what) for value, what in ((width, "width"), (slots, "slots"), (k, "k"))
        )
        self.summaries = require_count(summaries, "summaries")
        self.retention = require_fraction(retention, "retention")
        if self.k > self.slots:
            raise InputError(f"k is {self.k} but there are {self.slots} slots; use at most that")
        self.seed = draw_seed(generator)
        drawn = resolve(self.seed)
        # as long as normalised perceptions: shorter slots all ask alike and end up with the same writers
        self.first = nn.Parameter(torch.randn(self.slots, width, generator=drawn))
        self.query, self.key, self.value = (linear(width, width, drawn) for _ in range(3))
        self.gates = linear(2 * width, 2 * width, drawn)
        self.summary = linear(width, self.summaries, drawn)
        self.now, self.long, self.joint = (Attention(width, heads, drawn) for _ in range(3))
        self.mix = nn.Parameter(torch.zeros(()))

    def start(self, count: int) -> Held:
        """Return the memories before the first perception: learnt slots, nothing for long."""
        working = self.first.expand(require_count(count, "count"), -1, -1)
        return Held(working, working.new_zeros(count, self.slots, self.summaries, self.width))

    def write(self, seen: Float[Tensor, "b m d"], held: Held) -> Held:
        """Return the memories after a perception. The given ones are left as they are."""
        M = held.working
        writers = torch.cat([M, seen], 1)
        scores = self.query(M) @ self.key(writers).transpose(1, 2) * self.width**-0.5
        shares = k_writers(scores, self.k)
        new = attended(shares, self.value(writers))
        keep, take = self.gates(torch.cat([M, new], -1)).sigmoid().chunk(2, -1)
        M = gate(M, new, keep, take)
        return Held(M, decay(held.lasting, self.summary(M).tanh(), M, self.retention), shares)

    def read(
        self, seen: Float[Tensor, "b m d"], held: Held, alpha: float | None = None
    ) -> Float[Tensor, "b m d"]:
        """Return what is understood of a perception.

        Args:
            seen: the perception.
            held: the memories.
            alpha: the share of the working memory alone; None is the learnt one, 1 leaves the long-term
                memory out.
        """
        now = self.now(seen, held.working)
        if alpha == 1:
            return now
        share = self.mix.sigmoid() if alpha is None else require_fraction(alpha, "alpha")
        both = self.joint(now, self.long(seen, held.lasting.flatten(1, 2)))
        return share * now + (1 - share) * both

    def forward(
        self, seen: Float[Tensor, "b m d"], held: Held | None = None, alpha: float | None = None
    ) -> tuple[Float[Tensor, "b m d"], Held]:
        """Return what is understood of a perception after writing it, and the memories.

        Raises:
            InputError: for another width.
        """
        require_width(seen, self.width, "the perception")
        held = self.write(seen, self.start(len(seen)) if held is None else held)
        return self.read(seen, held, alpha), held

    def _settings(self) -> dict[str, Any]:
        sizes = {name: getattr(self, name) for name in ("width", "slots", "k", "summaries", "retention")}
        return sizes | {"heads": self.now.heads, "generator": self.seed}

    def extra_repr(self) -> str:
        return f"{self.slots} slots of width {self.width}, {self.k} writers, {self.summaries} summaries"


class Attention(nn.Module):
    """Reads rows by attention: for each query the mean of the rows' values, weighted by a softmax."""

    def __init__(self, width: int, heads: int, generator: torch.Generator):
        super().__init__()
        self.heads = require_count(heads, "heads")
        if width % self.heads:
            raise InputError(f"{heads} heads do not divide a width of {width}; use a divisor")
        self.query, self.key, self.value, self.out = (linear(width, width, generator) for _ in range(4))

    def forward(self, asking: Float[Tensor, "b m d"], rows: Float[Tensor, "b s d"]) -> Float[Tensor, "b m d"]:
        q, k, v = (
            part(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part, x in ((self.query, asking), (self.key, rows), (self.value, rows))
        )
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


def linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """Return a linear map with seeded weights, uniform within $1/\\sqrt{inputs}$ as torch's own."""
    made = nn.utils.skip_init(nn.Linear, inputs, outputs)
    for weights in made.parameters():
        nn.init.uniform_(weights, -(inputs**-0.5), inputs**-0.5, generator=generator)
    return made
