"""How many bytes of tensors a computation holds at once, counted exactly, without the allocator's slack."""

from typing import Any

from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Peak(TorchDispatchMode):
    """A context whose `bytes` is the most that tensors made inside it held at once.

    What an operation needs inside itself and frees before it returns is not seen.

    >>> import torch
    >>> with Peak() as peak:
    ...     x = torch.zeros(1000)
    ...     x = x + 1
    >>> peak.bytes
    8000
    """

    def __init__(self) -> None:
        super().__init__()
        self._live: dict[int, tuple[StorageWeakRef, int]] = {}
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for x in tree_leaves(out):
            if isinstance(x, Tensor):
                held = StorageWeakRef(x.untyped_storage())
                self._live[held.cdata] = held, x.untyped_storage().nbytes()
        self._live = {key: pair for key, pair in self._live.items() if not pair[0].expired()}
        self.bytes = max(self.bytes, sum(size for _, size in self._live.values()))
        return out
