"""A continuous thought machine: units with private histories, whose synchrony is what is thought."""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from memscape.cognition.keeping import System
from memscape.cognition.pondering import Pondering, halting_certainty, sureness, surest, two_ticks
from memscape.core.arrays import as_tensor, require_count, require_fraction
from memscape.core.cards import Card, register
from memscape.core.errors import InputError
from memscape.core.progress import ProgressOption
from memscape.core.random import Generator, derived, draw_seed
from memscape.mechanisms.leaking import shift
from memscape.mechanisms.synchrony import Synchrony, drawn_pairs, silent
from memscape.training import History, Minibatches, train


@dataclass(frozen=True)
class Anatomy:
    """The sizes of a continuous thought machine.

    Attributes:
        units: n.
        width, heads: of the attention to the tokens.
        history: m, ticks that a unit remembers.
        hidden: units of a unit's private network.
        pairs: k; k(k+1)/2 pairs are watched for asking and as many for answering.

    Raises:
        InputError: for counts below 1, or a width that the heads do not divide.
    """

    units: int = 64
    width: int = 32
    heads: int = 2
    history: int = 5
    hidden: int = 4
    pairs: int = 16

    def __post_init__(self) -> None:
        for size in fields(self):
            require_count(getattr(self, size.name), size.name)
        if self.width % self.heads:
            raise InputError(
                f"{self.heads} heads do not divide a width of {self.width}; choose a multiple of {self.heads}"
            )


USUAL = Anatomy()


@dataclass(frozen=True)
class Mind:
    """The state between two ticks: activity (b, n), what came in before (b, n, m), synchrony of two kinds."""

    active: Float[Tensor, "b n"]
    history: Float[Tensor, "b n m"]
    asking: Synchrony
    answering: Synchrony

    def of(self, rows: Tensor) -> "Mind":
        """Return the state of some rows of the batch."""
        return Mind(self.active[rows], self.history[rows], self.asking.of(rows), self.answering.of(rows))


@register
class ContinuousThought(System):
    """Looks at tokens for as many ticks as it needs and answers from the synchrony of its units.

    At each tick the synchrony of some pairs asks a question of the tokens (attention), the answer and the
    activity z pass one shared layer, every unit turns the last m values that reached it into its new activity
    by weights of its own, and the synchrony $\\alpha_{ij} / \\sqrt{\\beta_{ij}}$ of other pairs,
    $\\alpha \\leftarrow r \\alpha + z_i z_j$, $\\beta \\leftarrow r \\beta + 1$, is read linearly as logits.
    Certainty is 1 minus the entropy of the answer over its largest; thinking may end when it is high enough.

    Args:
        tokens: t, how many tokens an input has.
        inputs: width of a token.
        classes: c, possible answers.
        questions: q, answers for each input.
        anatomy: the sizes inside: n units, m ticks of history, k(k+1)/2 pairs.
        ticks: the most that are spent on an input.
        generator: seed of weights and pairs.

    A tick costs O(b (t width + n (width + n + m hidden) + k^2 (width + q c))).

    Raises:
        InputError: for counts below 1.

    >>> import torch
    >>> machine = ContinuousThought(tokens=4, inputs=2, classes=3, ticks=5, generator=0)
    >>> machine(torch.ones(2, 4, 2)).shape
    torch.Size([2, 5, 1, 3])
    >>> machine.think(torch.ones(2, 4, 2), enough=0.0).ticks
    tensor([1, 1])

    Darlow, Regan, Risi, Seely and Jones 2025, arXiv 2505.05522; one shared layer in place of their U-Net.
    """

    card = Card(
        name="ContinuousThought",
        paper="Darlow et al. 2025, arXiv 2505.05522",
        parts="attention x private histories x decayed outer-product store, read in pairs",
        space="real numbers",
        capacity="what the synchrony of k(k+1)/2 pairs can tell",
        cost="O(b (t width + n (width + n + m hidden) + k^2 (width + q c))) per tick",
        limits="learns slowly: digits take 1,000 steps, parity of 64 bits 200,000 in the paper",
        equation=r"\alpha_{ij} \leftarrow r \alpha_{ij} + z_i z_j, \quad y = W \alpha / \sqrt{\beta}",
        form="latent",
        span="working",
    )

    decay: Tensor
    pairs: Tensor

    def __init__(
        self,
        tokens: int,
        inputs: int,
        classes: int,
        *,
        questions: int = 1,
        ticks: int = 6,
        anatomy: Anatomy = USUAL,
        generator: Generator = None,
    ):
        super().__init__()
        self.tokens, self.inputs = require_count(tokens, "tokens"), require_count(inputs, "inputs")
        self.shape = require_count(questions, "questions"), require_count(classes, "classes")
        self.ticks, self.anatomy = require_count(ticks, "ticks"), anatomy
        units, width, hidden = anatomy.units, anatomy.width, anatomy.hidden
        self.seed = draw_seed(generator)
        self.register_buffer(
            "pairs",
            torch.stack([drawn_pairs(units, anatomy.pairs, derived(self.seed, kind)) for kind in (0, 1)]),
        )
        seen = self.pairs.shape[-1]
        linear = lambda a, b: nn.utils.skip_init(nn.Linear, a, b)  # noqa: E731
        self.look, self.both = (
            linear(inputs, width),
            linear(width, 2 * width),
        )  # tokens, their keys and values
        self.ask, self.heard = linear(seen, width), linear(width, width)
        self.synapses, self.answer = linear(width + units, 2 * units), linear(seen, questions * classes)
        blank = lambda *size: nn.Parameter(torch.empty(size))  # noqa: E731
        self.places = blank(tokens, width)
        self.inner, self.outer = blank(units, anatomy.history, 2 * hidden), blank(units, hidden, 2)
        self.inner_bias, self.outer_bias = blank(units, 2 * hidden), blank(units, 2)
        self.first, self.before = blank(units), blank(units, anatomy.history)
        self.settle, self.tidy = nn.LayerNorm(units), nn.LayerNorm(width)
        self._draw()
        self.decay = nn.Parameter(torch.zeros(2, seen))
        self.temperature = nn.Parameter(torch.zeros(()))  # as a logarithm

    def _draw(self) -> None:
        """Fill all weights evenly within one over the root of what reaches them."""
        generator, reach = derived(self.seed, 2), {"inner": 1, "outer": 1, "inner_bias": 1, "outer_bias": 1}
        for name, weights in self.named_parameters():
            if name.startswith(("settle", "tidy")):
                continue
            fan = weights.shape[reach.get(name, -1)]
            nn.init.uniform_(weights, -(fan**-0.5), fan**-0.5, generator=generator)

    def attended(self, seen: object) -> tuple[Tensor, Tensor]:
        """Return keys and values (b, heads, t, d) of tokens (b, t, inputs).

        Raises:
            InputError: for another number or width of tokens, NaN or infinite values.
        """
        x = as_tensor(seen, "the tokens").to(self.first.dtype)
        if x.ndim != 3 or x.shape[1:] != (self.tokens, self.inputs):
            raise InputError(
                f"the tokens have shape {tuple(x.shape)}; give (b, {self.tokens}, {self.inputs})"
            )
        keys, values = self.both(self.tidy(self.look(x) + self.places)).chunk(2, -1)
        split = lambda part: part.unflatten(-1, (self.anatomy.heads, -1)).transpose(1, 2)  # noqa: E731
        return split(keys), split(values)

    def start(self, batch: int) -> Mind:
        """Return the state before the first tick, the same for every row."""
        none = silent(batch, self.pairs.shape[-1], self.first)
        rows = lambda part: part.expand(batch, *part.shape)  # noqa: E731
        return Mind(rows(self.first), rows(self.before), none, none)

    def tick(self, mind: Mind, keys: Tensor, values: Tensor) -> tuple[Float[Tensor, "b q c"], Mind]:
        """Return the logits after one tick of thought, and the state that it leaves."""
        retention = torch.exp(-self.decay.clamp(0, 15)).unbind()
        asking = mind.asking.after(*self._ends(mind.active, 0), retention[0])
        query = self.ask(asking.read()).unflatten(-1, (self.anatomy.heads, 1, -1))
        heard = F.scaled_dot_product_attention(query, keys, values).flatten(1)
        arrived = self.settle(F.glu(self.synapses(torch.cat([self.heard(heard), mind.active], -1))))
        history = shift(mind.history, arrived)
        active = self._private(history)
        answering = mind.answering.after(*self._ends(active, 1), retention[1])
        return self.answer(answering.read()).unflatten(-1, self.shape), Mind(
            active, history, asking, answering
        )

    def _ends(self, active: Tensor, kind: int) -> tuple[Tensor, Tensor]:
        left, right = self.pairs[kind].unbind()
        return active[:, left], active[:, right]

    def _private(self, history: Float[Tensor, "b n m"]) -> Float[Tensor, "b n"]:
        """Each unit's own small network of its own past."""
        inner = F.glu(torch.einsum("bnm,nmh->bnh", history, self.inner) + self.inner_bias)
        outer = F.glu(torch.einsum("bnh,nho->bno", inner, self.outer) + self.outer_bias)
        return outer[..., 0] / self.temperature.exp()

    def forward(self, seen: object) -> Float[Tensor, "b ticks q c"]:
        """Return the logits at every tick. Differentiable in the weights."""
        keys, values = self.attended(seen)
        mind, course = self.start(len(keys)), []
        for _ in range(self.ticks):
            logits, mind = self.tick(mind, keys, values)
            course.append(logits)
        return torch.stack(course, 1)

    @torch.no_grad()
    def think(self, seen: object, *, enough: float | None = None) -> Pondering:
        """Return the answers, each of its surest tick; with `enough`, thinking ends when it is that sure.

        Inputs that have ended are computed no further, so what is saved is work.

        Args:
            seen: tokens (b, t, inputs).
            enough: certainty in [0, 1] that ends the thought about an input; None spends every tick.

        Raises:
            InputError: for a certainty outside [0, 1], and tokens as in `attended`.
        """
        limit = math.inf if enough is None else require_fraction(enough, "enough")
        keys, values = self.attended(seen)
        course = keys.new_full((len(keys), self.ticks, *self.shape), math.nan)
        rows, mind = torch.arange(len(keys), device=keys.device), self.start(len(keys))
        for number in range(self.ticks):
            logits, mind = self.tick(mind, keys, values)
            course[rows, number] = logits
            going = sureness(logits) < limit
            if not bool(going.any()):
                break
            if not bool(going.all()):
                rows, mind, keys, values = rows[going], mind.of(going), keys[going], values[going]
        return surest(course)

    def fit(
        self,
        seen: object,
        answers: Shaped[Tensor, "b ..."],
        *,
        steps: int = 1000,
        batch: int = 64,
        rate: float = 3e-3,
        generator: Generator = None,
        progress: ProgressOption = None,
    ) -> History:
        """Train on inputs and their answers (b,) or (b, q), in place, and return the course of the loss.

        The loss is the mean cross-entropy of two ticks of each input: that of least loss and the surest.

        Raises:
            InputError: for answers that are no classes, or not one row for each input.
        """
        x, wanted = as_tensor(seen, "the tokens").to(self.first.dtype), self._wanted(answers)
        if len(x) != len(wanted):
            raise InputError(f"{len(x)} inputs and {len(wanted)} answers; give one row of answers for each")
        seed = draw_seed(generator)
        order = Minibatches(torch.arange(len(x)), batch, derived(seed, 1))
        return train(
            self,
            lambda module, rows, drawn: two_ticks(self(x[rows]), wanted[rows]),
            order,
            optimizer=torch.optim.AdamW(self.parameters(), lr=rate, weight_decay=0.0),
            steps=steps,
            generator=seed,
            clip=0.9,
            progress=progress,
        )

    def _wanted(self, answers: Tensor) -> Int[Tensor, "b q"]:
        wanted = as_tensor(answers, "the answers").long().reshape(len(answers), -1)
        questions, classes = self.shape
        if wanted.shape[1] != questions or not bool(((wanted >= 0) & (wanted < classes)).all()):
            raise InputError(
                f"the answers have shape {tuple(answers.shape)} and lie in {int(wanted.min())} ... "
                f"{int(wanted.max())}; give {questions} for each input, of 0 ... {classes - 1}"
            )
        return wanted

    def enough(self, seen: object, answers: Shaped[Tensor, "b ..."], *, loss: float = 0.0) -> float:
        """Return the least certainty that, as `think(enough=)`, costs at most `loss` of the accuracy here.

        Args:
            seen, answers: inputs that were not trained on, or the threshold will be too bold.
            loss: share of right answers that may be lost.
        """
        require_fraction(loss, "loss")
        return halting_certainty(self.think(seen).logits, self._wanted(answers), loss)

    def _settings(self) -> dict[str, Any]:
        sizes = {name: getattr(self, name) for name in ("tokens", "inputs", "ticks")}
        sizes |= dict(zip(("questions", "classes"), self.shape, strict=True))
        return sizes | {"anatomy": asdict(self.anatomy), "generator": self.seed}

    @classmethod
    def _from_settings(cls, settings: dict[str, Any], **given: Any) -> "ContinuousThought":
        options = dict(settings)
        anatomy = Anatomy(**options.pop("anatomy"))
        return cls(**options, anatomy=anatomy, **given)

    def extra_repr(self) -> str:
        return f"{self.tokens} tokens of {self.inputs}, {self.ticks} ticks, {self.anatomy}"
