"""One pass over labelled data: the second moments of every layer's inputs, for all concepts at once."""

import copy
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from memscape.core.arrays import require_count
from memscape.core.errors import InputError, MemscapeError, SizeError
from memscape.core.modes import evaluating
from memscape.core.progress import Progress, ProgressOption
from memscape.core.room import available
from memscape.engrams.handlers import Handler
from memscape.engrams.inputs import InputMoments
from memscape.engrams.inspection import Modules, Site, bare, digest, find_sites, refuse
from memscape.engrams.labelling import (
    IGNORED,
    Labelling,
    Reader,
    call,
    default_inputs,
    label_rows,
    placed,
    tried,
)
from memscape.engrams.listening import Listener, shared_inputs
from memscape.engrams.originals import Pass, in_force, reading
from memscape.engrams.statistics import Statistics


class LoaderError(MemscapeError, RuntimeError):
    """A loader that failed on the way; `statistics` holds what was collected before, ready to be resumed."""

    def __init__(self, message: str, statistics: Statistics):
        super().__init__(message)
        self.statistics = statistics

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.statistics)  # pickle would give the message alone


def collect(
    model: nn.Module,
    loader: Iterable[Any],
    *,
    concept: Reader | str,
    inputs: Reader | None = None,
    mask: Reader | None = None,
    reference_mask: Reader | None = None,
    modules: Modules = None,
    norms: bool = False,
    unsupported: str = "raise",
    sketch: int | None = None,
    share: bool = True,
    batch_axis: int = 0,
    resume: Statistics | None = None,
    checkpoint: str | Path | None = None,
    progress: ProgressOption = None,
) -> Statistics:
    """Return the statistics of one forward pass over the data: everything that engrams of its concepts need.

    In every layer $\\Sigma_c = \\sum_{i \\in c} x_i x_i^T$ of its inputs, for each concept c, and of the rows
    of no concept. No gradient; layers that see one tensor (queries, keys and values) share it.

    Args:
        model: any module with linear layers, convolutions, embeddings or attention; it stays as it is.
        loader: batches, such as a DataLoader.
        concept: batch to labels, one per row (b,) or per token (b, t): whole numbers or names; negative or
            None is no concept. Or the key of a mapping.
        inputs: batch to what the model is called with (a tensor, a tuple, a mapping). None is `batch[0]`, the
            tensor, or the mapping without its label.
        mask: batch to bool (b,) or (b, t): the rows that make up the concept, such as the answer's tokens.
            All other rows stay in the reference. None is all rows.
        reference_mask: batch to bool: the rows that count at all; None is `attention_mask` of a mapping, or
            all. Padding must be in neither.
        modules: names, globs, classes or a predicate (name, module); None is all layers that can be read.
        norms: also the gains of normalisations, one number per channel.
        unsupported: "raise" or "skip" for layers that nothing can read; skipped ones are named in `skipped`.
        sketch: keep at most twice this many rows per concept and layer, by Frequent Directions; the total
            stays exact. For large layers and many concepts.
        share: let layers that see one tensor share its moments.
        batch_axis: 1 for a model whose tensors are (t, b, ...).
        resume: statistics of a pass over the same loader that was cut off; its batches are skipped, and it
            stays as it is.
        checkpoint: file to write the statistics to when the pass ends or is cut off.
        progress: a bar, a callable, or None for a bar in a terminal when it takes long.

    Raises:
        InputError: for no batch at all, labels or masks that do not fit, NaN in a layer (named, with the
            batch).
        UnsupportedError: for compiled, quantised, sharded, scripted or meta models, and layers without
            handler.
        SizeError: where the moments would not fit in memory, before the pass.
        LoaderError: where the loader fails; its `statistics` can be resumed.
        EditError: while another thread edits the model or collects from it.

    Ctrl-C ends the pass after the batch; the statistics say `complete=False`. While it runs, no other thread
    may edit the model or collect from it. Under DistributedDataParallel
    the sums of all processes are added up at the end. O(n d^2 / 2) products per input beside the forward
    pass; 4 d^2 bytes per input and concept, less for concepts of few rows.

    >>> import torch
    >>> from memscape import engrams
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    >>> data = [(torch.randn(32, 8, generator=torch.Generator().manual_seed(0)), torch.arange(32) % 2)]
    >>> engrams.collect(model, data, concept=lambda batch: batch[1])
    Statistics(2 concepts, 32 rows in 1 batches, 2 matrices with 2 inputs, 0.0 MiB)
    """
    refuse(model)
    inner = bare(model)
    _require_kinds(concept, loader, resume)
    _require_place(checkpoint)
    if sketch is not None:
        require_count(sketch, "sketch")
    if batch_axis not in (0, 1):
        raise InputError(f"batch_axis is {batch_axis}; it must be 0 or 1")
    found, skipped = find_sites(inner, modules, norms=norms, unsupported=unsupported)
    reader = BatchReader(concept, inputs, mask, reference_mask, _device(inner), batch_axis)
    with reading(inner), torch.inference_mode(False):  # sums go on changing after the caller's block
        if any(not isinstance(work, Pass) for work in in_force(inner)):
            raise InputError(
                "an edit is in force on this model; collect before it, revert or commit it first, or collect "
                "from copy.deepcopy(model)"
            )
        batches = iter(loader)
        first = next(batches, None)
        if first is None:
            raise InputError("the loader gave no batch: it is empty, or a generator that was used up before")
        with _listening(inner):
            found, fresh = _start(inner, found, reader, first, share, batch_axis, sketch)
        statistics = fresh if resume is None else _resumed(resume, fresh)
        statistics.skipped = {**skipped, **fresh.skipped}
        statistics.settings = {"sketch": sketch, "share": share, "norms": norms, "units": "sum"}
        for name in statistics.counts:
            reader.index.setdefault(name, len(reader.index))
        try:
            _pass(inner, found, statistics, reader, _chain(first, batches), loader, batch_axis, progress)
        finally:
            if checkpoint is not None:
                statistics.save(checkpoint)
    if isinstance(model, nn.parallel.DistributedDataParallel):
        from memscape.engrams.gathering import gathered

        return gathered(statistics)
    return statistics


class BatchReader:
    """Turns a batch into labels and model inputs; keeps the numbers of the concepts."""

    def __init__(
        self,
        concept: Reader | str,
        inputs: Reader | None,
        mask: Reader | None,
        reference_mask: Reader | None,
        device: torch.device,
        batch_axis: int,
    ):
        self._readers, self._inputs = (concept, mask, reference_mask), inputs
        self._device, self._batch_axis = device, batch_axis
        self.index: dict[Any, int] = {}

    def labels(self, batch: Any) -> Labelling:
        """Return the codes of a batch."""
        return label_rows(batch, *self._readers, self.index)

    def inputs(self, batch: Any) -> Any:
        """Return what the model is called with, on its device."""
        given = default_inputs(batch) if self._inputs is None else self._inputs(batch)
        key = self._readers[0]
        if self._inputs is None and isinstance(given, dict) and isinstance(key, str):
            given = {name: value for name, value in given.items() if name != key}
        return placed(given, self._device)

    def matched(self, batch: Any, codes: Tensor) -> Any:
        """Return what the model is called with; `batch[0]` must have as many rows as there are labels.

        Fewer labels would be spread over the rows, as they are where a layer sees each sample as several.

        Raises:
            InputError: for another number.
        """
        given = self.inputs(batch)
        if self._inputs is None and isinstance(given, Tensor) and given.ndim > self._batch_axis:
            rows = given.shape[self._batch_axis]
            if rows not in (len(codes), codes.numel()):
                raise InputError(
                    f"a batch has {len(codes)} labels for {rows} rows, {tuple(given.shape)}; give as many "
                    f"labels as rows, or say with inputs=... or batch_axis=1 what the model is called with"
                )
        return given


def _require_kinds(concept: Any, loader: Any, resume: Any) -> None:
    """Refuse what is no reader, no loader and no statistics, before it is called as such."""
    if not isinstance(concept, str) and not callable(concept):
        raise InputError(
            f"concept is a {type(concept).__name__}; give a function from a batch to its labels, such as "
            f"lambda batch: batch[1], or the name of the labels in a mapping"
        )
    if not hasattr(loader, "__iter__") and not hasattr(loader, "__getitem__"):
        raise InputError(
            f"the loader is a {type(loader).__name__}; give batches: a DataLoader, a list such as [(x, y)], "
            f"or what a generator function returns when it is called"
        )
    if resume is not None and not isinstance(resume, Statistics):
        raise InputError(
            f"resume is a {type(resume).__name__}; give statistics, of a file Statistics.load(path)"
        )


def _require_place(checkpoint: str | Path | None) -> None:
    """Refuse a file that cannot be written when the pass ends."""
    if checkpoint is None:
        return
    if Path(checkpoint).is_dir():
        raise InputError(f"checkpoint is the folder {str(checkpoint)!r}; give the name of a file in it")
    if not Path(checkpoint).absolute().parent.is_dir():
        raise InputError(f"there is no folder for the checkpoint {str(checkpoint)!r}; make it first")


def _device(model: nn.Module) -> torch.device:
    return next((p.device for p in model.parameters()), torch.device("cpu"))


@contextmanager
def _listening(model: nn.Module) -> Generator[None]:
    """Run a model in evaluation mode without gradients, and leave it in the mode it was in."""
    with evaluating(model), torch.no_grad():  # inference_mode has no version counters, which tell inputs
        yield


def _start(
    model: nn.Module,
    found: list[tuple[Site, Handler]],
    reader: BatchReader,
    batch: Any,
    share: bool,
    batch_axis: int,
    sketch: int | None,
) -> tuple[list[tuple[Site, Handler]], Statistics]:
    """Return the sites that the first batch reaches, and empty statistics that fit in memory."""
    seen = reader.labels(batch)

    def run() -> None:
        tried(model, reader.matched(batch, seen.codes), "the first batch")

    found, unreached = shared_inputs(model, found, run, share, len(seen.codes))
    if not found:
        raise InputError(f"the model ran, but none of its layers was reached: {', '.join(unreached)}")
    sites = {site.name: site for site, _ in found}
    moments = {s.name: InputMoments.of(s.part, sketch) for s in sites.values() if s.source == s.name}
    names = {n for site in sites.values() for n in (site.weight, site.bias) if n is not None}
    digests = {name: digest(model.get_parameter(name)) for name in sorted(names)}
    statistics = Statistics(sites, moments, digests, {}, model)
    statistics.skipped = unreached
    require_room(statistics, max(1, len(reader.index)))
    return found, statistics


def require_room(statistics: Statistics, concepts: int) -> None:
    """Raise `SizeError` where the moments of so many concepts would not fit in the memory that is free."""
    need = sum(moments.largest(concepts) for moments in statistics.inputs.values()) - statistics.nbytes
    free = available()
    if free is not None and need > free:
        widest = max(statistics.inputs, key=lambda name: statistics.inputs[name].width)
        raise SizeError(
            f"the moments of {concepts} concepts in {len(statistics.inputs)} inputs need up to "
            f"{need / 2**30:.1f} GiB and {free / 2**30:.1f} GiB are free; choose layers with modules=... "
            f"(the widest input is {widest!r}, {statistics.inputs[widest].width}), or sketch=64, or fewer "
            f"concepts"
        )


def _resumed(resume: Statistics, fresh: Statistics) -> Statistics:
    if resume.digests != fresh.digests:
        raise InputError("the model has changed since the pass that is resumed; collect anew")
    empty = Statistics(fresh.sites, fresh.inputs, fresh.digests, {}, fresh.model)
    made = resume.merge(empty)
    made.inputs = copy.deepcopy(made.inputs)  # the pass adds to them, and `resume` stays as it is
    made.complete = True
    return made


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _pass(
    model: nn.Module,
    found: list[tuple[Site, Handler]],
    statistics: Statistics,
    reader: BatchReader,
    batches: Iterator[Any],
    loader: Any,
    batch_axis: int,
    progress: ProgressOption,
) -> None:
    total, done, ended = _length(loader), 0, object()
    listener = Listener(found, statistics, batch_axis)
    with Progress(progress, total, "reading layers") as bar, _listening(model), listener.attached(model):
        while True:
            try:
                batch = next(batches, ended)
            except Exception as error:
                statistics.complete = False
                raise LoaderError(
                    f"the loader failed after {statistics.batches} batches ({type(error).__name__}: "
                    f"{error}); what was collected is in this error's `statistics`, go on with collect(..., "
                    f"resume=error.statistics)",
                    statistics,
                ) from error
            if batch is ended:
                return
            done += 1
            if done > statistics.batches:
                _read(model, statistics, reader, listener, batch, done)
            if not bar.update():
                statistics.complete = False
                return


def _read(
    model: nn.Module, statistics: Statistics, reader: BatchReader, listener: Listener, batch: Any, number: int
) -> None:
    known = len(reader.index)
    labels = reader.labels(batch)
    if len(reader.index) > known:
        require_room(statistics, len(reader.index))
    listener.begin(labels, number)
    call(model, reader.matched(batch, labels.codes))
    listener.end()
    names = list(reader.index)
    rows = labels.codes if labels.codes.ndim == 1 else labels.codes.max(1).values
    present, counts = torch.unique(rows, return_counts=True)
    for code, count in zip(present.tolist(), counts.tolist(), strict=True):
        if code > IGNORED and code >= 0:
            statistics.counts[names[code]] = statistics.counts.get(names[code], 0) + count
    statistics.batches = number


def _length(loader: Any) -> int:
    try:
        return len(loader)
    except TypeError:
        return 0
