"""A global workspace: a controller opens gates, and chains of simple operations do what none was taught."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from memscape.cognition.keeping import System
from memscape.core.arrays import as_tensor, require_count, require_width
from memscape.core.cards import Card, register
from memscape.core.errors import FileFormatError, InputError
from memscape.core.progress import ProgressOption
from memscape.core.random import Generator, draw_seed, resolve
from memscape.mechanisms.broadcasting import broadcast, joined
from memscape.training import History, train

MODULES = ("input", "operation", "output")
"""The modules around the workspace, in the order of the gates."""

TINY = 1e-6


@dataclass(frozen=True)
class Chain:
    """What the workspace did in so many steps.

    Attributes:
        result: (b, width) what the output module collected.
        gates: (b, steps, 3) how open the way from input, operation and output was at each step.
    """

    result: Float[Tensor, "b width"]
    gates: Float[Tensor, "b steps 3"]

    @property
    def spoken(self) -> Int[Tensor, "b steps"]:
        """Which module was heard most at each step."""
        return self.gates.argmax(-1)

    def table(self, most: int = 8) -> str:
        """Return a line for each of the first chains: the module that spoke at each step, by its initial."""
        letters = [name[1] if name == "operation" else name[0] for name in MODULES]
        return "\n".join("".join(letters[m] for m in row) for row in self.spoken[:most].tolist())

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python values, ready for JSON."""
        return {"result": self.result.tolist(), "gates": self.gates.tolist(), "modules": list(MODULES)}

    def __repr__(self) -> str:
        b, steps, _ = self.gates.shape
        return f"Chain of {steps} steps for {b} inputs (i input, p operation, o output)\n{self.table()}"


@register
class GlobalWorkspace(System):
    """Chains one operation around a shared workspace as often as an instruction says.

    Three modules share the workspace w: input offers what is seen, operation offers what it makes of w,
    output collects. A controller, the only part that learns here, reads the instruction and its own last
    gates and opens gates $g_t$ in the simplex,

    $$w_{t+1} = g^{in}_t x + g^{op}_t f(w_t) + g^{out}_t w_t, \\qquad r \\leftarrow r + g^{out}_t w_t.$$

    Args:
        width: units of the workspace.
        instructions: width of an instruction.
        operation: f, (b, width) to (b, width); None shifts by one unit, which adds 1 to a one-hot number.
        hidden: units of the controller, an LSTM.
        steps: T.
        generator: seed of the initial weights.

    A chain costs O(b T (width + hidden (hidden + instructions))).

    Raises:
        InputError: for counts below 1.

    >>> import torch
    >>> workspace = GlobalWorkspace(width=19, instructions=10, generator=0)
    >>> sum(p.numel() for p in workspace.parameters())
    6115
    >>> workspace.chain(torch.eye(19)[:2], torch.eye(10)[:2]).gates.shape
    torch.Size([2, 12, 3])

    Chateau-Laurent and VanRullen 2025, arXiv 2503.01906; details of modules and gates are ours.
    """

    card = Card(
        name="GlobalWorkspace",
        paper="Chateau-Laurent and VanRullen 2025, arXiv 2503.01906",
        parts="broadcast of three modules x gates of an LSTM controller",
        space="real numbers",
        capacity="one content at a time; chains of up to `steps` operations",
        cost="O(b T (width + hidden (hidden + instructions)))",
        limits="instructions beyond those trained are not followed; one kind of operation per workspace",
        form="latent",
        span="working",
        equation=r"w \leftarrow g^{in} x + g^{op} f(w) + g^{out} w, \quad r \leftarrow r + g^{out} w",
    )

    def __init__(
        self,
        width: int,
        instructions: int,
        *,
        operation: Callable[[Tensor], Tensor] | None = None,
        hidden: int = 32,
        steps: int = 12,
        generator: Generator = None,
    ):
        super().__init__()
        self.width, self.steps = require_count(width, "width"), require_count(steps, "steps")
        self.instructions = require_count(instructions, "instructions")
        self.operation = operation or shifted
        self.seed = draw_seed(generator)
        inputs = self.instructions + len(MODULES)
        self.controller = nn.utils.skip_init(nn.LSTMCell, inputs, require_count(hidden, "hidden"))
        self.gate = nn.utils.skip_init(nn.Linear, hidden, len(MODULES))
        drawn = resolve(self.seed)
        for weights in self.parameters():
            nn.init.uniform_(weights, -(hidden**-0.5), hidden**-0.5, generator=drawn)

    def _settings(self) -> dict[str, Any]:
        sizes = {name: getattr(self, name) for name in ("width", "instructions", "steps")}
        own = None if self.operation is shifted else _called(self.operation)
        return sizes | {"hidden": self.controller.hidden_size, "operation": own, "generator": self.seed}

    @classmethod
    def _from_settings(cls, settings: dict[str, Any], **given: Any) -> "GlobalWorkspace":
        sizes = dict(settings)
        own = sizes.pop("operation")
        if own is not None and given.get("operation") is None:
            raise FileFormatError(
                f"the workspace was saved with an operation of your own, {own}, and a file holds no code; "
                "read it with GlobalWorkspace.load(path, operation=...)"
            )
        if own is None and given.get("operation") is not None:
            raise InputError("the workspace was saved with the shift as its operation; give none")
        return cls(**sizes, **given)

    def chain(self, seen: Float[Tensor, "b width"], instruction: Float[Tensor, "c k"]) -> Chain:
        """Return what comes of inputs under instructions. Differentiable in both and in the controller.

        Raises:
            InputError: for other widths, NaN, or unequal numbers of rows.
        """
        require_width(as_tensor(seen, "what is seen"), self.width, "what is seen")
        require_width(as_tensor(instruction, "the instruction"), self.instructions, "the instruction")
        if len(seen) != len(instruction):
            raise InputError(f"{len(seen)} inputs and {len(instruction)} instructions; give one for each")
        content, result = torch.zeros_like(seen), torch.zeros_like(seen)
        gates, state, course = seen.new_zeros(len(seen), len(MODULES)), None, []
        for _ in range(self.steps):
            state = self.controller(torch.cat([instruction, gates], -1), state)
            gates = self.gate(state[0]).softmax(-1)
            result = result + gates[:, 2:] * content
            content = broadcast(joined([seen, self.operation(content), content]), gates)
            course.append(gates)
        return Chain(result, torch.stack(course, 1))

    def forward(self, seen: Float[Tensor, "b width"], instruction: Float[Tensor, "b k"]) -> Tensor:
        """Return the log of what the output collected, as logits over the units of the workspace."""
        return (self.chain(seen, instruction).result.clamp_min(0) + TINY).log()

    def fit(
        self,
        seen: Float[Tensor, "b width"],
        instruction: Float[Tensor, "b k"],
        answers: Int[Tensor, " a"],
        *,
        readout: Callable[[Tensor], Tensor] | None = None,
        steps: int = 1500,
        enough: float = 2e-3,
        rate: float = 2e-2,
        fall: float = 1.0,
        progress: ProgressOption = None,
    ) -> History:
        """Train the controller on examples, in place, and return the last course of the loss.

        Args:
            seen, instruction: inputs and instructions.
            answers: the unit, or the class of the readout, that is right.
            readout: what the output collected, (b, width), to logits; None takes the log of each unit.
            steps: of Adam on all examples, at most.
            enough: the loss at which training ends; it is looked at every 50 steps.
            rate: of Adam.
            fall: share of the rate that is left at the last step; below 1 where `enough` cannot be reached,
                lest a large rate throws the controller out again.
            progress: a bar, a callable, or None.

        Raises:
            InputError: for other widths, NaN, unequal numbers of rows, or an answer that is no unit or class.
        """
        with torch.no_grad():
            empty = seen.new_zeros(1, self.width)
            classes = self.width if readout is None else readout(empty).shape[-1]
        if len(answers) != len(seen) or bool(((answers < 0) | (answers >= classes)).any()):
            raise InputError(
                f"{len(answers)} answers for {len(seen)} inputs; give one for each, 0 to {classes - 1}"
            )

        def loss(module: nn.Module, batch: Any, generator: torch.Generator) -> Tensor:
            if readout is None:
                logits = self(seen, instruction)
            else:
                logits = readout(self.chain(seen, instruction).result)
            return nn.functional.cross_entropy(logits, answers)

        optimizer = torch.optim.Adam([*self.controller.parameters(), *self.gate.parameters()], lr=rate)
        return train(
            self,
            loss,
            lambda step: None,
            optimizer=optimizer,
            steps=steps,
            generator=0,  # nothing is drawn
            schedule=lambda step: fall ** (step / steps),
            every=50,
            until=lambda last, found: last <= enough,
            progress=progress,
        )


def _called(operation: Callable[[Tensor], Tensor]) -> str:
    return getattr(operation, "__qualname__", type(operation).__qualname__)


def shifted(content: Float[Tensor, "b width"]) -> Float[Tensor, "b width"]:
    """Return contents moved on by one unit; what leaves at the end is lost.

    >>> shifted(torch.tensor([[1.0, 0.0, 0.0]]))
    tensor([[0., 1., 0.]])
    """
    return torch.cat([torch.zeros_like(content[:, :1]), content[:, :-1]], -1)


def sums(most: int = 9) -> tuple[Float[Tensor, "p w"], Float[Tensor, "p k"], Int[Tensor, " p"]]:
    """Return all pairs a, b of 0 to `most`: a one-hot over the sums, b one-hot as instruction, and a + b.

    >>> [x.shape[-1] for x in sums(9)]
    [19, 10, 100]
    """
    a, b = torch.cartesian_prod(torch.arange(most + 1), torch.arange(most + 1)).T
    return torch.eye(2 * most + 1)[a], torch.eye(most + 1)[b], a + b
