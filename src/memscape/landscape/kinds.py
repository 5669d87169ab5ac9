"""What minima are, as seen from the stored patterns: stored, inverted, mixtures or spurious."""

from collections.abc import Iterable

import torch
from jaxtyping import Int, Int8, Num
from torch import Tensor

from memscape.core.recall import Kind
from memscape.core.spaces import Space
from memscape.mechanisms.reading import nearest

_ROWS = 1 << 14  # states that are read together

Members = Iterable[tuple[Int8[Tensor, "_ n"], Int[Tensor, " _"]]]


def kinds_of(
    patterns: Tensor | None,
    space: Space,
    threshold: float,
    minima: Num[Tensor, "k n"],
    members: Members = (),
) -> tuple[Int8[Tensor, " k"], Int[Tensor, " k"]]:
    """Return the kind of each minimum, and the pattern that it is (STORED) or is the negative of (INVERTED).

    A plateau that holds a stored pattern is STORED, whatever the state that stands for it; one that holds a
    negative is INVERTED. Without patterns all minima are SPURIOUS.

    Args:
        patterns: (p, n) or None.
        space: how states and patterns are compared.
        threshold: the overlap from which on a state counts as a pattern.
        minima: (k, n).
        members: further states of plateaus, piece by piece, with the minimum that each belongs to.

    Costs O(p n) a state.
    """
    count = len(minima)
    kind = torch.full((count,), int(Kind.SPURIOUS), dtype=torch.int8)
    match = torch.full((count,), -1, dtype=torch.int64)
    if patterns is None or not count:
        return kind, match
    held, dtype = patterns.cpu(), patterns.dtype if patterns.is_floating_point() else torch.float32
    for rows in torch.arange(count).split(_ROWS):
        seen = nearest(held, space, minima[rows].to(dtype), threshold)
        kind[rows] = seen.kind
        own = (seen.kind == Kind.STORED) | (seen.kind == Kind.INVERTED)
        match[rows] = torch.where(own, seen.index, -1)
    found: dict[int, list[tuple[Tensor, Tensor]]] = {-1: [], 1: []}
    for states, owner in members:
        for sign, hits in found.items():
            seen = nearest(held, space, (sign * states).to(dtype), threshold)
            hits.append((owner[seen.exact], seen.match[seen.exact]))
    for sign, name in ((-1, Kind.INVERTED), (1, Kind.STORED)):  # STORED is written last and so wins
        for owner, which in found[sign]:
            kind[owner], match[owner] = int(name), which
    return kind, match
