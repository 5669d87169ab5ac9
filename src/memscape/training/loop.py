"""The one training loop."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from memscape.core.arrays import require_count
from memscape.core.errors import DivergedError
from memscape.core.modes import evaluating
from memscape.core.progress import Progress, ProgressOption
from memscape.core.random import Generator, derived, draw_seed
from memscape.training import checkpoint as files
from memscape.training.history import History

Loss = Callable[[nn.Module, Any, torch.Generator], Tensor]
"""(module, batch, generator of this step) to a scalar."""


def train(
    module: nn.Module,
    loss: Loss,
    batches: Callable[[int], Any],
    *,
    optimizer: torch.optim.Optimizer,
    steps: int,
    generator: Generator = None,
    clip: float | None = None,
    schedule: Callable[[int], float] | None = None,
    watch: Callable[[nn.Module], dict[str, float]] | None = None,
    every: int = 100,
    until: Callable[[float, dict[str, float]], bool] | None = None,
    checkpoint: str | Path | None = None,
    resume: str | Path | None = None,
    progress: ProgressOption = None,
) -> History:
    """Return the history of a run that trains `module`, in place, until `steps` steps are made in all.

    The module stays in the mode, training or evaluation, in which it is given. Everything that chance decides
    in step t comes from (seed, t), and batches are asked for by t, so a run that was ended and resumed is bit
    for bit the run that was not.

    Args:
        module: what is trained; its buffers are part of a checkpoint.
        loss: (module, batch, generator) to a scalar that falls; the generator is the step's own.
        batches: the step's number to a batch, such as `Minibatches`.
        optimizer: holds the module's parameters.
        steps: the number of steps, those before a resumption counted in.
        generator: seed; a resumed run takes that of its checkpoint.
        clip: largest norm of the gradient; None leaves it.
        schedule: step to a factor of the learning rates; None is 1.
        watch: numbers to record every `every` steps and at the end.
        every: steps between looks and checkpoints.
        until: at these looks, from the last loss and what `watch` found to whether that is enough: the run
            ends there, and counts as complete.
        checkpoint: file that is written every `every` steps, at the end, and on Ctrl-C.
        resume: checkpoint to go on from.
        progress: a bar, a callable, or None for a bar in a terminal when it takes long.

    Raises:
        InputError: for counts below 1.
        DivergedError: for a loss that is no finite scalar, with the step.
        FileNotFoundError, FileFormatError: for a checkpoint that cannot be resumed.

    >>> import torch
    >>> model, data = torch.nn.Linear(1, 1, bias=False), torch.tensor([[1.0], [2.0]])
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> square = lambda module, batch, generator: (module(batch) - 3 * batch).square().mean()
    >>> history = train(model, square, lambda step: data, optimizer=optimizer, steps=200, generator=0)
    >>> history.steps, bool(history.losses[-1] < 1e-6)
    (200, True)
    """
    steps, every = require_count(steps, "steps"), require_count(every, "every")
    seed, losses, watched = draw_seed(generator), [], []
    if resume is not None:
        run = files.read(resume, module, optimizer)
        seed, losses, watched = run.seed, run.losses, run.watched
    rates = [group["lr"] for group in optimizer.param_groups]
    complete = True

    def enough() -> bool:
        return until is not None and until(losses[-1], watched[-1][1] if watched else {})

    def keep() -> None:
        _set_rates(optimizer, rates, 1.0)  # what is kept is the base rate, which a resumed run scales anew
        if checkpoint is not None:
            files.write(checkpoint, module, optimizer, files.Progressed(seed, losses, watched))

    with Progress(progress, max(0, steps - len(losses)), "training") as bar:
        ended = bool(losses) and len(losses) % every == 0 and enough()  # a resumed run that had ended
        for step in range(len(losses), len(losses) if ended else steps):
            if schedule is not None:
                _set_rates(optimizer, rates, schedule(step))
            losses.append(_step(module, loss, batches(step), optimizer, derived(seed, step), clip, step))
            last, looking = step + 1 == steps, step + 1 == steps or (step + 1) % every == 0
            if looking:
                if watch is not None:
                    watched.append((step + 1, _look(module, watch)))
                last = last or enough()
                keep()
            if not bar.update() and not last:
                complete = False
                keep()
            if last or not complete:
                break
    _set_rates(optimizer, rates, 1.0)
    return History(torch.tensor(losses, dtype=torch.float64), seed, complete, watched)


def _set_rates(optimizer: torch.optim.Optimizer, rates: list[float], factor: float) -> None:
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate * factor


def _step(
    module: nn.Module,
    loss: Loss,
    batch: Any,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    clip: float | None,
    step: int,
) -> float:
    optimizer.zero_grad(set_to_none=True)
    value = loss(module, batch, generator)
    number = float(value.detach()) if value.numel() == 1 else math.nan
    if not math.isfinite(number):
        raise DivergedError(
            f"the loss of step {step} is {number if value.numel() == 1 else tuple(value.shape)}, no finite "
            "number; lower the learning rate, clip the gradient (clip=1.0), or take NaN out of the inputs"
        )
    value.backward()
    if clip is not None:
        nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], clip)
    optimizer.step()
    return number


def _look(module: nn.Module, watch: Callable[[nn.Module], dict[str, float]]) -> dict[str, float]:
    with evaluating(module), torch.no_grad():
        return {name: float(value) for name, value in watch(module).items()}
