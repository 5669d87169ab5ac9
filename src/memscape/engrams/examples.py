"""Labelled rows that a model can be asked about, whatever form they are given in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from memscape.core.errors import InputError
from memscape.core.modes import evaluating
from memscape.engrams.labelling import LABEL_KEYS, Reader, default_inputs, placed, tried

BATCH = 256
"""Rows of one forward pass."""


@dataclass(frozen=True)
class Answers:
    """What a model says at each labelled position: logits (k, c) in float32, and the labels (k,)."""

    logits: Float[Tensor, "k c"]
    labels: Int[Tensor, " k"]

    @property
    def losses(self) -> Float[Tensor, " k"]:
        """The cross-entropy of each position."""
        return nn.functional.cross_entropy(self.logits, self.labels, reduction="none")

    @property
    def right(self) -> Bool[Tensor, " k"]:
        """Whether the largest logit is the label's."""
        return self.logits.argmax(-1) == self.labels

    @property
    def accuracy(self) -> float:
        """The share of right answers."""
        return float(self.right.double().mean())


@dataclass(frozen=True)
class Examples:
    """Inputs and labels, rows first.

    Attributes:
        inputs: what the model is called with: a tensor (p, ...), a tuple or a mapping of such.
        labels: (p,) or (p, t); negative ones are positions without a label.
    """

    inputs: Any
    labels: Int[Tensor, "p ..."]

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, chosen: Tensor) -> "Examples":
        """Return some of the rows."""
        return Examples(
            _each(self.inputs, lambda x: x[chosen.to(x.device)]), self.labels[chosen.to(self.labels.device)]
        )

    def batches(self, size: int = BATCH) -> list["Examples"]:
        """Return the rows, `size` at a time."""
        return [self.rows(chosen) for chosen in torch.arange(len(self)).split(size)]

    def joined(self, other: "Examples") -> "Examples":
        """Return these rows and others behind them."""
        return _concatenated([self, other])

    def logits(self, model: nn.Module) -> tuple[Tensor, Tensor]:
        """Return logits and labels of the labelled positions, with their gradient.

        The model's mode is left.
        """
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
        out = tried(model, placed(self.inputs, device), "these rows")
        logits = getattr(out, "logits", out)
        if not isinstance(logits, Tensor):
            raise InputError(f"the model returns a {type(logits).__name__}; logits as a tensor are needed")
        labels = self.labels.to(device)
        if logits.shape[:-1] != labels.shape:
            raise InputError(
                f"logits {tuple(logits.shape)} do not go with labels {tuple(labels.shape)}; one label for "
                "each position is needed (-100 where there is none; shifted by one for language models)"
            )
        kept = labels >= 0
        if bool((labels >= logits.shape[-1]).any()):
            raise InputError(
                f"a label is {int(labels.max())} and the model tells {logits.shape[-1]} classes apart; "
                f"labels are the numbers of its logits, from 0 on"
            )
        return logits[kept].float(), labels[kept]

    @torch.no_grad()
    def answers(self, model: nn.Module, size: int = BATCH) -> Answers:
        """Return what a model answers, in evaluation mode, `size` rows at a time."""
        with evaluating(model):
            pairs = [batch.logits(model) for batch in self.batches(size)]
        return Answers(torch.cat([p[0] for p in pairs]).cpu(), torch.cat([p[1] for p in pairs]).cpu())


def examples(
    given: Any, name: str, inputs: Reader | None = None, labels: Reader | str | None = None
) -> Examples:
    """Return rows from a pair of tensors, a loader of batches, or `Examples`.

    Args:
        given: (inputs, labels) as tensors, or batches as `collect` takes them.
        name: in errors.
        inputs: batch to what the model is called with; None is as in `collect`.
        labels: batch to labels, or the key of a mapping; None is `batch[1]`, or the mapping's label.

    Raises:
        InputError: for an empty set, or batches that cannot be put into one.
    """
    if isinstance(given, Examples):
        return given
    if not hasattr(given, "__iter__") and not hasattr(given, "__getitem__"):
        raise InputError(f"{name} is a {type(given).__name__}; give (inputs, labels), or batches of them")
    batches = [given] if _is_pair(given) or isinstance(given, Mapping) else list(given)
    made = [_read(batch, inputs, labels) for batch in batches]
    if not any(bool((batch.labels >= 0).any()) for batch in made):
        raise InputError(
            f"{name} has no rows with a label of at least 0; give at least one batch with labels"
        )
    try:
        return _concatenated(made)
    except (RuntimeError, TypeError) as error:
        raise InputError(
            f"the batches of {name} do not fit together ({error}); pad them to one length"
        ) from None


def _is_pair(given: Any) -> bool:
    both = isinstance(given, list | tuple) and len(given) == 2
    return both and all(isinstance(x, Tensor | np.ndarray) for x in given) and len(given[0]) == len(given[1])


def _read(batch: Any, inputs: Reader | None, labels: Reader | str | None) -> Examples:
    if callable(labels):
        found = labels(batch)
    elif isinstance(batch, Mapping):
        keys = [labels] if isinstance(labels, str) else [key for key in LABEL_KEYS if key in batch]
        if not keys or keys[0] not in batch:
            raise InputError(f"a batch has {', '.join(map(str, batch))} and no label; say which: labels=...")
        found = batch[keys[0]]
    elif isinstance(batch, list | tuple) and len(batch) > 1:
        found = batch[1]
    else:
        raise InputError("a batch has no label; give (inputs, labels), a mapping, or labels=...")
    given = placed(default_inputs(batch) if inputs is None else inputs(batch), torch.device("cpu"))
    try:
        whole = torch.as_tensor(found)
        numbers = whole.long()
    except (TypeError, ValueError) as error:
        raise InputError(f"labels are {type(found).__name__} ({error}); give whole numbers") from None
    if not torch.equal(numbers.to(whole.dtype), whole):
        raise InputError(f"labels hold {float(whole[numbers != whole][0]):g}; give whole numbers")
    if not numbers.ndim:
        raise InputError(
            "a batch has one label alone, as of a dataset; give batches: DataLoader(dataset, 64)"
        )
    return Examples(given, numbers)


def _each(inputs: Any, change: Any) -> Any:
    if isinstance(inputs, Mapping):
        return {name: _each(value, change) for name, value in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(_each(value, change) for value in inputs)
    return change(inputs) if isinstance(inputs, Tensor) else inputs


def _concatenated(parts: Iterable[Examples]) -> Examples:
    parts = list(parts)
    return Examples(_joined([part.inputs for part in parts]), torch.cat([part.labels for part in parts]))


def _joined(inputs: list[Any]) -> Any:
    first = inputs[0]
    if isinstance(first, Mapping):
        return {name: _joined([one[name] for one in inputs]) for name in first}
    if isinstance(first, tuple):
        return tuple(_joined([one[i] for one in inputs]) for i in range(len(first)))
    return torch.cat(inputs) if isinstance(first, Tensor) else first
