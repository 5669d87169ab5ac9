"""Other ways to make a network lose something, for comparison: each with its grid, none of them ours.

Every one takes a model, the rows to lose and the rows to keep, and returns an edited copy. Where a grid is
searched, the point of the largest (1 - forget accuracy) x retain accuracy on these rows is taken.
"""

import copy
import importlib
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from memscape.core.errors import DivergedError, InputError
from memscape.engrams.examples import Examples
from memscape.training import train

Baseline = Callable[[nn.Module, Examples, Examples, torch.Generator], nn.Module]

ASCENT = [(rate, steps) for rate in (0.003, 0.01, 0.03, 0.1, 0.3, 1.0) for steps in (5, 15, 40)]
"""SGD: learning rate x steps, 18 points."""

NEGATIVE = [(rate, weight) for rate in (1e-3, 3e-4) for weight in (0.1, 0.05)]
"""NegGrad+: learning rate x weight of the ascent, 60 Adam steps, 4 points."""

VECTORS = (0.25, 0.5, 1.0, 1.5, 2.0)
"""Task arithmetic: how much of the fine-tuned difference is taken away, 5 points."""

DAMPENING = [(alpha, scale) for alpha in (1.0, 2.0, 5.0, 10.0, 20.0) for scale in (1.0, 0.1)]
"""SSD: from which ratio of importances a weight is dampened x how far, 10 points."""

FISHER_ROWS = 256
"""Rows of each set from which importances are taken."""


def gradient_ascent(
    model: nn.Module, forget: Examples, retain: Examples, generator: torch.Generator
) -> nn.Module:
    """Return the best of 18 runs of SGD that climb the loss of the concept (Golatkar et al. 2020)."""
    return _best((_climbed(model, forget, rate, steps, generator) for rate, steps in ASCENT), forget, retain)


def negative_gradient(
    model: nn.Module, forget: Examples, retain: Examples, generator: torch.Generator
) -> nn.Module:
    """Return NegGrad+: down on the rest while up on the concept (Kurmanji et al. 2023), best of 4."""
    runs = (_pulled(model, forget, retain, rate, weight, generator) for rate, weight in NEGATIVE)
    return _best(runs, forget, retain)


def fine_tuning(
    model: nn.Module, forget: Examples, retain: Examples, generator: torch.Generator
) -> nn.Module:
    """Return the model after 200 Adam steps on the rest alone; what is not rehearsed may fade."""
    made = copy.deepcopy(model)
    _descend(made, lambda: _loss(made, _drawn(retain, 64, generator)), torch.optim.Adam, 1e-3, 200)
    return made


def task_arithmetic(
    model: nn.Module, forget: Examples, retain: Examples, generator: torch.Generator
) -> nn.Module:
    """Return the model minus what 60 steps on the concept add to it, best of 5 factors.

    Ilharco et al. (2023).
    """
    tuned = copy.deepcopy(model)
    _descend(tuned, lambda: _loss(tuned, _drawn(forget, 64, generator)), torch.optim.Adam, 1e-3, 60)
    return _best((_minus(model, tuned, factor) for factor in VECTORS), forget, retain)


def selective_dampening(
    model: nn.Module, forget: Examples, retain: Examples, generator: torch.Generator
) -> nn.Module:
    """Return the model with those weights made smaller that matter more for the concept than for all.

    SSD (Foster et al. 2024), best of 10 points.
    """
    own, all_rows = (_importance(model, rows, generator) for rows in (forget, forget.joined(retain)))
    return _best(
        (_dampened(model, own, all_rows, alpha, scale) for alpha, scale in DAMPENING), forget, retain
    )


def peer(**options: Any) -> Baseline:
    """Return the estimator of the package ai-engram, with options of its `compute_engram_weights`.

    Raises:
        ModuleNotFoundError: where it is not installed (`pip install '.[bench]'`).
    """

    def run(model: nn.Module, forget: Examples, retain: Examples, generator: torch.Generator) -> nn.Module:
        training = model.training
        editor = _editor()(model)
        target, total = (
            editor.collect_statistics([(batch.inputs,) for batch in rows.batches(128)])
            for rows in (forget, forget.joined(retain))
        )
        model.train(training)
        return editor.apply(editor.compute_engram_weights(target, total, **options))

    run.prepare = _editor  # ty: ignore[missing-attribute]
    return run


def _editor() -> Any:
    try:
        return importlib.import_module("engram").EngramEditor
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "ai-engram is not installed: pip install '.[bench]' in the checkout of memscape"
        ) from None


BASELINES: dict[str, Baseline] = {
    "gradient ascent": gradient_ascent,
    "NegGrad+": negative_gradient,
    "fine-tuning": fine_tuning,
    "task arithmetic": task_arithmetic,
    "SSD": selective_dampening,
    "ai-engram": peer(),
    "ai-engram ridge": peer(cut="ridge", ridge_delta=1e-3),
}
"""By the name that `audit(baselines=[...])` takes."""


def chosen(given: Any) -> dict[str, Baseline]:
    """Return baselines by name, from names, "all", or a mapping of one's own.

    Raises:
        InputError: for an unknown name.
    """
    if given == "all":
        return dict(BASELINES)
    if isinstance(given, dict):
        return given
    names = [given] if isinstance(given, str) else list(given)
    if unknown := [name for name in names if name not in BASELINES]:
        raise InputError(f"there is no baseline {unknown[0]!r}; there are {', '.join(BASELINES)}")
    return {name: BASELINES[name] for name in names}


def _best(models: Iterable[nn.Module], forget: Examples, retain: Examples) -> nn.Module:
    """Return the model that scores best; of equal ones the first."""
    best, top = None, -1.0
    for made in models:
        score = (1 - forget.answers(made).accuracy) * retain.answers(made).accuracy
        if best is None or score > top:
            best, top = made, score
    if best is None:
        raise InputError("a grid has no points")
    return best


def _climbed(
    model: nn.Module, forget: Examples, rate: float, steps: int, generator: torch.Generator
) -> nn.Module:
    made = copy.deepcopy(model)
    _descend(made, lambda: -_loss(made, _drawn(forget, 64, generator)), torch.optim.SGD, rate, steps)
    return made


def _pulled(
    model: nn.Module,
    forget: Examples,
    retain: Examples,
    rate: float,
    weight: float,
    generator: torch.Generator,
) -> nn.Module:
    made = copy.deepcopy(model)

    def loss() -> Tensor:
        up, down = _drawn(forget, 64, generator), _drawn(retain, 64, generator)
        return (1 - weight) * _loss(made, down) - weight * _loss(made, up)

    _descend(made, loss, torch.optim.Adam, rate, 60)
    return made


@torch.no_grad()
def _minus(model: nn.Module, tuned: nn.Module, factor: float) -> nn.Module:
    made = copy.deepcopy(model)
    for parameter, end in zip(made.parameters(), tuned.parameters(), strict=True):
        parameter -= factor * (end - parameter)
    return made


@torch.no_grad()
def _dampened(
    model: nn.Module, own: list[Tensor], everything: list[Tensor], alpha: float, scale: float
) -> nn.Module:
    made = copy.deepcopy(model)
    for parameter, target, total in zip(made.parameters(), own, everything, strict=True):
        chosen = target > alpha * total
        parameter[chosen] *= (scale * total[chosen] / target[chosen].clamp_min(1e-30)).clamp_max(1.0)
    return made


def _importance(model: nn.Module, rows: Examples, generator: torch.Generator) -> list[Tensor]:
    """Return the mean squared gradient of each weight over single rows, the diagonal of Fisher's matrix."""
    made = copy.deepcopy(model).eval()
    sums = [torch.zeros_like(p) for p in made.parameters()]
    picked = torch.randperm(len(rows), generator=generator)[:FISHER_ROWS]
    for one in rows.rows(picked).batches(1):
        made.zero_grad(set_to_none=True)
        _loss(made, one).backward()
        for total, parameter in zip(sums, made.parameters(), strict=True):
            if parameter.grad is not None:
                total += parameter.grad.square()
    return [total / len(picked) for total in sums]


def _descend(
    model: nn.Module, loss: Callable[[], Tensor], optimizer: Callable[..., Any], rate: float, steps: int
) -> None:
    model.eval()  # the same function is edited that is used: no dropout, no moving statistics
    try:
        history = train(
            model,
            lambda module, batch, generator: loss(),
            lambda step: None,
            optimizer=optimizer([p for p in model.parameters() if p.requires_grad], lr=rate),
            steps=steps,
            generator=0,  # rows are drawn from the caller's generator
            clip=10.0,  # an ascent has no floor
            progress=False,
        )
    except DivergedError:
        return  # the network before that step is scored like any other
    if not history.complete:
        raise KeyboardInterrupt  # half an edit is none, and the next point of a grid must not begin


def _drawn(rows: Examples, count: int, generator: torch.Generator) -> Examples:
    return rows.rows(torch.randint(len(rows), (min(count, len(rows)),), generator=generator))


def _loss(model: nn.Module, rows: Examples) -> Tensor:
    return nn.functional.cross_entropy(*rows.logits(model))
