"""What tells whether a network still holds something: membership, probes, rounding, relearning."""

import copy
import math
from contextlib import suppress

import torch
from jaxtyping import Float
from torch import Tensor, nn

from memscape.core.errors import DivergedError
from memscape.core.modes import evaluating
from memscape.engrams.examples import Examples
from memscape.engrams.handlers import FULL, handler_of
from memscape.training import train

RIDGE = 1e-2
"""Of the linear probe, relative to the mean variance of its features."""

FORGOTTEN, REST = 8, 56
"""Rows of a relearning batch: of the concept, and of the rest."""


def auc(higher: Float[Tensor, " a"], lower: Float[Tensor, " b"]) -> float:
    """Return the chance that a value of the first set exceeds one of the second, ties half. O(k log k).

    >>> auc(torch.tensor([2.0, 3.0]), torch.tensor([1.0, 2.0]))
    0.875
    """
    order = lower.double().sort().values
    below = torch.searchsorted(order, higher.double())
    upto = torch.searchsorted(order, higher.double(), right=True)
    return float((below + upto).double().mean() / 2 / len(lower)) if len(higher) and len(lower) else math.nan


def membership(model: nn.Module, learned: Examples, unseen: Examples | None) -> float:
    """Return the AUC by which losses tell rows that were learned from rows of the same kind that were not.

    .5: they cannot be told apart (Yeom et al. 2018). NaN without unseen rows.
    """
    if unseen is None:
        return math.nan
    return auc(-learned.answers(model).losses, -unseen.answers(model).losses)


@torch.no_grad()
def features(model: nn.Module, rows: Examples, layer: str) -> Float[Tensor, "p d"]:
    """Return what a layer sees of each row, at the labelled positions, or its mean over places."""
    module = model.get_submodule(layer)
    handler = handler_of(module)
    part = next(part for part in handler.parts(module) if part.kind == FULL) if handler else None
    found: list[Tensor] = []

    def see(module: nn.Module, args: tuple, kwargs: dict) -> None:
        if handler is not None and part is not None:
            place = handler.parts(module).index(part)
            x = handler.rows(module, part, handler.inputs(module, args, kwargs)[place])
            found.append(x.detach().flatten(-2).float().cpu())

    hook, made = module.register_forward_pre_hook(see, with_kwargs=True), []
    try:
        with evaluating(model):
            for batch in rows.batches():
                found.clear()
                batch.logits(model)
                made.append(_by_row(found[-1], batch.labels.cpu()))
    finally:
        hook.remove()
    return torch.cat(made)


def _by_row(x: Tensor, labels: Tensor) -> Tensor:
    if x.shape[: labels.ndim] == labels.shape:
        # (b, d) for labels (b,), (b, t, d) for labels (b, t); places between are averaged
        x = x[labels >= 0]
        return x.flatten(1, -2).mean(1) if x.ndim > 2 else x
    return x.flatten(0, -2)


def probe(model: nn.Module, forget: Examples, retain: Examples, layer: str) -> float:
    """Return the AUC of a linear probe that tells the concept's rows from others by what a layer sees.

    Ridge regression on the even rows of both sets, weighted alike, tested on the odd ones. O(p d^2).
    """
    target, other = features(model, forget, layer).double(), features(model, retain, layer).double()
    if min(len(target), len(other)) < 4:
        return math.nan
    x = torch.cat([target[::2], other[::2]])
    mean, spread = x.mean(0), x.std(0).clamp_min(1e-12)
    spread = torch.where(spread > 1e-6 * spread.max(), spread, torch.inf)  # a constant tells nothing
    x = (x - mean) / spread
    y = torch.cat([torch.ones(len(target[::2])), -torch.ones(len(other[::2]))]).double()
    weight = torch.cat([torch.full((len(t[::2]),), 1 / len(t[::2])) for t in (target, other)]).double()
    moment = x.T @ (weight[:, None] * x)
    moment += RIDGE * moment.diagonal().mean() * torch.eye(len(moment)).double()
    direction = torch.linalg.solve(moment, x.T @ (weight * y))
    score = [((t[1::2] - mean) / spread) @ direction for t in (target, other)]
    return auc(score[0].float(), score[1].float())


@torch.no_grad()
def rounded(model: nn.Module, bits: int = 8) -> nn.Module:
    """Return a copy whose matrices are rounded to so many bits, symmetric, one scale for each output row."""
    made, top = copy.deepcopy(model), 2 ** (bits - 1) - 1
    for parameter in made.parameters():
        if parameter.ndim >= 2:
            flat = parameter.flatten(1).float()
            scale = flat.abs().amax(1, keepdim=True).clamp_min(1e-30) / top
            parameter.copy_(((flat / scale).round() * scale).reshape(parameter.shape))
    return made


def relearning(
    model: nn.Module,
    forget: Examples,
    retain: Examples,
    *,
    steps: int,
    rate: float = 1e-3,
    goal: float = 0.9,
    generator: torch.Generator,
) -> list[float]:
    """Return the forget accuracy after 0, 1, 2, ... steps of Adam on 8 rows of the concept and 56 others.

    It ends at `goal`, after `steps` steps, at Ctrl-C, or before a loss that is no finite number. A copy is
    trained; the model stays as it is.
    """
    model = copy.deepcopy(model).eval()  # no dropout, no moving statistics: only the weights relearn
    free = [p for p in model.parameters() if p.requires_grad]
    free = free or [p.requires_grad_() for p in model.parameters()]  # of a frozen model all do
    curve = [forget.answers(model).accuracy]
    if curve[0] >= goal or not steps:
        return curve

    def drawn(step: int) -> Examples:
        parts = [
            rows.rows(torch.randint(len(rows), (count,), generator=generator))
            for rows, count in ((forget, FORGOTTEN), (retain, REST))
        ]
        return parts[0].joined(parts[1])

    def look(model: nn.Module) -> dict[str, float]:
        curve.append(forget.answers(model).accuracy)
        return {"forget": curve[-1]}

    with suppress(DivergedError), torch.enable_grad():
        train(
            model,
            lambda module, batch, _: nn.functional.cross_entropy(*batch.logits(module)),
            drawn,
            optimizer=torch.optim.Adam(free, lr=rate),
            steps=steps,
            generator=0,  # rows are drawn from the caller's generator
            watch=look,
            every=1,
            until=lambda loss, seen: seen["forget"] >= goal,
            progress=False,
        )
    return curve
