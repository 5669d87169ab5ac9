"""Second moments of layer inputs: sums over rows, kept symmetric and packed, or as the rows themselves."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from jaxtyping import Float, Num
from torch import Tensor

from memscape.core.errors import FileFormatError

WIDE = 2048
"""Rows of a full matrix that are made or looked at together: what is done to all of it would copy it."""
BLOCK = 256
"""Rows of a matrix that are multiplied at a time; of a packed one, only blocks on and below the diagonal."""


class Moment(ABC):
    """$\\Sigma = \\sum_i x_i x_i^T$ over rows $x_i$ of one width, for each of `groups` blocks.

    The rows may be read with a 1 appended (`bias=True`), which absorbs a layer's bias.
    """

    groups: int
    width: int
    count: int

    @abstractmethod
    def add(self, rows: Num[Tensor, "g n d"]) -> None:
        """Add rows (g, n, d), in place."""

    @abstractmethod
    def full(self, bias: bool) -> Float[Tensor, "g e e"]:
        """Return the whole matrix in float64, e = d, or d + 1 with the appended 1. O(g d^2) memory."""

    def add_to(self, whole: Float[Tensor, "g e e"], bias: bool, share: float = 1.0) -> None:
        """Add share times the matrix to a whole one, in place."""
        whole.add_(self.full(bias), alpha=share)

    @abstractmethod
    def times(self, weight: Float[Tensor, "g o e"], bias: bool) -> Float[Tensor, "g o e"]:
        """Return weight times the matrix, in float64, without unpacking the matrix. O(g o d^2)."""

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """Return what a file must hold."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes held."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where it is held."""

    @property
    def trace(self) -> float:
        """Sum of the squares of all entries of all rows, without the appended 1."""
        return float(self.full(False).diagonal(dim1=1, dim2=2).sum())


class Gram(Moment):
    """Keeps the lower block triangle of the matrix in float64.

    Half the memory and half the work of all of it.
    """

    def __init__(self, groups: int, width: int, device: torch.device | str = "cpu"):
        self.groups, self.width, self.count = groups, width, 0
        kind: dict[str, Any] = {"dtype": _sums(device), "device": device}
        self.edges = [(a, min(a + BLOCK, width)) for a in range(0, width, BLOCK)]
        self.blocks = [torch.zeros(groups, b - a, b, **kind) for a, b in self.edges]
        self.total = torch.zeros(groups, width, **kind)
        self._waiting: list[Tensor] = []

    def __getstate__(self) -> dict[str, Any]:
        self.settle()  # another process may share the memory of the sums: none may change them later
        return dict(vars(self))

    def add(self, rows: Num[Tensor, "g n d"]) -> None:
        """Add rows (g, n, d), in place; few rows wait for others, so that a product pays for its addition."""
        rows = _exact(rows)
        self.count += rows.shape[1]
        held = sum(part.shape[1] for part in self._waiting) + rows.shape[1]
        if held < waiting_rows(self.width):
            self._waiting.append(rows.clone())  # a view of what the model may still write to
        else:
            parts, self._waiting = [*self._waiting, rows], []
            self._multiply(torch.cat(parts, dim=1) if len(parts) > 1 else rows)

    def settle(self) -> None:
        """Multiply the rows that wait."""
        if self._waiting:
            parts, self._waiting = self._waiting, []
            self._multiply(torch.cat(parts, dim=1))

    def _multiply(self, rows: Tensor) -> None:
        for (a, b), block in zip(self.edges, self.blocks, strict=True):
            if self.groups == 1:
                block[0] += rows[0, :, a:b].T @ rows[0, :, :b]
            else:
                block += rows[:, :, a:b].transpose(1, 2) @ rows[:, :, :b]
        self.total += rows.sum(1, dtype=self.total.dtype)

    def absorb(self, other: Moment, sign: float = 1.0) -> None:
        """Add another moment of the same shape, in place."""
        self.settle()
        if isinstance(other, Gram):
            other.settle()
            for block, more in zip(self.blocks, other.blocks, strict=True):
                block.add_(more, alpha=sign)
            self.total.add_(other.total, alpha=sign)
        else:
            self._absorb_dense(other.full(True).to(self.total), sign)
        self.count += int(sign) * other.count

    def _absorb_dense(self, whole: Tensor, sign: float) -> None:
        for (a, b), block in zip(self.edges, self.blocks, strict=True):
            block.add_(whole[:, a:b, :b], alpha=sign)
        self.total.add_(whole[:, -1, :-1], alpha=sign)

    def full(self, bias: bool) -> Float[Tensor, "g e e"]:
        size = self.width + bias
        whole = torch.zeros(self.groups, size, size, dtype=torch.float64, device=self.total.device)
        self.add_to(whole, bias)
        return whole

    def add_to(self, whole: Float[Tensor, "g e e"], bias: bool, share: float = 1.0) -> None:
        """Add share times the matrix to a whole one, in place: block by block, without a second one."""
        self.settle()
        for (a, b), block in zip(self.edges, self.blocks, strict=True):
            whole[:, a:b, :b].add_(block, alpha=share)
            whole[:, :a, a:b].add_(block[:, :, :a].transpose(1, 2), alpha=share)
        if bias:
            whole[:, -1, :-1].add_(self.total, alpha=share)
            whole[:, :-1, -1].add_(self.total, alpha=share)
            whole[:, -1, -1] += share * self.count

    def times(self, weight: Float[Tensor, "g o e"], bias: bool) -> Float[Tensor, "g o e"]:
        self.settle()
        out = torch.zeros_like(weight)
        for (a, b), block in zip(self.edges, self.blocks, strict=True):
            out[:, :, :b] += weight[:, :, a:b] @ block.to(weight)
            if a:
                out[:, :, a:b] += weight[:, :, :a] @ block[:, :, :a].to(weight).transpose(1, 2)
        if bias:
            last, total = weight[:, :, -1:], self.total.to(weight)[:, None]
            out[:, :, -1] = (weight[:, :, :-1] * total).sum(-1) + last[:, :, 0] * self.count
            out[:, :, :-1] += last * total
        return out

    def tensors(self) -> dict[str, Tensor]:
        self.settle()
        packed = torch.cat(
            [_lower(block, a).reshape(-1) for (a, _), block in zip(self.edges, self.blocks, strict=True)]
        )
        return {"packed": packed, "total": self.total, "count": torch.tensor(self.count)}

    @classmethod
    def from_tensors(cls, held: dict[str, Tensor]) -> "Gram":
        """Return the moment that a file holds."""
        groups, width = held["total"].shape
        made = cls(groups, width)
        made.total.copy_(held["total"])
        made.count, packed, done = int(held["count"]), held["packed"], 0
        for (a, b), block in zip(made.edges, made.blocks, strict=True):
            size = made.groups * (b * (b + 1) - a * (a + 1)) // 2
            _fill_lower(block, a, packed[done : done + size])
            done += size
        return made

    @property
    def device(self) -> torch.device:
        return self.total.device

    @property
    def nbytes(self) -> int:
        return sum(held.nbytes for held in (*self.blocks, self.total, *self._waiting))

    @property
    def trace(self) -> float:
        self.settle()
        parts = (
            block[:, :, a:].diagonal(dim1=1, dim2=2).sum()
            for (a, _), block in zip(self.edges, self.blocks, strict=True)
        )
        return float(sum(map(float, parts)))


class Rows(Moment):
    """Keeps the rows themselves, with a 1 appended: exact, and smaller than the matrix while they are few.

    With `sketch=r` at most 2r rows are kept: a Frequent Directions sketch B with
    $0 \\preceq \\Sigma - B^T B \\preceq \\|X\\|_F^2 / r$ (Ghashami, Liberty, Phillips and Woodruff 2016).
    """

    def __init__(
        self, groups: int, width: int, device: torch.device | str = "cpu", sketch: int | None = None
    ):
        self.groups, self.width, self.count, self.sketch = groups, width, 0, sketch
        self._parts: list[Tensor] = []
        self._device, self._held = torch.device(device), 0

    def add(self, rows: Num[Tensor, "g n d"]) -> None:
        rows = _exact(rows)
        self._take(torch.cat([rows, rows.new_ones(*rows.shape[:2], 1)], dim=2))
        self.count += rows.shape[1]

    def _take(self, rows: Tensor) -> None:
        self._parts.append(rows)
        self._held += rows.shape[1]
        if self.sketch is not None and self._held > 2 * self.sketch:
            self._parts = [_shrunk(self.rows, self.sketch)]
            self._held = self._parts[0].shape[1]

    def absorb(self, other: "Rows") -> None:
        """Add the rows of another one, in place."""
        if other._held:
            self._take(other.rows)
        self.count += other.count

    @property
    def rows(self) -> Float[Tensor, "g n e"]:
        """The rows that are kept, each with its appended 1."""
        if not self._parts:
            return torch.zeros(self.groups, 0, self.width + 1, device=self._device)
        if len(self._parts) > 1:
            dtype = torch.float64 if any(p.dtype == torch.float64 for p in self._parts) else torch.float32
            self._parts = [torch.cat([part.to(dtype) for part in self._parts], dim=1)]
        return self._parts[0]

    def keys(self, bias: bool) -> Float[Tensor, "g n e"]:
        """Return the rows in float64, with or without the appended 1."""
        rows = self.rows.double()
        return rows if bias else rows[:, :, :-1]

    def full(self, bias: bool) -> Float[Tensor, "g e e"]:
        rows = self.rows if bias else self.rows[:, :, :-1]
        size = rows.shape[2]
        made = torch.empty(self.groups, size, size, dtype=torch.float64, device=rows.device)
        for start in range(0, size, WIDE):
            # in the rows' own precision, as in `Gram`, and no whole copy of it
            some = rows[:, :, start : start + WIDE]
            made[:, start : start + WIDE] = (
                some[0].T @ rows[0] if self.groups == 1 else some.transpose(1, 2) @ rows
            )
        return made

    def times(self, weight: Float[Tensor, "g o e"], bias: bool) -> Float[Tensor, "g o e"]:
        out = torch.zeros_like(weight)
        for rows in self.rows.split(BLOCK, dim=1):  # a float64 copy of a few rows at a time
            keys = (rows if bias else rows[:, :, :-1]).to(weight).contiguous()
            out += (weight @ keys.transpose(1, 2)) @ keys
        return out

    def tensors(self) -> dict[str, Tensor]:
        return {
            "rows": self.rows,
            "count": torch.tensor(self.count),
            "sketch": torch.tensor(self.sketch or 0),
        }

    @classmethod
    def from_tensors(cls, held: dict[str, Tensor]) -> "Rows":
        """Return the moment that a file holds."""
        rows = held["rows"]
        made = cls(rows.shape[0], rows.shape[2] - 1, sketch=int(held["sketch"]) or None)
        made._parts, made._held, made.count = [rows], rows.shape[1], int(held["count"])
        return made

    @property
    def device(self) -> torch.device:
        return self._device

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in self._parts)

    @property
    def trace(self) -> float:
        return float(self.keys(False).square().sum())


class Diagonal(Moment):
    """A diagonal matrix (d,): how often each token came, or the squares of each normalised channel."""

    def __init__(self, width: int, device: torch.device | str = "cpu"):
        self.groups, self.width, self.count = 1, width, 0
        self.values = torch.zeros(width, dtype=_sums(device), device=device)

    def add(self, rows: Num[Tensor, "g n d"]) -> None:
        if rows.is_floating_point():
            self.values += rows[0].double().square().sum(0).to(self.values)
        else:
            self.values += torch.bincount(rows.reshape(-1), minlength=self.width).to(self.values)
        self.count += rows.shape[1]

    def absorb(self, other: "Diagonal", sign: float = 1.0) -> None:
        """Add another one, in place."""
        self.values.add_(other.values.to(self.values), alpha=sign)
        self.count += int(sign) * other.count

    def full(self, bias: bool) -> Float[Tensor, "g e e"]:
        return torch.diag(self.values.double())[None]

    def times(self, weight: Float[Tensor, "g o e"], bias: bool) -> Float[Tensor, "g o e"]:
        return weight * self.values.to(weight)

    def tensors(self) -> dict[str, Tensor]:
        return {"diagonal": self.values, "count": torch.tensor(self.count)}

    @classmethod
    def from_tensors(cls, held: dict[str, Tensor]) -> "Diagonal":
        """Return the moment that a file holds."""
        made = cls(len(held["diagonal"]))
        made.values.copy_(held["diagonal"])
        made.count = int(held["count"])
        return made

    @property
    def device(self) -> torch.device:
        return self.values.device

    @property
    def nbytes(self) -> int:
        return self.values.nbytes

    @property
    def trace(self) -> float:
        return float(self.values.sum())


def from_tensors(held: dict[str, Tensor]) -> Moment:
    """Return the moment whose `tensors()` are given.

    Raises:
        FileFormatError: where they belong to none.
    """
    for name, cls in (("packed", Gram), ("rows", Rows), ("diagonal", Diagonal)):
        if name in held:
            return cls.from_tensors(held)
    raise FileFormatError(f"no second moment is made of {', '.join(sorted(held))}")


def grown(moment: Rows) -> Gram:
    """Return kept rows as a matrix."""
    made = Gram(moment.groups, moment.width, moment._device)
    made._absorb_dense(moment.full(True).to(made.total), 1.0)
    made.count = moment.count
    return made


def waiting_rows(width: int) -> int:
    """Return how many rows of this width wait to be multiplied together."""
    return min(1024, width)


def packed_bytes(groups: int, width: int) -> int:
    """Return the bytes of a `Gram` of this size, before there is one."""
    return (
        8
        * groups
        * (width + sum((min(a + BLOCK, width) - a) * min(a + BLOCK, width) for a in range(0, width, BLOCK)))
    )


def _sums(device: torch.device | str) -> torch.dtype:
    """Sums over data are float64 wherever the device has it."""
    return torch.float32 if torch.device(device).type == "mps" else torch.float64


def _exact(rows: Tensor) -> Tensor:
    """Half-precision rows are summed in float32."""
    return rows if rows.dtype in (torch.float32, torch.float64) else rows.float()


def _shrunk(rows: Tensor, count: int) -> Tensor:
    """Return at most `count` rows whose matrix is below that of `rows`, by no more than it has to be."""
    wide = rows.double()
    values, vectors = torch.linalg.eigh(wide @ wide.transpose(1, 2))  # ascending
    cut = values[:, -count - 1, None]
    kept, vectors = values[:, -count:], vectors[:, :, -count:]
    scale = ((kept - cut).clamp_min(0) / kept.clamp_min(torch.finfo(torch.float64).tiny)).sqrt()
    return (scale[:, :, None] * (vectors.transpose(1, 2) @ wide)).to(rows.dtype)


def _lower(block: Tensor, start: int) -> Tensor:
    """Return the entries on and below the diagonal of a block row that starts at row `start`."""
    keep = torch.ones(block.shape[1:], dtype=torch.bool, device=block.device).tril(start)
    return block[:, keep]


def _fill_lower(block: Tensor, start: int, values: Tensor) -> None:
    """Write the entries of `_lower` back, and their mirror into the square on the diagonal."""
    keep = torch.ones(block.shape[1:], dtype=torch.bool).tril(start)
    block.zero_()
    block[:, keep] = values.reshape(block.shape[0], -1)
    square = block[:, :, start:]
    square += square.tril(-1).transpose(1, 2)
