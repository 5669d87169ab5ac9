"""Pavlovian conditioning: which stimulus comes to predict the outcome, and what must not.

Trials are pairs of a compound of stimuli and an outcome. Rescorla and Wagner (1972) change the associative
strength of the stimuli that are present by what the outcome was *not* predicted, which is the delta rule;
Hebb's rule adds the outcome whatever was predicted. Blocking tells them apart.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_count, require_fraction
from memscape.core.errors import InputError

Learner = Callable[[Tensor, Tensor], Callable[[Tensor], Tensor]]
"""Trials' stimuli (t, k) and outcomes (t, 1) to the reader of what is then predicted at stimuli (b, k)."""


@dataclass(frozen=True)
class Trials:
    """A protocol: what was shown in each trial.

    Attributes:
        stimuli: (t, k) 1 where a stimulus is present.
        outcomes: (t, 1) the outcome.
        phases: name of a phase and its number of trials, in order.
    """

    stimuli: Float[Tensor, "t k"]
    outcomes: Float[Tensor, "t 1"]
    phases: tuple[tuple[str, int], ...]

    def __len__(self) -> int:
        return len(self.stimuli)


@dataclass(frozen=True)
class Conditioning:
    """What a learner's stimuli predict after each trial of a protocol.

    Attributes:
        strength: (t + 1, k) what each stimulus alone predicts, before the first and after each trial.
        trials: the protocol.
    """

    strength: Float[Tensor, "t k"]
    trials: Trials

    def after(self, phase: str) -> Float[Tensor, " k"]:
        """Return the strengths at the end of a phase.

        Raises:
            InputError: for a phase that the protocol does not have.
        """
        done = 0
        for name, count in self.trials.phases:
            done += count
            if name == phase:
                return self.strength[done]
        names = ", ".join(repr(name) for name, _ in self.trials.phases)
        raise InputError(f"there is no phase {phase!r}; there are {names}")

    def table(self) -> str:
        """Return one line per phase: the strength of each stimulus at its end."""
        width = max(len(name) for name, _ in self.trials.phases)
        return "\n".join(
            f"{name:<{width}}" + "".join(f"{v:>8.3f}" for v in self.after(name).tolist())
            for name, _ in self.trials.phases
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the strengths at the end of each phase as plain Python values."""
        return {name: self.after(name).tolist() for name, _ in self.trials.phases}

    def __repr__(self) -> str:
        ends = (
            f"{name}: " + " ".join(f"{v:.3f}" for v in self.after(name)) for name, _ in self.trials.phases
        )
        return "strengths of the stimuli after " + "; ".join(ends)


def acquisition(trials: int = 20) -> Trials:
    """Return one stimulus with the outcome, again and again."""
    return protocol(("acquisition", trials, (0,), 1.0), stimuli=1)


def extinction(trials: int = 20) -> Trials:
    """Return one stimulus with the outcome, then as often without."""
    return protocol(("acquisition", trials, (0,), 1.0), ("extinction", trials, (0,), 0.0), stimuli=1)


def blocking(trials: int = 40) -> Trials:
    """Return A with the outcome, then A and B together with the same outcome (Kamin 1969).

    The outcome is predicted by A when B comes in, so for an error-driven rule B learns nothing.
    """
    return protocol(("A", trials, (0,), 1.0), ("AB", trials, (0, 1), 1.0), stimuli=2)


def protocol(*phases: tuple[str, int, tuple[int, ...], float], stimuli: int) -> Trials:
    """Return a protocol of phases, each (name, trials, stimuli that are present, outcome).

    Raises:
        InputError: for no phase, a count below 1, or a stimulus that there is not.

    >>> len(protocol(("A", 3, (0,), 1.0), ("B", 2, (1,), 0.0), stimuli=2))
    5
    """
    if not phases:
        raise InputError("a protocol needs at least one phase: (name, trials, stimuli, outcome)")
    shown, outcomes = [], []
    for name, count, present, outcome in phases:
        require_count(count, f"trials of {name!r}")
        if any(not 0 <= s < stimuli for s in present):
            raise InputError(f"phase {name!r} shows stimuli {present}; there are {stimuli}, from 0")
        row = torch.zeros(stimuli)
        row[list(present)] = 1.0
        shown.append(row.expand(count, -1))
        outcomes.append(torch.full((count, 1), float(outcome)))
    return Trials(torch.cat(shown), torch.cat(outcomes), tuple((name, count) for name, count, *_ in phases))


def condition(learner: Learner, trials: Trials) -> Conditioning:
    """Return what a learner's stimuli predict after each trial.

    Args:
        learner: trials so far to a reader; see `Learner`. It is called once for each number of trials.
        trials: the protocol.

    Cost: t calls of the learner.

    >>> condition(rescorla_wagner(rate=0.5), blocking(20)).after("AB").round(decimals=3)
    tensor([1., 0.])
    """
    alone = torch.eye(trials.stimuli.shape[1])
    strength = [torch.zeros(len(alone))]
    for done in range(1, len(trials) + 1):
        read = learner(trials.stimuli[:done], trials.outcomes[:done])
        strength.append(read(alone).reshape(len(alone), -1)[:, 0].float())
    return Conditioning(torch.stack(strength), trials)


def rescorla_wagner(rate: float = 0.2) -> Learner:
    """Return the learner of Rescorla and Wagner (1972): $\\Delta V = r\\,(outcome - \\sum V)$ where present.

    Args:
        rate: r, in (0, 2 / stimuli present); above it diverges.
    """
    require_fraction(rate, "rate", high=2.0)

    def learn(stimuli: Tensor, outcomes: Tensor) -> Callable[[Tensor], Tensor]:
        strength = torch.zeros(stimuli.shape[1], 1)
        for shown, outcome in zip(stimuli, outcomes, strict=True):
            strength = strength + rate * shown[:, None] * (outcome - shown @ strength)
        return lambda cues: cues @ strength

    return learn
