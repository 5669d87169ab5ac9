"""What all dynamics share: they take an energy and states, and return a course."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from memscape.core.progress import Progress
from memscape.mechanisms.energies import Energy, Wells


@dataclass(frozen=True)
class Look:
    """What one pass over the patterns saw of a state.

    Attributes:
        energy: (b,) float64.
        wells: best term, its pattern, its lead.
        nearest: (b,) the pattern of largest cosine.
        familiar: (b,) the best term at the cue, where the course began.
    """

    energy: Float[Tensor, " b"]
    wells: Wells
    nearest: Int[Tensor, " b"]
    familiar: Float[Tensor, " b"]


@dataclass(frozen=True)
class Course:
    """What a run of dynamics ended in; one row per cue.

    Attributes:
        states: (b, n) the final states.
        steps, flips: (b,) int64.
        status: (b,) int8 codes of `Status`.
        snapshots: (b, steps + 1, n) where asked for.
        kernel: which kernel ran, in words.
        complete: False where Ctrl-C ended the run.
        look: what the dynamics saw on their way, where they meet all patterns anyway (real-valued memories).
    """

    states: Float[Tensor, "b n"]
    steps: Int[Tensor, " b"]
    flips: Int[Tensor, " b"]
    status: Int[Tensor, " b"]
    snapshots: Tensor | None
    kernel: str
    complete: bool = True
    look: Look | None = None


class Dynamics(ABC):
    """How a state moves. Dynamics are frozen values; their repr is recorded with every result."""

    @abstractmethod
    def run(
        self,
        energy: Energy,
        states: Float[Tensor, "b n"],
        *,
        max_steps: int,
        seed: int,
        trace: bool,
        bar: Progress,
    ) -> Course:
        """Move `states` until they are at rest or `max_steps` are made."""


def filled(energy: Energy, cues: Tensor) -> Tensor:
    """Return cues with each unknown unit (0) set to the sign of its field from the given ones.

    A tie becomes +1.
    """
    unknown = cues == 0
    if not bool(unknown.any()):
        return cues
    rows = unknown.any(-1)
    field = energy.field(cues[rows])
    guess = torch.where(field < 0, -1.0, 1.0).to(cues.dtype)
    whole = cues.clone()
    whole[rows] = torch.where(unknown[rows], guess, cues[rows])
    return whole
