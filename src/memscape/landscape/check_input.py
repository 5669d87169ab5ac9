"""What `check` is given.

Vectors, cues and labels become directions, and what is odd about them becomes words.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from memscape.core.arrays import as_tensor
from memscape.core.errors import InputError
from memscape.core.random import derived

FEW = 30
"""Cues below which the intervals are wide."""

MADE, AT = 1000, 0.7
"""How many cues are made where none are given, and their cosine with the vector that they are made from."""

_COMMON = 0.5  # mean cosine of two vectors from which on they are said to share a direction


@dataclass(frozen=True)
class Input:
    """Directions (float32, length 1.

    A vector of zeros stays zero), labels, and what is to be said of them.
    """

    vectors: Tensor
    cues: Tensor
    labels: Tensor | None
    law: str
    notes: tuple[str, ...]


def read_input(vectors: object, cues: object, labels: object, seed: int) -> Input:
    """Return what was given as directions; cues are made from the vectors where there are none.

    Raises:
        InputError: for tables that are none, widths that differ, NaN, fewer than 2 cues, cues of length 0,
            labels without cues, or labels that name no row.
    """
    x = _table(vectors, "vectors")
    x, notes = _directions(x, "vectors")
    if cues is None:
        if labels is not None:
            raise InputError("labels were given without cues; give the cues (b, n) that they label, too")
        made = _made(x, seed)
        note = (
            f"no cues were given: {len(made)} were made from the vectors by random noise, at cosine {AT}."
            " Real cues err towards similar vectors more often; give your own"
        )
        return Input(x, made, None, f"made by noise at cosine {AT}", (*notes, note))
    q = _table(cues, "cues")
    if q.shape[1] != x.shape[1]:
        raise InputError(
            f"vectors have {x.shape[1]} units and cues {q.shape[1]}; both must come from the same embedding"
        )
    if len(q) < 2:
        raise InputError("there is 1 cue; at least 2 are needed, and 30 or more for intervals of any use")
    q, _ = _directions(q, "cues")
    if len(q) < FEW:
        notes.append(f"there are {len(q)} cues: with fewer than {FEW} the intervals are wide; ask more")
    return Input(x, q, _labels(labels, len(q), len(x)), "given cues", tuple(notes))


def _table(values: object, what: str) -> Tensor:
    table = as_tensor(values, what)
    if table.ndim != 2:
        raise InputError(f"{what} have shape {tuple(table.shape)}; give a table (rows, units)")
    return table.detach().cpu().to(torch.float32)


def _directions(table: Tensor, what: str) -> tuple[Tensor, list[str]]:
    largest = table.abs().amax(1, keepdim=True)
    scaled = table / torch.where(largest > 0, largest, 1)  # so that squares neither overflow nor vanish
    length = torch.linalg.vector_norm(scaled, dim=1, keepdim=True)
    empty = length[:, 0] == 0
    if what == "cues" and bool(empty.any()):
        raise InputError(
            f"{int(empty.sum())} cues hold only zeros (the first is row {int(empty.nonzero()[0, 0])});"
            " they have no direction to compare: leave them out"
        )
    x = scaled / torch.where(length > 0, length, 1)
    return x, _oddities(table, x, (length * largest)[:, 0], empty) if what == "vectors" else []


def _oddities(table: Tensor, x: Tensor, length: Tensor, empty: Tensor) -> list[str]:
    notes = []
    if bool(empty.any()):
        notes.append(f"{int(empty.sum())} vectors hold only zeros: they answer no cue; leave them out")
    constant = ~empty & (table.amax(1) == table.amin(1))
    if bool(constant.any()) and table.shape[1] > 1:
        notes.append(
            f"{int(constant.sum())} vectors are constant (all units equal, the first is row"
            f" {int(constant.nonzero()[0, 0])}): probably nothing was embedded there"
        )
    some = length[~empty]
    if len(some) and float(some.max()) > 1.01 * float(some.min()):
        notes.append(
            f"the vectors are not normalised: their lengths lie between {float(some.min()):.3g} and"
            f" {float(some.max()):.3g}. Only directions are compared here; where your system ranks by raw"
            " products, divide by the lengths before you store"
        )
    p = len(x)
    mean = float(x.double().mean(0).square().sum())
    mean = (mean * p - 1) / (p - 1) if p > 1 else 0.0
    if mean > _COMMON:
        notes.append(
            f"two vectors have a cosine of {mean:.2f} on average: they share a common direction, which tells"
            " nothing apart. Subtract the mean of the vectors from vectors and cues and check again"
        )
    return notes


def _made(x: Tensor, seed: int) -> Tensor:
    generator = derived(seed, 4)
    own = x[torch.randperm(len(x), generator=generator)[:MADE]]
    noise = torch.randn(own.shape, generator=generator)
    noise -= (noise * own).sum(1, keepdim=True) * own
    noise /= torch.linalg.vector_norm(noise, dim=1, keepdim=True).clamp(min=1e-12)
    return AT * own + (1 - AT**2) ** 0.5 * noise


def _labels(labels: object, cues: int, vectors: int) -> Tensor | None:
    if labels is None:
        return None
    given = as_tensor(list(labels) if isinstance(labels, range) else labels, "labels").detach().cpu()
    if given.shape != (cues,):
        raise InputError(
            f"labels have shape {tuple(given.shape)}; give one for each of the {cues} cues: ({cues},)"
        )
    whole = given.long()
    if bool((whole != given).any()):
        raise InputError(
            "labels must be whole numbers: the row of the right vector, or -1 where none is right"
        )
    if int(whole.min()) < -1 or int(whole.max()) >= vectors:
        raise InputError(
            f"labels lie between {int(whole.min())} and {int(whole.max())}; they must be rows 0 to"
            f" {vectors - 1} of the vectors, or -1 where none is right"
        )
    if int((whole >= 0).sum()) < 2:
        raise InputError(
            "fewer than 2 cues are labelled with a right vector; without them call check without labels"
        )
    return whole
