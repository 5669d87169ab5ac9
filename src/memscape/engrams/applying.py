"""Write engrams into a model, for a block of code or for good, and take them back bit for bit."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from memscape.core.errors import InputError, MemscapeWarning
from memscape.engrams.edits import Block, Edit, require_strength
from memscape.engrams.engram import Engram
from memscape.engrams.handlers import FULL
from memscape.engrams.inspection import (
    Site,
    UnsupportedError,
    bare,
    digest,
    editable,
    left_out,
    refuse,
    warn_tied,
)
from memscape.engrams.originals import begin, original, parameter, require_same, writing
from memscape.engrams.solving import CHUNK

Base = Callable[[str, Tensor], Tensor]
"""Name of a parameter and its present value to the value that the engram is added to."""

Alpha = Any
"""Strength: one number, or a mapping from layer to number; checked."""

SANE = (0.0, 2.0)
"""Strengths outside are not refused, but a warning says what they do."""


def erase_(
    model: nn.Module, engram: Engram, alpha: Alpha = 1.0, *, tied: str = "leave", check: bool = True
) -> Edit:
    """Return the edit that took the engram out of the model, in place: $W \\leftarrow W - \\alpha W^+$.

    See `Engram.erased` for the arguments and errors.
    """
    require_engram(engram)
    factors = {name: -strength for name, strength in _strengths(engram, alpha).items()}
    return _written(model, engram, factors, lambda name, now: now, tied, check)


def erased(
    model: nn.Module, engram: Engram, alpha: Alpha = 1.0, *, tied: str = "leave", check: bool = True
) -> Block:
    """Return a context in which the model runs without the concept; see `Engram.erased`."""
    require_engram(engram)
    return Block(lambda: erase_(model, engram, alpha, tied=tied, check=check))


def composed(
    model: nn.Module,
    engram: Engram,
    null: str | Mapping[str, Tensor] = "zero",
    *,
    tied: str = "leave",
    check: bool = True,
) -> Block:
    """Return a context in which the model holds the engram and nothing else: $W \\leftarrow W_0 + W^+$.

    Layers that the engram does not touch keep their weights; so do biases unless the engram absorbed them.

    Args:
        model: the model of the pass.
        engram: a sum of the concepts that are to be there.
        null: what the layers are before: "zero", "mean" (every entry the parameter's mean), or a state dict.
        tied, check: as in `Engram.erased`.

    Raises:
        InputError: for another null state, or one that lacks a parameter.
    """
    require_engram(engram)

    def begin_it() -> Edit:
        factors = dict.fromkeys(engram.sites, 1.0)
        return _written(model, engram, factors, _null(null), tied, check)

    return Block(begin_it)


def require_engram(engram: Any) -> None:
    """Raise `InputError` for what is no engram."""
    if not isinstance(engram, Engram):
        raise InputError(
            f"the engram is a {type(engram).__name__}; give the model first and then an engram, such as "
            f"statistics.engram(3) or sum([a, b])"
        )


def _null(null: str | Mapping[str, Tensor]) -> Base:
    if isinstance(null, Mapping):
        return lambda name, now: _from_state(null, name, now)
    if null == "zero":
        return lambda name, now: torch.zeros_like(now)
    if null == "mean":
        return lambda name, now: torch.full_like(now, float(now.double().mean()))
    raise InputError(f"null is {null!r}; it must be 'zero', 'mean' or a state dict")


def _from_state(state: Mapping[str, Tensor], name: str, now: Tensor) -> Tensor:
    held = state.get(name)
    if held is None or held.shape != now.shape:
        found = "nothing" if held is None else f"shape {tuple(held.shape)}"
        raise InputError(
            f"the null state holds {found} for {name!r}; a tensor of shape {tuple(now.shape)} is needed"
        )
    return held.detach().to(now)


def _written(
    model: nn.Module, engram: Engram, factors: dict[str, float], base: Base, tied: str, check: bool
) -> Edit:
    """Return the edit that made every parameter `base` plus factor times engram."""
    refuse(model)
    edit = Edit(bare(model))
    begin(edit.model, edit.kept)  # first of all: what is checked below must not change before it is replaced
    try:
        _write(edit, engram, factors, base, tied, check)
    except BaseException:
        edit._restore()
        raise
    return edit


def _write(edit: Edit, engram: Engram, factors: dict[str, float], base: Base, tied: str, check: bool) -> None:
    model = edit.model
    _require_writable(model, engram)
    _require_fits(model, engram)
    if check:
        require_same(model, engram.digests, _touched(engram))
    sites, skipped = editable(engram.sites.values(), tied), []
    if tied == "leave":
        skipped = left_out(engram.sites.values())
        warn_tied(skipped)
    if not sites:
        raise InputError(
            "every matrix of the engram is tied to another one; tied='edit' edits them on purpose"
        )
    sites = [site for site in sites if factors[site.name]]
    for site in sites:  # before the lock: an engram may be read from another model's weights, under its lock
        engram.delta(site.name)
    with writing(model):
        for site in sites:
            _write_site(edit, engram, site, factors[site.name], base)
        edit.written = {name: digest(parameter(model, name)) for name in edit.originals}
    strengths = {name: abs(factor) for name, factor in factors.items()}
    tied_left = [site.name for site in skipped]
    edit.report |= {"concepts": engram.concepts, "tied_left": tied_left, "strengths": strengths}


def _write_site(edit: Edit, engram: Engram, site: Site, factor: float, base: Base) -> None:
    part = site.part
    before = part.matrix(original(edit.model, site.weight))
    share = part.kind != FULL  # a share is a change of the weight it is a share of
    change = engram.delta(site.name).dense(before.double().cpu() if share else None)
    columns = before.shape[2]
    weight = _kept(edit, site.weight)
    now = part.matrix(base(site.weight, weight.detach()))
    _place(part.place, weight, now, change[:, :, :columns], factor)
    if site.bias is not None and change.shape[2] > columns:
        bias = _kept(edit, site.bias)
        now = part.offsets(base(site.bias, bias.detach()))
        _place(part.place_offsets, bias, now, change[:, :, columns], factor)


def _kept(edit: Edit, name: str) -> Tensor:
    """Return a parameter whose present value is kept."""
    held = parameter(edit.model, name)
    edit.originals.setdefault(name, held.detach().clone())
    return held


def _place(
    place: Callable[[Tensor, Tensor], None], held: Tensor, now: Tensor, change: Tensor, factor: float
) -> None:
    """Write now + factor change once, rounded from float64 to the parameter's own type, by rows."""
    made = torch.empty_like(now, dtype=held.dtype)
    step = max(1, CHUNK // (8 * max(1, now[:, :1].numel())))
    for start in range(0, now.shape[1], step):
        rows = slice(start, start + step)
        made[:, rows] = now[:, rows].double().add(change[:, rows].to(now.device), alpha=factor)
        if not bool(torch.isfinite(made[:, rows]).all()):  # half precision ends at 65,504
            raise InputError("the edited weights are not finite; take a smaller strength, or collect again")
    with torch.no_grad():
        place(held, made)


def _strengths(engram: Engram, alpha: Alpha) -> dict[str, float]:
    """Return the strength of every layer, checked; warn where one is beyond what makes sense."""
    if isinstance(alpha, Mapping):
        unknown = set(alpha) - set(engram.sites)
        if unknown:
            raise InputError(
                f"alpha names {', '.join(sorted(unknown))}; the engram has {', '.join(engram.sites)}"
            )
        given = {name: alpha.get(name, 0.0) for name in engram.sites}
    else:
        given = dict.fromkeys(engram.sites, alpha)
    for name, value in given.items():
        require_strength(value, f"alpha of {name!r}")
    odd = {value for value in given.values() if not SANE[0] <= value <= SANE[1]}
    if odd:
        named = ", ".join(f"{value:g}" for value in sorted(odd)[:3])
        warnings.warn(
            f"alpha is {named}; 1 takes the concept out, more than {SANE[1]:g} damages the rest, less than "
            f"0 strengthens the concept instead",
            MemscapeWarning,
            stacklevel=5,
        )
    return {name: float(value) for name, value in given.items()}


def _touched(engram: Engram) -> list[str]:
    names = [n for site in engram.sites.values() for n in (site.weight, site.bias) if n is not None]
    return list(dict.fromkeys(names))


def _require_writable(model: nn.Module, engram: Engram) -> None:
    """Refuse what torch would refuse in the middle of an edit."""
    if torch.is_inference_mode_enabled():
        return
    for name in _touched(engram):
        if parameter(model, name).is_inference():
            raise UnsupportedError(
                f"parameter {name!r} was made in torch.inference_mode() and can be written only there; edit "
                f"the model in such a block, or a copy made outside of one: copy.deepcopy(model)"
            )


def _require_fits(model: nn.Module, engram: Engram) -> None:
    for site in engram.sites.values():
        shape = site.part.matrix(parameter(model, site.weight)).shape
        wanted = (site.part.groups, site.part.width) if site.part.kind == FULL else None
        if wanted is not None and (shape[0], shape[2]) != wanted:
            raise InputError(
                f"{site.weight!r} is {tuple(shape)} as (groups, out, in) and the engram expects {wanted[0]} "
                f"groups of width {wanted[1]}; it is of another model"
            )
