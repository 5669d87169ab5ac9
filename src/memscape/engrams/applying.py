"""Write engrams into a model, for a block of code or for good, and take them back bit for bit."""

import math
import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from memscape.core.errors import InputError, MemscapeError, MemscapeWarning
from memscape.engrams.engram import Engram
from memscape.engrams.handlers import FULL
from memscape.engrams.inspection import Site, bare, digest, editable, left_out, refuse, warn_tied
from memscape.engrams.originals import in_force, original, parameter, require_same

Base = Callable[[str, Tensor], Tensor]
"""Name of a parameter and its present value to the value that the engram is added to."""

Alpha = Any
"""Strength: one number, or a mapping from layer to number; checked."""

SANE = (0.0, 2.0)
"""Strengths outside are not refused, but a warning says what they do."""


class EditError(MemscapeError, RuntimeError):
    """An edit that cannot be taken back, because the weights are no longer what it wrote."""


@dataclass(eq=False)
class Edit:
    """An edit in force; `revert()` takes it back, `commit()` keeps it for good.

    Attributes:
        model: what was edited.
        originals: the replaced parameters, by name.
        written: fingerprints of what stands there now.
        report: per layer the strength, and the tied matrices that were left as they are.
    """

    model: nn.Module
    originals: dict[str, Tensor] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def active(self) -> bool:
        """Whether the edit can still be taken back."""
        return any(edit is self for edit in in_force(self.model))

    def revert(self, *, force: bool = False) -> None:
        """Put the replaced weights back, bit for bit.

        Args:
            force: also where the weights have changed since (training, another edit): what came after is
                lost.

        Raises:
            EditError: for an edit that was taken back or committed, or weights that have changed since.
        """
        if not self.active:
            raise EditError(
                "this edit is not in force any more: it was reverted, committed, or its block has ended"
            )
        later = self._later()
        if later and not force:
            raise EditError(
                "a later edit is in force on the same weights; revert that one first, or revert(force=True)"
            )
        if not force:
            for name, seal in self.written.items():
                if digest(parameter(self.model, name)) != seal:
                    raise EditError(
                        f"{name!r} has changed since the edit (training?); revert(force=True) puts the "
                        f"original back and loses that change"
                    )
        self._restore()

    def _later(self) -> list["Edit"]:
        edits = in_force(self.model)
        place = next(i for i, edit in enumerate(edits) if edit is self)
        return [edit for edit in edits[place + 1 :] if edit.originals.keys() & self.originals.keys()]

    def _restore(self) -> None:
        later = self._later() if self.active else []
        gone = []
        with torch.no_grad():
            for edit in (*reversed(later), self):  # what was built on this edit goes with it
                for name, tensor in edit.originals.items():
                    try:
                        parameter(self.model, name).copy_(tensor)
                    except (InputError, RuntimeError):  # taken away, or of another shape: the rest goes back
                        gone.append(name)
        for edit in later:
            in_force(self.model).remove(edit)
        if self.active:
            in_force(self.model).remove(self)
        if gone:
            raise EditError(
                f"{', '.join(gone)} could not be put back: the parameter was replaced or removed inside the "
                "edit; all other weights are what they were"
            )

    def commit(self) -> None:
        """Keep the edit for good and drop the originals; engrams of the old weights no longer fit the model.

        Raises:
            EditError: for an edit that is not in force, or while another one is in force on the same weights.
        """
        if not self.active:
            raise EditError(
                "this edit is not in force any more: it was reverted, committed, or its block has ended"
            )
        others = [
            e for e in in_force(self.model) if e is not self and e.originals.keys() & self.originals.keys()
        ]
        if others:
            raise EditError(
                "another edit is in force on the same weights; revert or commit the later one first"
            )
        in_force(self.model).remove(self)
        self.originals = {}

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        return {"active": self.active, "parameters": sorted(self.written)} | self.report

    def __repr__(self) -> str:
        state = "in force" if self.active else "taken back or committed"
        return f"Edit({self.report.get('concepts', '')}, {len(self.written)} parameters, {state})"


def erase_(
    model: nn.Module, engram: Engram, alpha: Alpha = 1.0, *, tied: str = "leave", check: bool = True
) -> Edit:
    """Return the edit that took the engram out of the model, in place: $W \\leftarrow W - \\alpha W^+$.

    See `Engram.erased` for the arguments and errors.
    """
    factors = {name: -strength for name, strength in _strengths(engram, alpha).items()}
    return _written(model, engram, factors, lambda name, now: now, tied, check)


@contextmanager
def erased(
    model: nn.Module, engram: Engram, alpha: Alpha = 1.0, *, tied: str = "leave", check: bool = True
) -> Generator[Edit]:
    """Return a context in which the model runs without the concept; see `Engram.erased`."""
    with _block(erase_(model, engram, alpha, tied=tied, check=check)) as edit:
        yield edit


@contextmanager
def composed(
    model: nn.Module,
    engram: Engram,
    null: str | Mapping[str, Tensor] = "zero",
    *,
    tied: str = "leave",
    check: bool = True,
) -> Generator[Edit]:
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
    factors = dict.fromkeys(engram.sites, 1.0)
    with _block(_written(model, engram, factors, _null(null), tied, check)) as edit:
        yield edit


@contextmanager
def _block(edit: Edit) -> Generator[Edit]:
    try:
        yield edit
    finally:
        if edit.active:
            edit._restore()


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
    model = bare(model)
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
    edit = Edit(model, report={"concepts": engram.concepts, "tied_left": [site.name for site in skipped]})
    in_force(model).append(edit)
    try:
        for site in sites:
            if factors[site.name]:
                _write_site(edit, engram, site, factors[site.name], base)
    except BaseException:
        edit._restore()
        raise
    edit.written = {name: digest(parameter(model, name)) for name in edit.originals}
    edit.report["strengths"] = {name: abs(factor) for name, factor in factors.items()}
    return edit


def _write_site(edit: Edit, engram: Engram, site: Site, factor: float, base: Base) -> None:
    part = site.part
    before = part.matrix(original(edit.model, site.weight))
    share = part.kind != FULL  # a share is a change of the weight it is a share of
    change = engram.delta(site.name).dense(before.double().cpu() if share else None)
    columns = before.shape[2]
    weight = _kept(edit, site.weight)
    now = part.matrix(base(site.weight, weight.detach())).double()
    _place(part.place, weight, now.add(change[:, :, :columns].to(now.device), alpha=factor))
    if site.bias is not None and change.shape[2] > columns:
        bias = _kept(edit, site.bias)
        now = part.offsets(base(site.bias, bias.detach())).double()
        _place(part.place_offsets, bias, now.add(change[:, :, columns].to(now.device), alpha=factor))


def _kept(edit: Edit, name: str) -> Tensor:
    """Return a parameter whose present value is kept."""
    held = parameter(edit.model, name)
    edit.originals.setdefault(name, held.detach().clone())
    return held


def _place(place: Callable[[Tensor, Tensor], None], held: Tensor, made: Tensor) -> None:
    """Write once, rounding from float64 to the parameter's own type."""
    if not bool(torch.isfinite(made.to(held.dtype)).all()):  # half precision ends at 65,504
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
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InputError(f"alpha of {name!r} is {value!r}; it must be a finite number")
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


def _require_fits(model: nn.Module, engram: Engram) -> None:
    for site in engram.sites.values():
        shape = site.part.matrix(parameter(model, site.weight)).shape
        wanted = (site.part.groups, site.part.width) if site.part.kind == FULL else None
        if wanted is not None and (shape[0], shape[2]) != wanted:
            raise InputError(
                f"{site.weight!r} is {tuple(shape)} as (groups, out, in) and the engram expects {wanted[0]} "
                f"groups of width {wanted[1]}; it is of another model"
            )
