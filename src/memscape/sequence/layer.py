"""One layer for the whole family."""

from typing import Any

import torch
from torch import Tensor, nn

from memscape.core.arrays import require_count
from memscape.core.errors import DivergedError, InputError
from memscape.core.random import Generator, resolve
from memscape.sequence.core import require_finite
from memscape.sequence.mixers import HeadMixer, LayerSizes, Stretch, mixer
from memscape.sequence.presets import preset
from memscape.sequence.recalling import heads_of, key_width
from memscape.sequence.signals import Owned
from memscape.sequence.spec import MemorySpec
from memscape.sequence.state import MemoryState

PATHS = ("auto", "step", "scan", "chunk")


class MemoryLayer(nn.Module):
    """A layer that memorises as it reads: any member of the family, by its spec.

    $q, k, v$ are projections of the token, through a short causal convolution; the memory that the spec
    describes writes $k \\to v$ and reads $q$; the reads of all heads are normalised and projected back.

    Args:
        hidden_size: width of a token.
        num_heads: memories side by side.
        spec: a name in `PRESETS` or a `MemorySpec`.
        head_dim: K, width of queries and keys; None is hidden_size / num_heads.
        value_dim: V, width of values; None is head_dim.
        conv_size: tokens of the short convolution.
        generator: seed of the first weights.

    Raises:
        InputError: for an unknown preset, sizes that do not fit, or parts that do not go together.

    Cost per token and head, with C the chunk size: matrix memories O((K + C)(K + V)), networks O(K V) times
    their expansion, Mesa O(K^3), windows O(n(K + V)) for n tokens so far.

    >>> import torch
    >>> layer = MemoryLayer(8, 2, "gated_deltanet", generator=0)
    >>> x = torch.randn(1, 10, 8, generator=torch.Generator().manual_seed(1))
    >>> y, state = layer(x)
    >>> first, half = layer(x[:, :4])
    >>> second, end = layer(x[:, 4:], state=half)
    >>> bool((torch.cat([first, second], 1) - y).abs().max() < 1e-5)
    True
    """

    def __init__(
        self,
        hidden_size: int,
        num_heads: int = 1,
        spec: str | MemorySpec = "gated_deltanet",
        *,
        head_dim: int | None = None,
        value_dim: int | None = None,
        conv_size: int = 4,
        generator: Generator = None,
    ):
        super().__init__()
        self.spec = preset(spec) if isinstance(spec, str) else spec
        self.sizes = _sizes(hidden_size, num_heads, head_dim, value_dim, conv_size)
        self.mixer = mixer(self.spec, self.sizes, resolve(generator))

    def forward(
        self,
        x: Tensor,
        state: MemoryState | None = None,
        mask: Tensor | None = None,
        *,
        path: str = "auto",
        chunk_size: int = 64,
    ) -> tuple[Tensor, MemoryState]:
        """Return outputs (b, t, hidden) and the state after the last token; the given state stays as it is.

        A sequence may be split into calls anywhere: the outputs are the same. The state carries gradients
        until `state.detach()`.

        Args:
            x: (b, t, hidden) tokens.
            state: where to go on from; None is a fresh memory.
            mask: (b, t) true or 1 for tokens, false or 0 for padding, which stands in front of a row's first
                token. A padded row gives the same outputs as alone, and zeros at its padding.
            path: "step" calls the layer token by token, "scan" projects all tokens and then goes through
                them, "chunk" uses matrix products over chunks, "auto" is "chunk" for more than one token.
            chunk_size: tokens worked on at once by "chunk"; it changes no result.

        Raises:
            InputError: for another width or batch, NaN, the state of another spec or of other sizes, a mask
                that is not left padding, an unknown path, a chunk size below 1.
            DivergedError: where a memory that is a network learnt its own weights up to infinity.
        """
        size = require_count(chunk_size, "chunk_size")
        if path not in PATHS:
            raise InputError(f"path is {path!r}; give one of {', '.join(PATHS)}")
        self._check(x, state)
        if state is None:
            tensors, tail = self.mixer.begin(x)  # ty: ignore[not-callable]
            seen = torch.zeros(len(x), dtype=torch.long, device=x.device)
        else:
            tensors, tail, seen = dict(state.tensors), state.conv, state.seen
        live = _live(mask, x, seen)
        if live is not None:
            x = x * live[..., None]
        if path == "step":
            return self._step(x, live, tensors, tail, seen)
        stretch = Stretch(x, live, seen, self._path(path, x), size)
        return self._run(stretch, tensors, tail)

    @property
    def owned(self) -> Owned:
        """What the memory owns besides its state: first weights, layer norm, ridge."""
        return self.mixer.owned if isinstance(self.mixer, HeadMixer) else Owned()

    def _path(self, path: str, x: Tensor) -> str:
        return ("chunk" if x.shape[1] > 1 else "scan") if path == "auto" else path

    def _run(
        self, stretch: Stretch, tensors: dict[str, Tensor] | None, tail: Tensor | None
    ) -> tuple[Tensor, MemoryState]:
        y, tensors, tail = self.mixer(stretch, tensors, tail)
        count = stretch.x.shape[1] if stretch.live is None else stretch.live.sum(1)
        if stretch.live is not None:
            y = y * stretch.live[..., None]
        if self.spec.engine == "inner":
            _require_learnt(y, stretch.x)
        tensors = {name: _own(x) for name, x in tensors.items()}
        return y, MemoryState(self.spec, tensors, stretch.seen + count, None if tail is None else _own(tail))

    def _step(
        self,
        x: Tensor,
        live: Tensor | None,
        tensors: dict[str, Tensor] | None,
        tail: Tensor | None,
        seen: Tensor,
    ) -> tuple[Tensor, MemoryState]:
        outputs, state = [], None
        for i, token in enumerate(x.unbind(1)):
            alive = None if live is None else live[:, i : i + 1]
            y, state = self._run(Stretch(token[:, None], alive, seen, "scan", 1), tensors, tail)
            tensors, tail, seen = state.tensors, state.conv, state.seen
            outputs.append(y)
        if state is None:
            raise InputError("x holds no token")
        return torch.cat(outputs, 1), state

    def _check(self, x: Tensor, state: MemoryState | None) -> None:
        hidden = self.sizes.hidden_size
        if x.ndim != 3 or x.shape[-1] != hidden or 0 in x.shape:
            raise InputError(
                f"x has shape {tuple(x.shape)}; give (batch, tokens, {hidden}), at least one token"
            )
        require_finite(x, "x")
        if state is None:
            return
        if state.spec != self.spec:
            raise InputError(f"the state belongs to {state.spec}, this layer is {self.spec}")
        if state.batch != len(x):
            raise InputError(f"the state has {state.batch} rows and x {len(x)}; reorder(index) chooses rows")
        self._check_sizes(state)

    def _check_sizes(self, state: MemoryState) -> None:
        """Refuse the state of a layer with the same spec and other sizes."""
        own = self.sizes
        if state.tensors:
            heads, width = heads_of(state.tensors)[1], key_width(state.spec, state.tensors)
            if (heads, width) != (own.num_heads, own.head_dim):
                raise InputError(
                    f"the state is of {heads} heads of {width}, "
                    f"this layer has {own.num_heads} of {own.head_dim}"
                )
        if state.conv is not None and state.conv.shape[1] != own.conv_size - 1:
            raise InputError(
                f"the state keeps {state.conv.shape[1]} tokens for its convolution, this layer needs "
                f"{own.conv_size - 1}"
            )

    def extra_repr(self) -> str:
        sizes = self.sizes
        return f"{self.spec}, {sizes.num_heads} heads of {sizes.head_dim} x {sizes.value_dim}"


def _require_learnt(y: Tensor, x: Tensor) -> None:
    """Raise `DivergedError` where the steps of a memory on its own weights have left the finite numbers."""
    try:
        require_finite(y, "y")
    except InputError:
        largest = float(x.detach().abs().max())
        raise DivergedError(
            f"the memory learnt its own weights up to infinity: tokens are up to {largest:.3g}, and its "
            "steps grow with them; give tokens of size 1 (a normalisation before the layer), or an objective "
            "of bounded steps, such as Huber in 'yaad'"
        ) from None


def _own(x: Tensor) -> Tensor:
    """Return x without the rest of what it is a view of: a kept state must not keep a whole call's tokens."""
    room = x.untyped_storage().nbytes()
    return x.clone() if room > 2 * x.numel() * x.element_size() else x


def _sizes(hidden: int, heads: int, width: int | None, values: int | None, conv: int) -> LayerSizes:
    hidden, heads = require_count(hidden, "hidden_size"), require_count(heads, "num_heads")
    if width is None and hidden % heads:
        raise InputError(f"hidden_size {hidden} is no multiple of num_heads {heads}; give head_dim")
    width = require_count(hidden // heads if width is None else width, "head_dim")
    values = require_count(width if values is None else values, "value_dim")
    return LayerSizes(hidden, heads, width, values, require_count(conv, "conv_size"))


def _live(mask: Any, x: Tensor, seen: Tensor) -> Tensor | None:
    """Return the mask as booleans, None where nothing is padded; refuse what is not left padding."""
    if mask is None:
        return None
    if tuple(mask.shape) != tuple(x.shape[:2]):
        raise InputError(f"mask has shape {tuple(mask.shape)}; with this x it must be {tuple(x.shape[:2])}")
    live = mask.to(device=x.device, dtype=torch.bool)
    if bool(live.all()):
        return None
    if bool((live[:, :-1] & ~live[:, 1:]).any()):
        raise InputError("the mask has padding behind a token; padding stands on the left, in front of a row")
    if bool((~live[:, 0] & (seen > 0)).any()):
        raise InputError(
            "the mask pads a row whose state has seen tokens; padding stands before the first token"
        )
    return live
