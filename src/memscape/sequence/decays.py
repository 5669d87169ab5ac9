"""Products of a chunk whose terms fade with the distance in time, without ever forming a large exponential.

Sums of log decays and their differences are taken in float64: at a log decay of -30 per token a float32 sum
over a chunk is right to 1e-4 only, and that error would stand in the exponent.
"""

import torch
from torch import Tensor


def faded_pairs(log_decay: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Return, for scalar log decays (..., C), what is left after the time between tokens of a chunk.

    `between` (..., C, C) is $e^{\\gamma_i - \\gamma_j}$ for $j \\le i$ and 0 above, `since` (..., C) is
    $e^{\\gamma_i}$, left of the chunk's start, `until` (..., C) is $e^{\\gamma_C - \\gamma_i}$, left at its
    end.
    The mask comes before the exponential, so that no large number is formed and then dropped. O(C^2).
    """
    total = log_decay.double().cumsum(-1)
    apart = total[..., :, None] - total[..., None, :]
    between = apart.masked_fill_(_later(apart.shape[-1], 1, apart.device), -torch.inf).to(dtype).exp_()
    return between, total.to(dtype).exp(), (total[..., -1:] - total).to(dtype).exp()


def _later(size: int, diagonal: int, device: torch.device) -> Tensor:
    return torch.ones(size, size, dtype=torch.bool, device=device).triu(diagonal)


class ChannelDecay:
    """What is left of each channel after the time between tokens, from log decays (..., C, K).

    Attributes:
        since: (..., C, K), left of the chunk's start.
        before: (..., C, K), the same up to the token before.
        until: (..., C, K), left at the chunk's end.
        whole: (..., K), left of the chunk's start at its end.
    """

    def __init__(self, log_decay: Tensor, dtype: torch.dtype):
        wide = log_decay.double()
        self._total = wide.cumsum(-2)
        self._before = self._total - wide
        self._dtype = dtype
        self.since = self._total.to(dtype).exp()
        self.before = self._before.to(dtype).exp()
        self.until = (self._total[..., -1:, :] - self._total).to(dtype).exp()
        self.whole = self.since[..., -1, :]

    def pairs(self, left: Tensor, right: Tensor, *, before: bool = False) -> Tensor:
        """Return $\\sum_c x_{ic}\\, y_{jc}\\, e^{\\Gamma_{ic} - \\Gamma_{jc}}$ for $j \\le i$, 0 above.

        With `before` the left end is $\\Gamma_{i-1}$ and $j < i$. Blocks of up to 16 tokens: those off the
        diagonal are matrix products whose two factors are both at most 1, the reference point being the
        block's start; only those on the diagonal need the product of three axes. O(C^2 K).

        Args:
            left: (..., C, K).
            right: (..., C, K).
            before: whether the left token's own decay is left out.
        """
        size = left.shape[-2]
        block = max(d for d in range(1, min(size, 16) + 1) if size % d == 0)
        split = (*left.shape[:-2], size // block, block, left.shape[-1])
        ends = (self._before if before else self._total).unflatten(-2, split[-3:-1])
        starts = self._before.unflatten(-2, split[-3:-1])[..., :1, :]  # (..., N, 1, K)
        rows = left.reshape(split) * (ends - starts).to(self._dtype).exp()
        far = rows @ self._columns(right, starts, block).mT  # (..., N, block, C)
        near = self._diagonal(left.reshape(split), right.reshape(split), ends, before)
        count = size // block
        eye = torch.eye(count, dtype=near.dtype, device=near.device)[:, None, :, None]
        spread = (near[..., None, :] * eye).flatten(-2)
        return (far + spread).flatten(-3, -2)

    def _columns(self, right: Tensor, starts: Tensor, block: int) -> Tensor:
        """Return the tokens before each block, faded up to its start: (..., N, C, K)."""
        size = right.shape[-2]
        token = torch.arange(size, device=right.device)
        inside = token[None, :] >= torch.arange(0, size, block, device=right.device)[:, None]
        apart = (starts - self._total[..., None, :, :]).masked_fill(inside[..., None], -torch.inf)
        return right[..., None, :, :] * apart.to(self._dtype).exp()

    def _diagonal(self, left: Tensor, right: Tensor, ends: Tensor, before: bool) -> Tensor:
        total = self._total.unflatten(-2, left.shape[-3:-1])
        apart = ends[..., :, None, :] - total[..., None, :, :]
        hidden = _later(left.shape[-2], 0 if before else 1, left.device)[..., None]
        fade = apart.masked_fill(hidden, -torch.inf).to(self._dtype).exp()
        return torch.einsum("...ik,...ijk,...jk->...ij", left, fade, right)
