"""Which rows of a batch belong to which concept, and which count as reference."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from memscape.core.errors import InputError, MemscapeError

Concept = int | str
REFERENCE, IGNORED = -1, -2
LABEL_KEYS = ("label", "labels", "target", "targets", "y", "concept", "concepts")


def default_inputs(batch: Any) -> Any:
    """Return what the model is called with: a tensor, `batch[0]`, or the mapping without its label key."""
    if isinstance(batch, Mapping):
        return {name: value for name, value in batch.items() if name not in LABEL_KEYS}
    if isinstance(batch, list | tuple):
        return batch[0]
    return batch


def call(model: torch.nn.Module, inputs: Any) -> Any:
    """Return the model's output.

    A mapping is given by keyword, a tuple by position, all else as one argument.
    """
    if isinstance(inputs, Mapping):
        return model(**inputs)
    if isinstance(inputs, tuple):
        return model(*inputs)
    return model(inputs)


def tried(model: torch.nn.Module, inputs: Any, what: str) -> Any:
    """Return the model's output.

    Raises:
        InputError: where the model cannot take the inputs, with what they are and what it said.
    """
    try:
        return call(model, inputs)
    except (MemscapeError, torch.OutOfMemoryError):
        raise
    except (TypeError, RuntimeError, ValueError, IndexError, AttributeError) as error:
        kinds = sorted({str(p.dtype).removeprefix("torch.") for p in model.parameters()})
        raise InputError(
            f"the model (weights: {', '.join(kinds) or 'none'}) cannot take {what}. It was called with "
            f"{_described(inputs)} and said: {error}. Say with inputs=... what it is called with, such as "
            f"lambda batch: batch[0].flatten(1)"
        ) from error


def _described(inputs: Any) -> str:
    if isinstance(inputs, Tensor):
        return f"a {str(inputs.dtype).removeprefix('torch.')} tensor of shape {tuple(inputs.shape)}"
    if isinstance(inputs, Mapping):
        return ", ".join(f"{name} = {_described(value)}" for name, value in inputs.items())
    if isinstance(inputs, tuple):
        return ", ".join(map(_described, inputs))
    return f"a {type(inputs).__name__}"


def placed(inputs: Any, device: torch.device) -> Any:
    """Return the inputs with every tensor on a device."""
    if isinstance(inputs, Tensor):
        return inputs.to(device)
    if isinstance(inputs, Mapping):
        return {name: placed(value, device) for name, value in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(placed(value, device) for value in inputs)
    if isinstance(inputs, np.ndarray) and inputs.dtype.kind in "fiub":
        return torch.as_tensor(inputs, device=device)
    return inputs


@dataclass
class Labelling:
    """The code of each row of one batch: a concept's index, -1 for reference only, -2 for not counted.

    Attributes:
        codes: (b,) one per sample, or (b, t) one per token.
        names: the concept of each index.
    """

    codes: Tensor
    names: list[Concept]
    _splits: dict[tuple, Any] = field(default_factory=dict)

    def split(self, lead: torch.Size, batch_axis: int, device: torch.device) -> Any:
        """Return the order that sorts rows of leading shape `lead` by code, and each run (code, start, stop).

        The order is None where the rows are one run as they are.

        Raises:
            InputError: where rows of that shape cannot be matched with the labels.
        """
        key = (lead, batch_axis, device)
        if key not in self._splits:
            self._splits[key] = self._made(lead, batch_axis, device)
        return self._splits[key]

    def _made(self, lead: torch.Size, batch_axis: int, device: torch.device) -> Any:
        codes = self._expanded(lead, batch_axis)
        present, counts = torch.unique_consecutive(codes, return_counts=True)
        if len(present) == 1:
            runs = [] if int(present[0]) == IGNORED else [(int(present[0]), 0, len(codes))]
            return None, runs
        order = torch.argsort(codes, stable=True)
        present, counts = torch.unique(codes, return_counts=True)
        stops = counts.cumsum(0)
        runs = [
            (code, stop - count, stop)
            for code, count, stop in zip(present.tolist(), counts.tolist(), stops.tolist(), strict=True)
        ]
        if runs[0][0] == IGNORED:
            first = runs[0][2]
            order, runs = order[first:], [(c, a - first, b - first) for c, a, b in runs[1:]]
        return order.to(device), runs

    def _expanded(self, lead: torch.Size, batch_axis: int) -> Tensor:
        codes, size = self.codes, len(self.codes)
        if codes.ndim == 2 and len(lead) > 1 and batch_axis == 1 and lead[:2] == (codes.shape[1], size):
            codes, lead = codes.T, torch.Size([codes.shape[1], *lead[1:]])
            return _spread(codes, lead)
        if codes.ndim == 2 and lead[:2] == codes.shape:
            return _spread(codes, lead)
        if codes.ndim == 2 and len(lead) and lead[0] == codes.numel():
            return _spread(codes.reshape(-1), lead)
        if codes.ndim == 2:
            codes = _pooled(codes)
        if batch_axis == 1 and len(lead) > 1 and lead[1] == size:
            return (
                codes[None, :]
                .expand(lead[0], size)
                .reshape(lead[0], size, *(1,) * (len(lead) - 2))
                .expand(lead)
                .reshape(-1)
            )
        if len(lead) and lead[0] % size == 0 and lead[0] > 0:
            return _spread(codes.repeat_interleave(lead[0] // size), lead)
        raise InputError(
            f"rows of shape {tuple(lead)} cannot be matched with labels of shape {tuple(self.codes.shape)}; "
            f"give as many labels as rows, leave the layer out with modules=..., or say where the batch is "
            f"with batch_axis=1"
        )


def _spread(codes: Tensor, lead: torch.Size) -> Tensor:
    """Return codes of the first axes for every row of a leading shape, flat."""
    return codes.reshape(*codes.shape, *(1,) * (len(lead) - codes.ndim)).expand(lead).reshape(-1)


def _pooled(codes: Tensor) -> Tensor:
    """Return one code per sample from one per token: that of its concept where it has exactly one."""
    top = codes.max(dim=1).values
    other = ((codes != top[:, None]) & (codes >= 0)).any(1)
    if bool(other.any()):
        raise InputError(
            f"sample {int(other.nonzero()[0])} holds tokens of several concepts and a layer sees it as one "
            f"row; give labels (b,) where a row has one concept (of one-hot ones: .argmax(1)), or leave that "
            f"layer out with modules=..."
        )
    return top


Reader = Callable[[Any], Any]


def label_rows(
    batch: Any,
    concept: Reader | str,
    mask: Reader | None,
    reference_mask: Reader | None,
    index: dict[Hashable, int],
) -> Labelling:
    """Return the codes of a batch; new concepts are entered into `index`.

    Args:
        batch: what the loader gave.
        concept: batch to labels (b,) or (b, t): integers or names; negative or None is no concept.
        mask: batch to bool (b,) or (b, t): the rows that are targets; None is all.
        reference_mask: batch to bool: the rows that count at all; None is `attention_mask` of a mapping, or
            all.
        index: concept to its number so far.

    Raises:
        InputError: for labels or masks of another kind or shape.
    """
    codes = _codes(_read(concept, batch), index)
    target = None if mask is None else _as_mask(mask(batch), "mask", codes)
    if reference_mask is not None:
        counted = _as_mask(reference_mask(batch), "reference_mask", codes)
    elif isinstance(batch, Mapping) and isinstance(batch.get("attention_mask"), Tensor):
        counted = _as_mask(batch["attention_mask"], "attention_mask", codes)
    else:
        counted = None
    if any(m is not None and m.ndim == 2 for m in (target, counted)) and codes.ndim == 1:
        width = next(m.shape[1] for m in (target, counted) if m is not None and m.ndim == 2)
        codes = codes[:, None].expand(-1, width)
    if target is None and counted is not None:
        codes = torch.where(_like(counted, codes), codes, IGNORED)  # padding belongs to no concept
    elif target is not None:
        outside = (
            torch.tensor(REFERENCE)
            if counted is None
            else torch.where(_like(counted, codes), REFERENCE, IGNORED)
        )
        codes = torch.where(_like(target, codes), codes, outside)
    return Labelling(codes, list(index))  # ty: ignore[invalid-argument-type]


def _read(concept: Reader | str, batch: Any) -> Any:
    """Return the labels of a batch, by its key or as a function reads them."""
    if not isinstance(concept, str):
        return concept(batch)
    if not isinstance(batch, Mapping) or concept not in batch:
        found = f"has {', '.join(map(str, batch))}" if isinstance(batch, Mapping) else "has no names"
        raise InputError(
            f"concept is {concept!r} and a batch (a {type(batch).__name__}) {found}; give the name of its "
            f"labels, or a function: concept=lambda batch: batch[1]"
        )
    return batch[concept]


def _like(mask: Tensor, codes: Tensor) -> Tensor:
    return mask[:, None].expand_as(codes) if mask.ndim < codes.ndim else mask


def _as_mask(given: Any, what: str, codes: Tensor) -> Tensor:
    mask = torch.as_tensor(given).detach().cpu().bool()
    if (
        mask.ndim not in (1, 2)
        or len(mask) != len(codes)
        or (mask.ndim == codes.ndim and mask.shape != codes.shape)
    ):
        raise InputError(
            f"{what} has shape {tuple(mask.shape)} and the labels {tuple(codes.shape)}; give (b,) or (b, t) "
            f"of one batch"
        )
    return mask


def _codes(given: Any, index: dict[Hashable, int]) -> Tensor:
    if getattr(given, "dtype", None) is not None and getattr(given.dtype, "kind", "i") in "OSTU":
        given = given.tolist()  # names in an array of numpy
    if isinstance(given, Tensor) or hasattr(given, "__array__"):
        labels = torch.as_tensor(given).detach().cpu()
        if not len(labels.reshape(-1)):
            raise InputError("a batch has no row; leave empty batches out of the loader")
        if labels.is_floating_point() or labels.is_complex() or labels.ndim not in (1, 2):
            raise InputError(
                f"concept gave {labels.dtype} labels of shape {tuple(labels.shape)}; give integers or "
                f"names, (b,) or (b, t), of one batch after the other: a DataLoader, or [(x, y)] for all "
                f"rows at once"
            )
        values, places = torch.unique(labels.long(), return_inverse=True)
        numbers = [
            REFERENCE if value < 0 else index.setdefault(value, len(index)) for value in values.tolist()
        ]
        return torch.tensor(numbers)[places]
    if not isinstance(given, list | tuple) or not given:
        raise InputError(f"concept gave {type(given).__name__}; give one label for each row of the batch")
    nested = isinstance(given[0], list | tuple)
    rows = given if nested else [given]
    if len({len(row) for row in rows}) > 1:
        raise InputError(
            "concept gave rows of different length; give (b, t) with None where there is no concept"
        )
    numbers = [[_code(label, index) for label in row] for row in rows]
    return torch.tensor(numbers if nested else numbers[0])


def _code(label: Any, index: dict[Hashable, int]) -> int:
    if isinstance(label, Tensor | np.generic) and label.ndim == 0:
        label = label.item()
    if label is None or (isinstance(label, int) and label < 0):
        return REFERENCE
    if not isinstance(label, int | str):
        raise InputError(f"a label is {label!r}; labels are whole numbers or names")
    return index.setdefault(label, len(index))
