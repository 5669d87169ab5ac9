"""Hetero-association: a key reads its value."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import as_tensor, require_count, require_memory, require_width, working_dtype
from memscape.core.cards import Card, register
from memscape.core.errors import DeviceError, InputError
from memscape.core.spaces import Real
from memscape.mechanisms.association import (
    AssociationRule,
    ClippedRule,
    HebbRule,
    Written,
    rule_from_settings,
    rule_settings,
)
from memscape.memories.pattern_keeper import MemoryModule, stored_rows


@register
class Hetero(MemoryModule):
    """Associates keys with values of another width in one matrix, $\\hat v = S^T k$.

    The rule decides what S is: `HebbRule` (the write of linear attention and fast weights), `DeltaRule` (one
    pass or many), `ProjectionRule`, `RecursiveLeastSquares`, or `ClippedRule` for sparse 0/1 pairs.

    Args:
        keys: (p, k) numbers; or None with `sizes`.
        values: (p, v) numbers, one row per key.
        rule: how pairs are written.
        sizes: (k, v), for an empty memory.

    Store costs O(kv) per pair (`RecursiveLeastSquares` O(k^2 + kv), `ProjectionRule` O(p^2 k) anew). The
    pairs are kept, and `forget` writes the rest anew. A read costs O(bkv).

    >>> import torch
    >>> from memscape.mechanisms import ProjectionRule
    >>> keys = torch.tensor([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
    >>> memory = Hetero(keys, torch.tensor([[5.0], [7.0]]), rule=ProjectionRule())
    >>> memory.read(keys)
    tensor([[5.0000],
            [7.0000]])

    Steinbuch 1961; Kohonen 1972; Anderson 1972.
    """

    card = Card(
        name="Hetero",
        paper="Steinbuch 1961; Kohonen 1972; Anderson 1972",
        parts="Real x Hebb, delta, projection, recursive least squares or clipped x linear read",
        space="real numbers; 0 and 1 with the clipped rule",
        capacity="k linearly independent keys with the projection rule, orthogonal ones with Hebb's",
        cost="store O(pkv); read O(bkv); memory 4kv + 4p(k + v) bytes",
        limits="one linear map: what a key reads is a mixture where keys overlap; no verdict",
    )

    keys: Tensor
    values: Tensor
    store: Tensor
    precision: Tensor | None

    def __init__(
        self,
        keys: object = None,
        values: object = None,
        *,
        rule: AssociationRule = HebbRule(),  # noqa: B008  frozen
        sizes: tuple[int, int] | None = None,
    ):
        super().__init__()
        self.rule, self.space = rule, Real()
        if keys is None and sizes is None:
            raise InputError("give keys (p, k) and values (p, v), or sizes=(k, v) for an empty memory")
        if sizes is not None:
            self._start(
                require_count(sizes[0], "the width of keys"), require_count(sizes[1], "the width of values")
            )
        if keys is not None:
            if sizes is None:
                pair = [_table(x, what) for x, what in ((keys, "keys"), (values, "values"))]
                self._start(
                    pair[0].shape[1], pair[1].shape[1], torch.promote_types(pair[0].dtype, pair[1].dtype)
                )
            self.associate(keys, values)

    def _start(self, width: int, out: int, dtype: torch.dtype = torch.float32) -> None:
        require_memory(
            8 * width * (width + out), f"associations of {width:,} with {out:,} units", "use fewer"
        )
        empty = self.rule.empty(width, out, dtype)
        self.register_buffer("keys", torch.zeros(0, width, dtype=dtype))
        self.register_buffer("values", torch.zeros(0, out, dtype=dtype))
        self.register_buffer("store", empty.store)
        self.register_buffer("precision", empty.precision)

    def __len__(self) -> int:
        return len(self.keys)

    def associate(self, keys: object, values: object) -> "Hetero":
        """Store pairs of keys (p, k) and values (p, v), in place, and return the memory.

        Raises:
            InputError: for other widths, unequal numbers of rows, keys of zeros, NaN.
        """
        new = _table(keys, "keys").to(self.store)
        out = _table(values, "values").to(self.store)
        require_width(new, self.keys.shape[1], "keys")
        require_width(out, self.values.shape[1], "values")
        if len(new) != len(out):
            raise InputError(f"there are {len(new)} keys and {len(out)} values; give one value for each key")
        if bool((new == 0).all(-1).any()):
            raise InputError("a key of zeros reads nothing; leave it out")
        pairs = torch.cat([self.keys, new]), torch.cat([self.values, out])
        written = self.rule.write(Written(self.store, self.precision), *pairs, len(new))
        self.keys, self.values = pairs
        self.store, self.precision = written.store, written.precision
        return self

    def read(self, keys: object) -> Float[Tensor, "... v"]:
        """Return the values that keys (..., k) read; with the clipped rule 1 where all the key's units agree.

        Differentiable in the keys. O(bkv).

        Raises:
            InputError: for another width or NaN.
            DeviceError: for keys elsewhere.
        """
        asked = as_tensor(keys, "keys")
        require_width(asked, self.keys.shape[1], "keys")
        if isinstance(keys, Tensor) and keys.device != self.store.device:
            raise DeviceError(
                f"the keys are on {keys.device} and the memory on {self.store.device}; move one"
            )
        asked = asked.to(self.store)
        read = asked @ self.store
        if isinstance(self.rule, ClippedRule):
            return (read >= asked.sum(-1, keepdim=True)).to(read.dtype)
        return read

    def forget(self, index: object) -> "Hetero":
        """Remove the pairs at `index`, in place; the rest is written anew, as if alone."""
        keep = torch.ones(len(self), dtype=torch.bool, device=self.keys.device)
        keep[stored_rows(index, len(self)).to(keep.device)] = False
        keys, values = self.keys[keep], self.values[keep]
        self._start(keys.shape[1], values.shape[1], self.store.dtype)
        self.to(keys.device)
        return self.associate(keys, values) if len(keys) else self

    def forward(self, keys: Float[Tensor, "... k"]) -> Float[Tensor, "... v"]:
        """Return `read(keys)`."""
        return self.read(keys)

    def _settings(self) -> dict[str, Any]:
        return {"sizes": list(self.store.shape), "rule": rule_settings(self.rule)}

    @classmethod
    def _from_settings(cls, settings: dict[str, Any], tensors: dict[str, Tensor]) -> "Hetero":
        memory = cls(sizes=tuple(settings["sizes"]), rule=rule_from_settings(settings["rule"]))
        for name, tensor in tensors.items():
            memory.register_buffer(name, tensor)
        return memory

    def extra_repr(self) -> str:
        return f"{len(self)} pairs of {self.store.shape[0]} and {self.store.shape[1]} units, {self.rule}"


def _table(x: object, what: str) -> Tensor:
    table = as_tensor(x, what)
    if table.ndim == 1:
        table = table[None]
    if table.ndim != 2:
        raise InputError(f"{what} have shape {tuple(table.shape)}; give (p, width), one row per pair")
    return table.to(working_dtype(table))
