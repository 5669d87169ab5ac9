"""The state of a layer between two calls: it can be kept, moved, chosen from, measured and edited."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from memscape.core.cards import Card, register
from memscape.core.errors import FileFormatError, InputError
from memscape.core.files import Bundle, load_bundle, save_bundle
from memscape.sequence import editing, wells
from memscape.sequence.diagnosis import StateReport, diagnosed
from memscape.sequence.recalling import recalled
from memscape.sequence.signals import Owned
from memscape.sequence.spec import MemorySpec


@register
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

    card: ClassVar[Card] = Card(
        name="MemoryState",
        paper="the family of linear attention, delta rules, inner learners and attention; see `PRESETS`",
        parts="store x objective x retention x learner x read, as its `MemorySpec` says",
        space="real numbers",
        capacity="up to K independent keys in a K x V matrix; every token in a window",
        cost="O((K + C)(K + V)) per token and head for a matrix, O(n (K + V)) for a window of n tokens",
        limits="networks have no direction per key: no erasing, no merging, no wells",
        form="latent",
        span="working",
        equation=r"S \leftarrow D_t S, \quad S \leftarrow S + k_t \otimes \beta_t (v_t - e_t^\top S)",
    )

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

    def read(self, keys: Tensor, *, owned: Owned | None = None) -> Tensor:
        """Return what keys recall, (b, h, p, V), before the layer's skip and norm.

        Args:
            keys: (p, K) for every row and head, or (b, h, p, K), as the memory sees them (after the layer's
                projections and normalisation).
            owned: `layer.owned`, which solved memories and those with a layer norm need.

        Raises:
            InputError: for another width.
            CapabilityError: where nothing is stored, or `owned` is needed.
        """
        return recalled(self.spec, self.tensors, keys, owned)

    def diagnose(
        self, keys: Tensor | None = None, values: Tensor | None = None, *, owned: Owned | None = None
    ) -> StateReport:
        """Return how full the state is, how its keys disturb each other, and how well each is recalled.

        Args:
            keys: (p, K) or (b, h, p, K), for interference.
            values: (p, V) or (b, h, p, V) with them, for the recall error of each key.
            owned: `layer.owned`, where `read` needs it.

        O(K V min(K, V)) per head.
        """
        return diagnosed(self.spec, self.tensors, self.seen, keys, values, owned)

    def erase(self, key: Tensor, *, keep: Tensor | None = None, owned: Owned | None = None) -> "MemoryState":
        """Erase what one key recalls, in place, and return the state; recalls of `keep` stay as they were.

        $S \\leftarrow S - u\\,(k^T S) / (u \\cdot k)$ with u the part of k that is orthogonal to all keys to
        keep (without `keep`, k itself: orthogonal keys are untouched). In a window the tokens with that key
        are no longer looked at.

        Args:
            key: (K,) for every row and head, or (b, h, K).
            keep: (p, K) or (b, h, p, K), keys whose recall must not change.
            owned: `layer.owned`, for solved memories.

        Raises:
            InputError: for a key of zeros, one that the kept keys span, or one that no window holds.
            CapabilityError: for networks.
        """
        self.tensors = editing.erased(self.spec, self.tensors, key, keep, owned)
        return self

    def merge(self, other: "MemoryState") -> "MemoryState":
        """Add what another state of the same spec holds, in place, and return the state.

        Exact for Hebb's rule and solved memories without decay, and for windows; see
        `memscape.sequence.editing.merged`. The convolution goes on from this state.

        Raises:
            InputError: for a state of another spec or size.
            CapabilityError: for networks.
        """
        if other.spec != self.spec:
            raise InputError(f"the other state belongs to {other.spec}, this one to {self.spec}")
        self.tensors = editing.merged(self.spec, self.tensors, other.tensors)
        self.seen = self.seen + other.seen
        return self

    def as_memory(
        self,
        keys: Tensor | None = None,
        *,
        row: int = 0,
        head: int = 0,
        beta: float | None = None,
        owned: Owned | None = None,
    ) -> Any:
        """Return one head as a memory that the tools of `landscape` measure.

        A window is a `Continuous` memory of its keys: one step of its recall is one look of the head. Any
        other state with `keys` is a `Continuous` memory of pairs, each key beside what it recalls. A matrix
        alone is the `Quadratic` landscape $-k^T S v$ over key and value units of +-1 (Kosko 1988).

        Args:
            keys: (p, K) or (b, h, p, K).
            row: of the batch.
            head: which head.
            beta: sharpness of a `Continuous` memory; None is the head's own, or what suits the pairs.
            owned: `layer.owned`, where `read` needs it.

        Raises:
            InputError: for a row or head that is not there.
            CapabilityError: for networks and solved memories without keys.
        """
        return wells.as_memory(self.spec, self.tensors, keys, row, head, beta, owned)

    def save(self, path: str | Path) -> None:
        """Write the state to a file; `memscape.load` reads it. Nothing in the file is ever executed."""
        parts = {"spec": self.spec.to_dict(), "hash": self.spec.hash}
        save_bundle(path, kind="state", card=self.card.name, tensors=self._named(), parts=parts)

    @classmethod
    def load(cls, path: str | Path, *, device: str = "cpu") -> "MemoryState":
        """Return the state that `save` wrote; `memscape.load` does the same.

        Raises:
            FileNotFoundError: if there is no such file.
            FileFormatError: if it is truncated, foreign, newer, or holds something else.
        """
        bundle = load_bundle(path, device=device)
        if bundle.kind != "state" or "spec" not in bundle.parts or "seen" not in bundle.tensors:
            raise FileFormatError(f"{str(path)!r} holds a {bundle.kind}, no state of a sequence memory")
        return cls.from_bundle(bundle)

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> "MemoryState":
        """Return the state that a file holds; use `MemoryState.load` or `memscape.load`."""
        tensors = dict(bundle.tensors)
        seen, conv = tensors.pop("seen"), tensors.pop("conv", None)
        return cls(MemorySpec.from_dict(bundle.parts["spec"]), tensors, seen, conv)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {tuple(x.shape)}" for name, x in self.tensors.items())
        span = sorted(set(self.seen.tolist()))
        read = str(span[0]) if len(span) == 1 else f"{span[0]} to {span[-1]}"
        return f"MemoryState({read} tokens read by {self.batch} rows, {self.nbytes:,} bytes: {shapes})"
