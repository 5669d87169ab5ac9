"""What a live state is like: how full, how well conditioned, how much its keys disturb each other."""

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from memscape.core.errors import InputError
from memscape.sequence.recalling import key_width, recalled, shaped_keys
from memscape.sequence.signals import Owned
from memscape.sequence.spec import MemorySpec
from memscape.theory.interference import delta_error, hebb_error


@dataclass(frozen=True)
class StateReport:
    """A measured state; tensors are (rows, heads), one number per head.

    Attributes:
        rank: singular values above rounding.
        effective_rank: exp of the entropy of the squared singular values' shares: how many directions carry
            it.
        condition: largest over smallest singular value that counts.
        size: Frobenius norm.
        seen: (rows,) tokens read.
        width: K, the width of a key: up to about K associations fit.
        hebb_error: expected relative squared recall error of Hebb's rule for as many random unit keys as
            tokens.
        delta_error: the same for the delta rule in one pass.
        interference: mean squared cosine between two different keys given (1/K for random ones), or None.
        overlap: largest absolute cosine between two different keys given, or None.
        recall_error: (rows, heads, p) relative squared error per key, where values were given, or None.
    """

    rank: Tensor
    effective_rank: Tensor
    condition: Tensor
    size: Tensor
    seen: Tensor
    width: int
    hebb_error: list[float]
    delta_error: list[float]
    interference: Tensor | None = None
    overlap: Tensor | None = None
    recall_error: Tensor | None = None

    def table(self) -> str:
        """Return one line per row and head."""
        head = "row head tokens rank eff.  condition  size     hebb   delta"
        head += "" if self.interference is None else "  cos^2  max cos"
        lines = [head + ("" if self.recall_error is None else "  recall error (median, worst)")]
        for row in range(self.rank.shape[0]):
            for column in range(self.rank.shape[1]):
                lines.append(self._line(row, column))
        return "\n".join(lines)

    def _line(self, row: int, column: int) -> str:
        at = (row, column)
        line = (
            f"{row:<3} {column:<4} {int(self.seen[row]):<6} {int(self.rank[at]):<4} "
            f"{self.effective_rank[at]:<5.1f} "
            f"{self.condition[at]:<10.3g} {self.size[at]:<8.3g} {self.hebb_error[row]:<6.3f} "
            f"{self.delta_error[row]:<6.3f}"
        )
        if self.interference is not None and self.overlap is not None:
            line += f" {self.interference[at]:<6.3f} {self.overlap[at]:<7.3f}"
        if self.recall_error is not None:
            error = self.recall_error[at]
            line += f" {error.median():.3g}, {error.max():.3g}"
        return line

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: x.tolist() if isinstance(x, Tensor) else x for name, x in plain.items()}

    def __repr__(self) -> str:
        law = "hebb, delta: errors expected of those rules for as many random unit keys as tokens"
        return f"StateReport: keys of width {self.width}; {law}\n{self.table()}"


def diagnosed(
    spec: MemorySpec,
    tensors: dict[str, Tensor],
    seen: Tensor,
    keys: Tensor | None,
    values: Tensor | None,
    owned: Owned | None,
) -> StateReport:
    """Return the report of a state; see `MemoryState.diagnose`."""
    width = key_width(spec, tensors)
    spread = torch.linalg.svdvals(_body(spec, tensors).detach().double())
    top = spread[..., :1]
    counted = spread > top * 1e-6  # below lies the rounding of a float32 stream
    share = spread.square() / spread.square().sum(-1, keepdim=True).clamp_min(1e-300)
    entropy = -(share * share.clamp_min(1e-300).log()).sum(-1)
    least = torch.where(counted, spread, torch.inf).amin(-1)
    pairs = [max(1, int(count)) for count in seen]
    interference, overlap = (None, None) if keys is None else _interference(shaped_keys(keys, tensors, width))
    return StateReport(
        rank=counted.sum(-1),
        effective_rank=entropy.exp(),
        condition=torch.where(least < torch.inf, top[..., 0] / least, torch.nan),
        size=spread.square().sum(-1).sqrt(),
        seen=seen,
        width=width,
        hebb_error=[hebb_error(count, width) for count in pairs],
        delta_error=[delta_error(count, width) for count in pairs],
        interference=interference,
        overlap=overlap,
        recall_error=_errors(spec, tensors, keys, values, owned),
    )


def _body(spec: MemorySpec, tensors: dict[str, Tensor]) -> Tensor:
    """Return the matrix whose singular values tell how the memory is filled."""
    if "weight0" in tensors:
        return spec.retention.weights(tensors["weight0"])
    if "keys" in tensors:
        return tensors["keys"].transpose(1, 2) * tensors["held"][:, None, :, None]
    return tensors["moment"] if "moment" in tensors else tensors["matrix"]


def _interference(keys: Tensor) -> tuple[Tensor, Tensor]:
    unit = torch.nn.functional.normalize(keys.detach().double(), dim=-1)
    count = keys.shape[-2]
    cosines = (unit @ unit.mT) * (1 - torch.eye(count, dtype=torch.float64, device=keys.device))
    return cosines.square().sum((-2, -1)) / max(1, count * (count - 1)), cosines.abs().amax((-2, -1))


def _errors(
    spec: MemorySpec,
    tensors: dict[str, Tensor],
    keys: Tensor | None,
    values: Tensor | None,
    owned: Owned | None,
) -> Tensor | None:
    if values is None:
        return None
    if keys is None:
        raise InputError("values without keys: give the keys that they belong to")
    read = recalled(spec, tensors, keys, owned).detach().double()
    if values.shape[-2:] != read.shape[-2:]:
        raise InputError(
            f"values have shape {tuple(values.shape)}; for these keys give (p, V) = {tuple(read.shape[-2:])}"
        )
    wanted = values.detach().double()
    return (read - wanted).square().sum(-1) / wanted.square().sum(-1).clamp_min(1e-300)
