"""Hooks that sum up what layers see while a model runs."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from memscape.core.errors import InputError
from memscape.engrams.handlers import FULL, GAIN, TOKENS, Handler, Part
from memscape.engrams.inspection import Site
from memscape.engrams.labelling import Labelling
from memscape.engrams.statistics import Statistics, renamed

Found = list[tuple[Site, Handler]]


def by_module(found: Found) -> dict[str, tuple[Handler, list[Site]]]:
    """Return the sites of each module, with the module's handler."""
    grouped: dict[str, tuple[Handler, list[Site]]] = {}
    for site, handler in found:
        grouped.setdefault(site.module, (handler, []))[1].append(site)
    return grouped


def shared_inputs(
    model: nn.Module, found: Found, run: Callable[[], Any], share: bool, samples: int
) -> tuple[Found, dict[str, str]]:
    """Return the sites that one run reaches, with the site whose input each shares, and why others are not.

    Two sites share an input where they are given the same tensor, unchanged, to be read in the same way.
    """
    calls: dict[str, list[tuple]] = {site.name: [] for site, _ in found}
    kept: list[Any] = []  # an id is reused after its tensor is gone
    skipped: dict[str, str] = {}

    def note(module: nn.Module, handler: Handler, sites: list[Site], args: tuple, kwargs: dict) -> None:
        for site, seen in zip(sites, _chosen(handler, module, sites, args, kwargs), strict=True):
            kept.append(seen)
            calls[site.name].append(_identity(site.part, seen))
            if site.part.kind == TOKENS and _positions(seen, samples):
                skipped[site.name] = "a table of positions: the same rows are read whatever the input"

    with hooked(model, found, note):
        run()
    first: dict[tuple, str] = {}
    made: Found = []
    for site, handler in found:
        if not calls[site.name]:
            skipped[site.name] = "the model ran without calling it"
        elif site.name not in skipped:
            source = first.setdefault(tuple(calls[site.name]), site.name) if share else site.name
            made.append((renamed(site, source), handler))
    return made, skipped


def _identity(part: Part, seen: Tensor) -> tuple:
    version = None if seen.is_inference() else seen._version  # a batch made in inference_mode has none
    return (id(seen), version, part.recipe, part.width, part.groups, part.kind)


def _positions(ids: Tensor, samples: int) -> bool:
    """Whether ids are the same stretch of counting numbers in every row: positions, not tokens."""
    if ids.ndim == 0 or ids.shape[-1] < 2:
        return ids.ndim > 0 and ids.shape[0] == 1 != samples
    row = ids.reshape(-1, ids.shape[-1])
    start = row[:, :1]
    counting = bool((row - start == torch.arange(row.shape[1], device=row.device)).all())
    return (
        counting and bool((start == start[0]).all()) and (ids.ndim == 1 or samples > 1 or ids.shape[0] == 1)
    )


def _chosen(
    handler: Handler, module: nn.Module, sites: list[Site], args: tuple, kwargs: dict
) -> list[Tensor]:
    """Return the input of each site, in the order of the sites."""
    by_name = {part.name: i for i, part in enumerate(handler.parts(module))}
    seen = handler.inputs(module, args, kwargs)
    return [seen[by_name[site.part.name]] for site in sites]


@contextmanager
def hooked(model: nn.Module, found: Found, note: Callable[..., None]) -> Generator[None]:
    """Call `note(module, handler, sites, args, kwargs)` before each call of a module, within a block."""
    handles = []
    try:
        for name, (handler, sites) in by_module(found).items():

            def hook(
                module: nn.Module, args: tuple, kwargs: dict, handler: Any = handler, sites: Any = sites
            ) -> None:
                note(module, handler, sites, args, kwargs)

            handles.append(model.get_submodule(name).register_forward_pre_hook(hook, with_kwargs=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


class Listener:
    """Sums the rows of one batch after the other into statistics."""

    def __init__(self, found: Found, statistics: Statistics, batch_axis: int):
        self._found, self._statistics, self._axis = found, statistics, batch_axis
        self._labels: Labelling | None = None
        self._batch = 0
        self._seen: dict[str, list[tuple]] = {}
        self._kept: list[Tensor] = []
        followed = {site.source for site, _ in found if site.source != site.name}
        self._together = {site.name for site, _ in found if site.source != site.name} | followed

    @contextmanager
    def attached(self, model: nn.Module) -> Generator[None]:
        """Listen for the length of a block."""
        with hooked(model, self._found, self._note):
            yield

    def begin(self, labels: Labelling, number: int) -> None:
        """Take the labels of the next batch."""
        self._labels, self._batch = labels, number
        self._seen.clear()
        self._kept.clear()

    def end(self) -> None:
        """Check that layers which share an input were given the same one in this batch too.

        Raises:
            InputError: where they were not.
        """
        for site, _ in self._found:
            if site.source != site.name and self._seen.get(site.name) != self._seen.get(site.source):
                raise InputError(
                    f"{site.name!r} and {site.source!r} saw one tensor in the first batch and different "
                    f"ones in batch {self._batch}; collect with share=False"
                )
        self._kept.clear()

    def _note(
        self, module: nn.Module, handler: Handler, sites: list[Site], args: tuple, kwargs: dict
    ) -> None:
        if self._labels is None:
            return
        for site, seen in zip(sites, _chosen(handler, module, sites, args, kwargs), strict=True):
            if site.name in self._together:
                self._seen.setdefault(site.name, []).append(_identity(site.part, seen))
                self._kept.append(seen)
            if site.source == site.name:
                self._sum(site, handler.rows(module, site.part, seen))

    def _sum(self, site: Site, rows: Tensor) -> None:
        kind = site.part.kind
        axes = rows.ndim - {FULL: 2, GAIN: 1, TOKENS: 0}[kind]
        lead = rows.shape[:axes]
        if kind != TOKENS and not bool(torch.isfinite(rows.sum())):
            self._refuse(site, rows)
        order, runs = self._split(site, lead, rows.device)
        flat = (
            rows.reshape(-1, site.part.groups, site.part.width)
            if kind == FULL
            else _flat(rows, kind, site.part.width)
        )
        if order is not None:
            flat = flat[order]
        names = self._labels.names if self._labels is not None else []
        moments = self._statistics.inputs[site.source]
        for code, start, stop in runs:
            moments.add(names[code] if code >= 0 else None, flat[start:stop].transpose(0, 1))

    def _split(self, site: Site, lead: torch.Size, device: torch.device) -> Any:
        if self._labels is None:
            raise InputError("no batch has begun")
        try:
            return self._labels.split(lead, 0 if site.part.turned else self._axis, device)
        except InputError as error:
            raise InputError(f"layer {site.name!r}: {error}") from None

    def _refuse(self, site: Site, rows: Tensor) -> None:
        bad = int((~torch.isfinite(rows)).sum())
        if bad:
            raise InputError(
                f"layer {site.name!r} saw {bad} NaN or infinite values of {rows.numel()} in batch "
                f"{self._batch}; find out where they come from, or leave the batch out"
            )


def _flat(rows: Tensor, kind: str, width: int) -> Tensor:
    """Return rows (n, 1, width) of gains, or ids (n, 1, 1)."""
    return rows.reshape(-1, 1, 1) if kind == TOKENS else rows.reshape(-1, 1, width)
