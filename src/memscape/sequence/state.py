"""The state of a layer between two calls: it can be kept, moved, chosen from, measured and edited."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from memscape.core.errors import FileFormatError, InputError
from memscape.core.files import load_bundle, save_bundle
from memscape.sequence.spec import MemorySpec


@dataclass
class MemoryState:
    """What a layer remembers of what it has read.

    Attributes:
        spec: the memory that it belongs to.
        tensors: by name, batch first: `matrix`; `weight0` ... with `anchor0` and `momentum0`; `moment` and
            `cross`; or `keys`, `values` and `held`.
        seen: (b,) tokens read by each row.
        conv: (b, conv_size - 1, channels), the last tokens of the short convolution, or None.
    """

    spec: MemorySpec
    tensors: dict[str, Tensor]
    seen: Tensor
    conv: Tensor | None = None

    @property
    def batch(self) -> int:
        """Rows of the batch."""
        return len(self.seen)

    @property
    def nbytes(self) -> int:
        """Bytes that the state takes."""
        return sum(x.numel() * x.element_size() for x in self._named().values())

    def _named(self) -> dict[str, Tensor]:
        rest = {"seen": self.seen} if self.conv is None else {"seen": self.seen, "conv": self.conv}
        return self.tensors | rest

    def _each(self, change: Callable[[Tensor], Tensor]) -> "MemoryState":
        conv = None if self.conv is None else change(self.conv)
        tensors = {name: change(x) for name, x in self.tensors.items()}
        return replace(self, tensors=tensors, seen=change(self.seen), conv=conv)

    def detach(self) -> "MemoryState":
        """Return the state cut off from the graph: gradients end here."""
        return self._each(lambda x: x.detach())

    def clone(self) -> "MemoryState":
        """Return a copy that shares no memory."""
        return self._each(lambda x: x.clone())

    def to(self, device: str | torch.device) -> "MemoryState":
        """Return the state on another device."""
        return self._each(lambda x: x.to(device))

    def reorder(self, index: Tensor) -> "MemoryState":
        """Return the rows of the batch at `index`, in that order; rows may repeat (beam search).

        Raises:
            InputError: for indices that are no rows.
        """
        index = torch.as_tensor(index, device=self.seen.device)
        if index.ndim != 1 or not len(index) or int(index.min()) < 0 or int(index.max()) >= self.batch:
            raise InputError(f"index must be a list of rows in [0, {self.batch}); got {index.tolist()}")
        return self._each(lambda x: x[index])

    def save(self, path: str | Path) -> None:
        """Write the state to a file; `MemoryState.load` reads it. Nothing in the file is ever executed."""
        parts = {"spec": self.spec.to_dict(), "hash": self.spec.hash}
        save_bundle(path, kind="state", card="MemoryState", tensors=self._named(), parts=parts)

    @classmethod
    def load(cls, path: str | Path, *, device: str = "cpu") -> "MemoryState":
        """Return the state that `save` wrote.

        Raises:
            FileNotFoundError: if there is no such file.
            FileFormatError: if it is truncated, foreign, newer, or holds something else.
        """
        bundle = load_bundle(path, device=device)
        if bundle.kind != "state" or "spec" not in bundle.parts or "seen" not in bundle.tensors:
            raise FileFormatError(f"{str(path)!r} holds a {bundle.kind}, no state of a sequence memory")
        tensors = dict(bundle.tensors)
        seen, conv = tensors.pop("seen"), tensors.pop("conv", None)
        return cls(MemorySpec.from_dict(bundle.parts["spec"]), tensors, seen, conv)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {tuple(x.shape)}" for name, x in self.tensors.items())
        span = sorted(set(self.seen.tolist()))
        read = str(span[0]) if len(span) == 1 else f"{span[0]} to {span[-1]}"
        return f"MemoryState({read} tokens read by {self.batch} rows, {self.nbytes:,} bytes: {shapes})"
