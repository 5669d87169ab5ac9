"""The tensor brain: an index layer of named concepts and a representation layer, tied by one matrix."""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from memscape.cognition.decoded import ROLES, Decoded
from memscape.cognition.keeping import System
from memscape.core.arrays import as_tensor, require_count, require_width
from memscape.core.cards import Card, register
from memscape.core.errors import InputError
from memscape.core.progress import ProgressOption
from memscape.core.random import Generator, derived, draw_seed, resolve
from memscape.mechanisms.broadcasting import top_down
from memscape.mechanisms.coding import allowed_softmax
from memscape.memories.continuous import Continuous
from memscape.training import History, train


@register
class TensorBrain(System):
    """Perceives scenes as triples, recalls them from a time index alone, and knows what is usual.

    One row $a_i$ of A stands for each entity, predicate and episode. Bottom-up, the state of the
    representation layer chooses an index, $P(i | q) = \\mathrm{softmax}_i(b_i + a_i \\cdot \\tanh q)$;
    top-down, the chosen one speaks, $q \\leftarrow B \\tanh(q + a_i) + \\mathrm{drive}$. Subject, object and
    predicate are decoded in turn. What drives q makes the difference: the senses (perception), the row of an
    episode (episodic memory), or nothing (semantic memory: what is usual). Choosing an index is one retrieval
    step of a log-sum-exp memory with named patterns; `as_memory` returns that memory.

    Args:
        entities, predicates, episodes: number of indices of each kind.
        width: d, units of the representation layer.
        senses: width of what is seen of one entity; 0 for a brain that perceives nothing.
        generator: seed of the initial weights.

    Decoding costs O(b d (d + entities + predicates)).

    Raises:
        InputError: for counts below 1 (senses below 0).

    >>> brain = TensorBrain(entities=4, predicates=2, episodes=3, width=16, generator=0)
    >>> history = brain.fit([[0, 1, 0], [2, 3, 1], [1, 0, 0]], steps=150, generator=0)
    >>> brain.recall_episode([1, 2]).triples.tolist()
    [[2, 3, 1], [1, 0, 0]]

    Tresp et al. 2020, arXiv 2001.11027; the equations in this form are ours.
    """

    card = Card(
        name="TensorBrain",
        paper="Tresp et al. 2020, arXiv 2001.11027",
        parts="softmax over named keys x broadcast of the chosen one x one tied matrix",
        space="real numbers; triples of named entities and predicates",
        capacity="150 episodes of 20 entities in 64 units, all recalled (measured)",
        cost="decode O(b d (d + entities + predicates)); memory 4 d (all indices + d) bytes",
        limits="triples in one order of decoding; learns by gradient steps, not in one trial",
        equation=r"P(i | q) = \mathrm{softmax}_i(b + A \tanh q), \quad q \leftarrow B \tanh(q + a_i) + d",
    )

    rows: nn.Parameter

    def __init__(
        self,
        entities: int,
        predicates: int,
        episodes: int,
        width: int = 64,
        *,
        senses: int = 0,
        generator: Generator = None,
    ):
        super().__init__()
        self.entities, self.predicates = (
            require_count(entities, "entities"),
            require_count(predicates, "predicates"),
        )
        self.episodes, self.width = require_count(episodes, "episodes"), require_count(width, "width")
        self.senses, self.seed = require_count(senses, "senses", low=0), draw_seed(generator)
        drawn, d = resolve(self.seed), self.width

        def normal(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=drawn) * d**-0.5)

        self.rows = normal(self.entities + self.predicates + self.episodes, d)
        self.prior = nn.Parameter(torch.zeros(self.entities + self.predicates))
        self.carry = normal(d, d)
        self.sense_one, self.sense_both = normal(self.senses, d), normal(2 * self.senses, d)

    def perceive(self, views: object) -> Decoded:
        """Return the most likely triples of scenes (..., 2 senses): what is seen of subject and object.

        Raises:
            InputError: for another width, NaN, or a brain without senses.
        """
        if not self.senses:
            raise InputError("this brain has no senses; make it with senses=... to perceive")
        seen = as_tensor(views, "views").to(self.rows)
        require_width(seen, 2 * self.senses, "views")
        return self.decode(self.sensory(seen))

    def recall_episode(self, index: object) -> Decoded:
        """Return the triples of episodes, by their index alone.

        Raises:
            InputError: for an episode that does not exist.
        """
        return self.decode(self.remembered(index))

    def imagine(self, count: int, *, generator: Generator = None) -> Decoded:
        """Return triples drawn from what is usual: nothing drives the representation layer."""
        drive = self.rows.new_zeros(3, require_count(count, "count"), self.width)
        return self.decode(drive, generator=draw_seed(generator))

    def erase(self, index: int) -> "TensorBrain":
        """Forget one episode, in place: its row becomes zeros, and no other number changes.

        Perception and semantic memory never read that row, so they stay as they were bit for bit.

        Raises:
            InputError: for an episode that does not exist.
        """
        with torch.no_grad():
            self.rows[self._episode(index)] = 0.0
        return self

    def sensory(self, views: Float[Tensor, "... s"]) -> Float[Tensor, "3 ... d"]:
        """Return how views drive the three steps: the subject's, the object's, both."""
        first, second = views.split(self.senses, -1)
        return torch.stack([first @ self.sense_one, second @ self.sense_one, views @ self.sense_both])

    def remembered(self, index: object) -> Float[Tensor, "3 ... d"]:
        """Return how episodes drive the three steps: with their row each time."""
        row = self.rows[self._episode(index)]
        return row.expand(3, *row.shape)

    def decode(
        self,
        drive: Float[Tensor, "3 ... d"],
        *,
        allowed: Bool[Tensor, "e e r"] | None = None,
        generator: Generator = None,
    ) -> Decoded:
        """Return triples decoded step by step under a drive.

        Args:
            drive: for subject, object and predicate.
            allowed: which (subject, object, predicate) may come out; None for all.
            generator: draw from the index layer with this seed; None takes the likeliest.
        """
        with torch.no_grad():
            q, chosen, shares = drive[0], [], []
            for step, role in enumerate(ROLES):
                chance = allowed_softmax(self._scores(q, role), _open(allowed, chosen))
                index = (
                    chance.argmax(-1)
                    if generator is None
                    else _drawn(chance, derived(draw_seed(generator), step))
                )
                chosen.append(index)
                shares.append(chance.gather(-1, index[..., None])[..., 0])
                if step < 2:
                    q = self._spoken(q, index, drive[step + 1])
        return Decoded(torch.stack(chosen, -1), torch.stack(shares, -1))

    def logits(
        self, drive: Float[Tensor, "3 ... d"], triples: Int[Tensor, "... 3"]
    ) -> tuple[Float[Tensor, "... e"], Float[Tensor, "... e"], Float[Tensor, "... r"]]:
        """Return the scores of all subjects, of objects given the subject, of predicates given both."""
        q, found = drive[0], []
        for step, role in enumerate(ROLES):
            found.append(self._scores(q, role))
            if step < 2:
                q = self._spoken(q, triples[..., step], drive[step + 1])
        return found[0], found[1], found[2]

    def likelihood(
        self, drive: Float[Tensor, "3 ... d"], triples: Int[Tensor, "... 3"]
    ) -> Float[Tensor, "..."]:
        """Return the log chance of triples under a drive."""
        scores = self.logits(drive, triples)
        logs = [x.log_softmax(-1).gather(-1, triples[..., k, None])[..., 0] for k, x in enumerate(scores)]
        return torch.stack(logs).sum(0)

    def fit(
        self,
        triples: object,
        looks: object = None,
        *,
        noise: float = 0.5,
        steps: int = 1500,
        batch: int = 128,
        rate: float = 1e-2,
        generator: Generator = None,
        progress: ProgressOption = None,
    ) -> History:
        """Train all three memories on scenes, in place, and return the course of the loss.

        Args:
            triples: (episodes, 3) subject, object, predicate; row t is what happened in episode t.
            looks: (entities, senses) what an entity looks like; None leaves perception out.
            noise: standard deviation of what is added to a look.
            steps, batch, rate: of Adam.
            generator: seed.
            progress: a bar, a callable, or None.

        Raises:
            InputError: for numbers outside their range, other sizes, NaN.
        """
        scenes = self._triples(triples)
        seen = None if looks is None else self._looks(looks)

        def loss(module: nn.Module, chosen: Any, drawn: torch.Generator) -> Tensor:
            rows = torch.randint(len(scenes), (min(batch, len(scenes)),), generator=drawn)
            wanted = scenes[rows]
            drives = [self.remembered(rows), torch.zeros(3, len(rows), self.width)]
            if seen is not None:
                views = torch.cat([seen[wanted[:, 0]], seen[wanted[:, 1]]], -1)
                drives.append(self.sensory(views + noise * torch.randn(views.shape, generator=drawn)))
            return -torch.stack([self.likelihood(drive, wanted).mean() for drive in drives]).sum()

        optimizer = torch.optim.Adam(self.parameters(), lr=rate)
        fall = lambda step: 0.1 ** (step / steps)  # noqa: E731  the end is quiet
        return train(
            self,
            loss,
            lambda step: None,
            optimizer=optimizer,
            steps=steps,
            schedule=fall,
            generator=generator,
            progress=progress,
        )

    def as_memory(self) -> Continuous:
        """Return the index layer of the entities as the log-sum-exp memory that it is.

        Its cues are tanh q.
        """
        return Continuous(
            self.rows[: self.entities].detach(), beta=1.0, bias=self.prior[: self.entities].detach()
        )

    def _settings(self) -> dict[str, Any]:
        sizes = ("entities", "predicates", "episodes", "width", "senses")
        return {name: getattr(self, name) for name in sizes} | {"generator": self.seed}

    def _scores(self, q: Tensor, role: str) -> Tensor:
        first, last = (0, self.entities) if role != "predicate" else (self.entities, len(self.prior))
        return torch.tanh(q) @ self.rows[first:last].T + self.prior[first:last]

    def _spoken(self, q: Tensor, index: Tensor, drive: Tensor) -> Tensor:
        return torch.tanh(top_down(q, self.rows, index)) @ self.carry + drive

    def _episode(self, index: object) -> Tensor:
        number = torch.as_tensor(index)
        if number.is_floating_point() or bool(((number < 0) | (number >= self.episodes)).any()):
            raise InputError(
                f"there is no episode {index}; there are {self.episodes}, 0 to {self.episodes - 1}"
            )
        return number.to(self.rows.device, torch.int64) + len(self.prior)

    def _triples(self, triples: object) -> Int[Tensor, "t 3"]:
        given = as_tensor(triples, "triples").to(torch.int64)
        require_width(given, 3, "triples")
        if given.ndim != 2 or len(given) > self.episodes:
            raise InputError(
                f"{tuple(given.shape)} triples for {self.episodes} episodes; give (episodes, 3) at most"
            )
        sizes = torch.tensor([self.entities, self.entities, self.predicates])
        if bool(((given < 0) | (given >= sizes)).any()):
            raise InputError(
                f"a triple names what does not exist; there are {self.entities} entities and "
                f"{self.predicates} predicates, each counted from 0"
            )
        return given

    def _looks(self, looks: object) -> Float[Tensor, "e s"]:
        table = as_tensor(looks, "looks").to(self.rows)
        if not self.senses or table.shape != (self.entities, self.senses):
            raise InputError(
                f"looks have shape {tuple(table.shape)}; this brain takes {(self.entities, self.senses)}"
            )
        return table

    def extra_repr(self) -> str:
        counts = f"{self.entities} entities, {self.predicates} predicates, {self.episodes} episodes"
        return f"{counts}, {self.width} units"


def _open(allowed: Tensor | None, chosen: list[Tensor]) -> Tensor | None:
    """Return which indices the next step may choose, so that some whole triple stays allowed."""
    if allowed is None:
        return None
    if not chosen:
        return allowed.any(2).any(1)
    return allowed[chosen[0]].any(-1) if len(chosen) == 1 else allowed[chosen[0], chosen[1]]


def _drawn(chance: Tensor, generator: torch.Generator) -> Tensor:
    flat = chance.reshape(-1, chance.shape[-1]).double()
    return torch.multinomial(flat, 1, generator=generator)[:, 0].reshape(chance.shape[:-1])
