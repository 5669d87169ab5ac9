"""The whole landscape of a small memory: every minimum, every basin, every pass, without sampling."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, Int, Int8, UInt64
from torch import Tensor

from memscape.core.arrays import require_memory
from memscape.core.errors import CapabilityError, SizeError
from memscape.core.progress import Progress, ProgressOption
from memscape.kernels import census as search
from memscape.kernels.flooding import basins_of, passes_between
from memscape.kernels.packing import unpack
from memscape.kernels.plateaus import Plateaus
from memscape.kernels.tables import levels, quadratic_table
from memscape.landscape.kinds import kinds_of
from memscape.landscape.result import Landscape, escape_barriers, unmeasured
from memscape.landscape.subject import Subject, as_quadratic, discrete_subject
from memscape.mechanisms.energies import Energy, home

LARGEST = 24
"""Units of which the whole landscape is taken."""

DYNAMICS = "Asynchronous(order='steepest'), plateaus searched"

_ROWS = 1 << 14  # states whose energies are computed together
_BYTES = 32  # a state at most takes while a landscape is flooded


def exhaust(memory: Any, *, field: object = None, progress: ProgressOption = None) -> Landscape:
    """Return the exact landscape of a memory of at most 24 units: all minima, basins and passes.

    All 2^n states are looked at. Basins are those of steepest descent, which on a plateau searches for a way
    on; they sum to 1. The k minima are joined by k - 1 passes, the lowest there are: `.tree()` is the
    disconnectivity tree, `.barrier` the way out of each well. From 25 to 32 units the minima of quadratic
    energies are still all found (see `census`), without basins and passes.

    Args:
        memory: anything with an energy over +-1 units.
        field: (n,) an external field that drives the memory, in units of its field.
        progress: a bar, a callable, or None.

    Raises:
        SizeError: for more units, before any memory is taken; `survey` samples landscapes of any size.
        CapabilityError: for a memory without an energy, or whose states are no +-1 units.
        InputError: for an empty memory, or a field of another width.

    Costs about 4 n nanoseconds a state for quadratic energies of integer couplings (1 s at 24 units), a sort
    of all energies for others (5 s), and for memories that are not quadratic the 2^n energies, O(2^n p n);
    at most 32 bytes a state (512 MiB).

    >>> import memscape as ms
    >>> X = ms.patterns.independent(2, 12, generator=0)
    >>> land = ms.landscape.exhaust(ms.memories.Projection(X))
    >>> float(land.basin.sum()), len(land.passes) == len(land) - 1
    (1.0, True)
    >>> float(land.tree().barrier(0, 1)) == float(land.barrier[0])
    True

    Becker and Karplus 1997 (the tree).
    """
    subject = discrete_subject(memory, field)
    units = subject.energy.units
    quadratic = as_quadratic(subject.energy)
    if units > (search.LARGEST if quadratic is not None else LARGEST):
        raise SizeError(_too_many(units))
    if units > LARGEST:
        return census(memory, field=field, progress=progress)
    require_memory(_BYTES << units, f"all states of {units} units", "use memscape.landscape.survey")
    level = levels(_table(subject.energy, progress) if quadratic is None else quadratic_table(*quadratic))
    plateaus, label = basins_of(level)
    passes = passes_between(level, label, len(plateaus.minima))
    sizes = torch.from_numpy(np.bincount(label, minlength=len(plateaus.minima)))
    described = _described(subject, plateaus)
    basin = sizes[described.order].double() / len(level)
    place = described.order.argsort()  # where in the result a minimum of the kernels stands
    edges = place[torch.from_numpy(passes.ends)]
    saddles = _states(passes.saddles.astype(np.uint64), units)
    heights = subject.energies(saddles)
    return Landscape(
        **described.fields,
        basin=basin,
        basin_interval=basin[:, None].repeat(1, 2),
        edges=edges,
        passes=heights,
        saddles=saddles,
        barrier=escape_barriers(described.fields["energy"], edges, heights),
        unseen=0.0,
        dynamics=DYNAMICS,
        exact=True,
        settings=subject.settings("exhaustive: all states"),
        source=subject.energy,
    )


def census(memory: Any, *, field: object = None, progress: ProgressOption = None) -> Landscape:
    """Return all minima of a quadratic memory of at most 32 units, without their basins and passes.

    Args:
        memory: anything with a quadratic energy over +-1 units.
        field: (n,) an external field that drives the memory, in units of its field.
        progress: a bar, a callable, or None. After Ctrl-C the minima found so far are returned, marked.

    Raises:
        SizeError: for more units, before any memory is taken; `survey` samples landscapes of any size.
        CapabilityError: for a memory without a quadratic energy over +-1 units.
        InputError: for an empty memory, or a field of another width.

    Costs at most 2^n / 1e9 core-seconds, usually far less (32 units: below a second).

    >>> import memscape as ms
    >>> X = ms.patterns.independent(3, 30, generator=0)
    >>> land = ms.landscape.census(ms.memories.Projection(X))
    >>> sorted(land.match[land.kind == ms.Kind.STORED].tolist())
    [0, 1, 2]
    """
    subject = discrete_subject(memory, field)
    units = subject.energy.units
    if units > search.LARGEST:
        raise SizeError(_too_many(units))
    quadratic = as_quadratic(subject.energy)
    if quadratic is None:
        raise CapabilityError(
            f"a census needs a quadratic energy, not {type(subject.energy).__name__}; exhaust takes any "
            f"energy up to {LARGEST} units, survey any number of them"
        )
    parts = 1 << min(5, units - 1)
    with Progress(progress, parts, "searching minima") as bar:
        plateaus, complete = search.census(*quadratic, advance=bar.update)
    described = _described(subject, plateaus)
    fields = unmeasured(len(plateaus.minima), units) | described.fields
    return Landscape(
        **fields,
        unseen=0.0 if complete else float("nan"),
        dynamics=DYNAMICS,
        settings=subject.settings("census: all minima"),
        complete=complete,
        source=subject.energy,
    )


def _too_many(units: int) -> str:
    return (
        f"the memory has {units} units, so 2^{units} states; the whole landscape is taken up to {LARGEST} "
        f"units and the minima of quadratic energies up to {search.LARGEST}: use "
        "memscape.landscape.survey(memory), which samples"
    )


def _table(energy: Energy, progress: ProgressOption) -> Float64[np.ndarray, " s"]:
    """Return the energies of all states by packed key, computed _ROWS at a time."""
    units = energy.units
    result = np.empty(1 << units)
    rows = min(_ROWS, len(result))
    bits = torch.arange(units)
    with Progress(progress, len(result) // rows, "energies of all states") as bar:
        for first in range(0, len(result), rows):
            keys = torch.arange(first, first + rows)
            states = ((keys[:, None] >> bits & 1) * 2 - 1).to(home(energy), torch.float32)
            result[first : first + rows] = energy.energy(states).double().cpu().numpy()
            if not bar.update():
                raise KeyboardInterrupt  # half a table is worth nothing
    return result


def _states(keys: UInt64[np.ndarray, " k"], units: int) -> Int8[Tensor, "k n"]:
    return unpack(keys[:, None], units)


@dataclass(frozen=True)
class _Described:
    """Minima deepest first: minimum i of the result is minimum order[i] of the kernels."""

    order: Int[Tensor, " k"]
    fields: dict[str, Any]


def _described(subject: Subject, plateaus: Plateaus) -> _Described:
    states = _states(plateaus.minima, subject.energy.units)
    energy = subject.energies(states) if len(states) else torch.zeros(0, dtype=torch.float64)
    level = levels(energy.numpy()) if len(states) else np.zeros(0, np.int32)
    order = torch.from_numpy(np.lexsort((plateaus.minima, level)))
    members = _members(plateaus, subject.energy.units)
    kind, match = kinds_of(subject.patterns, subject.space, subject.threshold, states, members)
    sizes = torch.from_numpy(np.bincount(plateaus.owner, minlength=len(states)))
    fields = {
        "minima": states[order],
        "energy": energy[order],
        "kind": kind[order],
        "match": match[order],
        "plateau": sizes[order],
    }
    return _Described(order, fields)


def _members(plateaus: Plateaus, units: int) -> Iterator[tuple[Int8[Tensor, "_ n"], Int[Tensor, " _"]]]:
    """The states of all plateaus, piece by piece, with their owners."""
    for first in range(0, len(plateaus.states), _ROWS):
        part = slice(first, first + _ROWS)
        yield _states(plateaus.states[part], units), torch.from_numpy(plateaus.owner[part])
