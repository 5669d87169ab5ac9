"""Which arithmetic runs which memory: the one place that looks at a spec's engine."""

import torch
from torch import Tensor

from memscape.core.errors import InputError
from memscape.sequence import core, inner, lowrank, solving, window
from memscape.sequence.objectives import Dot
from memscape.sequence.parts import Implicit, NormalisedRead
from memscape.sequence.signals import Owned, Signals
from memscape.sequence.spec import MemorySpec

Tensors = dict[str, Tensor]


def start(spec: MemorySpec, signals: Signals, owned: Owned) -> Tensors:
    """Return the tensors of a memory that has read nothing; batch first in each."""
    batch, _, heads, width, values = signals.sizes
    if spec.engine == "inner":
        return inner.start(spec, batch, owned, signals.q)
    if spec.engine == "window":
        return window.start(batch, heads, width, values, signals.q)
    if spec.engine == "ridge":
        return solving.start(batch, heads, width, values, signals.q)
    if spec.engine in ("matrix", "low_rank"):
        columns = values + isinstance(spec.read, NormalisedRead)
        return {"matrix": signals.q.new_zeros(batch, heads, width, columns)}
    raise InputError(f"the engine {spec.engine!r} has no state of its own")


def run(
    spec: MemorySpec, signals: Signals, tensors: Tensors, owned: Owned, path: str, size: int
) -> tuple[Tensor, Tensors]:
    """Return outputs (b, t, h, V) and the next tensors; `path` is "scan" or "chunk"."""
    if spec.engine == "window":
        return window.run(spec, signals, tensors, path, size)
    if spec.engine in ("inner", "ridge"):
        made = inner.run if spec.engine == "inner" else solving.run
        with core.unnarrowed(signals.q):
            return made(spec, signals, tensors, owned, path, size)
    run_matrix = _low_rank if spec.engine == "low_rank" else _matrix
    out, matrix = run_matrix(spec, signals.silenced(), tensors["matrix"], path, size)
    return out, {"matrix": matrix}


def _matrix(spec: MemorySpec, signals: Signals, state: Tensor, path: str, size: int) -> tuple[Tensor, Tensor]:
    rate, v = signals.rate, signals.v
    if isinstance(spec.learner, Implicit):
        rate = torch.ones_like(signals.k[..., 0]) if rate is None else rate
        rate = rate / (1 + rate * signals.k.square().sum(-1))
    if isinstance(spec.read, NormalisedRead):
        v = torch.cat([v, torch.ones_like(v[..., :1])], -1)  # its column of the matrix is the sum of keys
    erase = None if isinstance(spec.objective, Dot) else "key"
    given = {"g": signals.g, "beta": rate, "erase": erase, "state": state, "scale": 1.0}
    if path == "chunk":
        out, state = core.chunk(signals.q, signals.k, v, **given, chunk_size=size)
    else:
        out, state = core.scan(signals.q, signals.k, v, **given)
    if isinstance(spec.read, NormalisedRead):
        out = out[..., :-1] / out[..., -1:].clamp_min(1e-6)
    return out, state


def _low_rank(
    spec: MemorySpec, signals: Signals, state: Tensor, path: str, size: int
) -> tuple[Tensor, Tensor]:
    """Run RWKV-7's vector rate, or the delta rule whose gradient is taken before the decay."""
    k, v, g = signals.k, signals.v, signals.g
    if g is None:
        raise InputError("the low-rank form has a decay")
    if signals.gain is not None:
        a, b, k = -k, signals.gain * k, signals.gain * k
    else:
        rate = torch.ones_like(k[..., :1]) if signals.rate is None else signals.rate[..., None]
        a, b, v = k, -rate * k, rate * v
    g = g if g.ndim == 4 else g[..., None].expand_as(k)
    given = {"g": g, "state": state, "scale": 1.0}
    if path == "chunk":
        return lowrank.low_rank_chunk(signals.q, k, v, a, b, **given, chunk_size=size)
    return lowrank.low_rank_scan(signals.q, k, v, a, b, **given)
