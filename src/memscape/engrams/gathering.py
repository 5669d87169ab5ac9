"""Statistics of several processes, added up: what DistributedDataParallel needs."""

import json

import torch
import torch.distributed as dist
from torch import Tensor

from memscape.engrams.handlers import FULL
from memscape.engrams.inputs import InputMoments, ordered
from memscape.engrams.labelling import Concept
from memscape.engrams.moments import Diagonal, Gram, Moment, Rows
from memscape.engrams.statistics import Statistics


def gathered(statistics: Statistics) -> Statistics:
    """Return the statistics of all processes together, on every one of them.

    Every process must have passed its own part of the data through the same model.

    Raises:
        RuntimeError: where torch.distributed is not initialised.
    """
    counts = [dict(map(tuple, part)) for part in _everyone(list(statistics.counts.items()))]
    concepts = ordered({concept for part in counts for concept in part})
    made = statistics.merge(Statistics(statistics.sites, _empty(statistics), statistics.digests, {}))
    made.settings = statistics.settings
    made.counts = {c: sum(part.get(c, 0) for part in counts) for c in concepts}
    made.inputs = {name: _summed(moments, concepts) for name, moments in statistics.inputs.items()}
    made.batches = sum(_everyone(statistics.batches))
    made.complete = all(_everyone(statistics.complete))
    return made


def _empty(statistics: Statistics) -> dict[str, InputMoments]:
    return {n: InputMoments(m.kind, m.groups, m.width, m.sketch) for n, m in statistics.inputs.items()}


def _summed(own: InputMoments, concepts: list[Concept]) -> InputMoments:
    made = InputMoments(own.kind, own.groups, own.width, own.sketch)
    for concept in concepts:
        held = own.concepts.get(concept)
        moment = _gathered_rows(own, held) if own.sketch is not None else _reduced(own, held)
        if moment.count:
            made.concepts[concept] = moment
    rest = _reduced(own, own.rest)
    made.rest = rest if rest.count else None
    return made


def _reduced(own: InputMoments, held: Moment | None) -> Moment:
    """Return the sum of one moment over the processes; one that is not there counts as zero."""
    if own.kind != FULL:
        diagonal = Diagonal(own.width)
        if isinstance(held, Diagonal):
            diagonal.absorb(held)
        _all_reduce(diagonal.values)
        diagonal.count = sum(_everyone(diagonal.count))
        return diagonal
    gram = Gram(own.groups, own.width)
    if held is not None:
        gram.absorb(held)
    gram.settle()
    for tensor in (*gram.blocks, gram.total):
        _all_reduce(tensor)
    gram.count = sum(_everyone(gram.count))
    return gram


def _gathered_rows(own: InputMoments, held: Moment | None) -> Rows:
    """Return the sketch of the rows of all sketches, in the order of the processes."""
    mine = held if isinstance(held, Rows) else Rows(own.groups, own.width)
    sizes = _everyone([mine.rows.shape[1], mine.count])
    longest = max(size for size, _ in sizes)
    made = Rows(own.groups, own.width, sketch=own.sketch)
    padded = torch.zeros(own.groups, longest, own.width + 1, dtype=torch.float64)
    padded[:, : mine.rows.shape[1]] = mine.rows.to(padded)
    for part, (size, count) in zip(_all_gather(padded), sizes, strict=True):
        other = Rows(own.groups, own.width)
        other._parts, other._held, other.count = [part[:, :size]], size, count
        made.absorb(other)
    return made


def _place() -> torch.device:
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")


def _all_reduce(tensor: Tensor) -> None:
    there = tensor.to(_place())
    dist.all_reduce(there)
    tensor.copy_(there)


def _all_gather(tensor: Tensor) -> list[Tensor]:
    there = tensor.to(_place())
    parts = [torch.empty_like(there) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, there)
    return [part.cpu() for part in parts]


def _everyone(value: object) -> list:
    """Return what every process holds, as JSON: nothing is pickled."""
    data = torch.tensor(list(json.dumps(value).encode()), dtype=torch.uint8)
    sizes = [int(part) for part in _all_gather(torch.tensor([len(data)]))]
    padded = torch.zeros(max(sizes), dtype=torch.uint8)
    padded[: len(data)] = data
    return [
        json.loads(bytes(part[:size].tolist())) for part, size in zip(_all_gather(padded), sizes, strict=True)
    ]
