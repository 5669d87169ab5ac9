"""How each type of layer is read.

Which inputs its weights see, and how a weight is a matrix (blocks, out, in).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from memscape.core.errors import InputError

FULL, TOKENS, GAIN = "full", "tokens", "gain"


@dataclass(frozen=True)
class Part:
    """One matrix of a layer that can be edited.

    Attributes:
        name: suffix within the layer, "" where it has one matrix only.
        weight, bias: names of the parameters inside the module; bias None where there is none.
        width: entries of an input row.
        groups: number of blocks (convolutions with groups).
        kind: "full" (any linear layer), "tokens" (rows of a table) or "gain" (one number per channel).
        rows, bias_rows: (start, stop) of the rows of weight and bias that are meant, None for all.
        transposed: the weight is stored (in, out).
        turned: rows come with the batch first, whatever the model's own order.
        kernel: (channels, *kernel) of a convolution, () of anything else.
        recipe: layers that see one input with one recipe share its statistics.
    """

    name: str
    weight: str
    bias: str | None
    width: int
    groups: int = 1
    kind: str = FULL
    rows: tuple[int, int] | None = None
    bias_rows: tuple[int, int] | None = None
    transposed: bool = False
    turned: bool = False
    kernel: tuple[int, ...] = ()
    recipe: tuple = ()

    def matrix(self, weight: Tensor) -> Tensor:
        """Return a weight as (groups, out, width), a view where it can be one."""
        if self.kind == TOKENS:
            return weight[None]
        if self.kind == GAIN:
            return weight.reshape(1, 1, -1)
        if self.rows is not None:
            weight = weight[slice(*self.rows)]
        if self.transposed:
            weight = weight.T
        return weight.reshape(self.groups, weight.shape[0] // self.groups, -1)

    def place(self, weight: Tensor, matrix: Tensor) -> None:
        """Write (groups, out, width) into a weight, in place, whatever its layout in memory."""
        target = weight if self.rows is None else weight[slice(*self.rows)]
        target = target.T if self.transposed else target
        target.copy_(matrix.reshape(target.shape))

    def place_offsets(self, bias: Tensor, offsets: Tensor) -> None:
        """Write (groups, out) into a bias, in place."""
        target = bias if self.bias_rows is None else bias[slice(*self.bias_rows)]
        target.copy_(offsets.reshape(target.shape))

    def offsets(self, bias: Tensor) -> Tensor:
        """Return a bias as (groups, out)."""
        if self.bias_rows is not None:
            bias = bias[slice(*self.bias_rows)]
        return bias.reshape(self.groups, -1)


@dataclass(frozen=True)
class Handler:
    """How a type of layer is read.

    Attributes:
        parts: module to its parts.
        inputs: (module, args, kwargs) to the tensor that each part sees.
        rows: (module, part, input) to rows: (batch, ..., groups, width) for "full", (batch, ...) integers for
            "tokens", (batch, ..., width) for "gain".
    """

    parts: Callable[[nn.Module], tuple[Part, ...]]
    inputs: Callable[[nn.Module, tuple, dict], tuple[Tensor, ...]]
    rows: Callable[[nn.Module, Part, Tensor], Tensor]


_BY_TYPE: dict[type, Handler] = {}
_BY_NAME: dict[str, Handler] = {}


def handler_of(module: nn.Module) -> Handler | None:
    """Return how a module is read.

    By its type, that of a parent class, or its name (transformers' Conv1D).
    """
    for cls in type(module).__mro__:
        if cls in _BY_TYPE:
            return _BY_TYPE[cls]
        if cls.__module__.startswith("transformers.") and cls.__name__ in _BY_NAME:
            return _BY_NAME[cls.__name__]
    if type(module).__name__.endswith("RMSNorm") and getattr(module, "weight", None) is not None:
        return _BY_NAME["RMSNorm"]
    return None


def register(
    layer: Any, *, weight: str = "weight", bias: str | None = "bias", transposed: bool = False
) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Return a decorator that makes layers of a type known by a function from their arguments to input rows.

    The layer computes rows @ weight.T + bias, or rows @ weight where it is `transposed`. The function takes
    what `forward` takes, with the module first, and returns rows (batch, ..., in).

    Args:
        layer: the class; its subclasses are read alike.
        weight: the parameter (out, in), or (in, out) where `transposed`.
        bias: the parameter (out,), None where there is none.
        transposed: how the weight is stored.

    Raises:
        InputError: for something that is no class of modules.

    >>> import torch
    >>> class Scaled(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.table = torch.nn.Parameter(torch.ones(2, 3))
    ...
    ...     def forward(self, x):
    ...         return (2 * x) @ self.table.T
    >>> @register(Scaled, weight="table", bias=None)
    ... def scaled_rows(module, x):
    ...     return 2 * x
    """
    if not (isinstance(layer, type) and issubclass(layer, nn.Module)):
        raise InputError(f"{layer!r} is no class of torch.nn.Module; give the type of the layer")

    def decorate(rows: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def parts(module: nn.Module) -> tuple[Part, ...]:
            held = _parameter(module, weight)
            offset = bias if bias is not None and getattr(module, bias, None) is not None else None
            width = held.shape[0 if transposed else 1]
            return (Part("", weight, offset, width, transposed=transposed, recipe=(layer.__name__,)),)

        def inputs(module: nn.Module, args: tuple, kwargs: dict) -> tuple[Tensor, ...]:
            return (rows(module, *args, **kwargs),)

        _BY_TYPE[layer] = Handler(parts, inputs, _one_block)
        return rows

    return decorate


def _parameter(module: nn.Module, name: str) -> Tensor:
    held = getattr(module, name, None)
    if not isinstance(held, Tensor):
        raise InputError(
            f"{type(module).__name__} has no parameter {name!r}; name the one that holds its matrix"
        )
    return held


def _first(module: nn.Module, args: tuple, kwargs: dict) -> tuple[Tensor, ...]:
    return (args[0] if args else next(iter(kwargs.values())),)


def _one_block(module: nn.Module, part: Part, x: Tensor) -> Tensor:
    return x.unsqueeze(-2)


def _linear(module: nn.Module) -> tuple[Part, ...]:
    bias = "bias" if module.bias is not None else None
    return (Part("", "weight", bias, module.in_features, recipe=("rows",)),)  # ty: ignore[invalid-argument-type]


def _hugging_face_conv1d(module: nn.Module) -> tuple[Part, ...]:
    weight = _parameter(module, "weight")
    return (Part("", "weight", "bias", weight.shape[0], transposed=True, recipe=("rows",)),)


def _convolution(module: Any) -> tuple[Part, ...]:
    width = module.weight[0].numel()
    geometry = (module.kernel_size, module.stride, module.padding, module.padding_mode, module.dilation)
    recipe = ("patches", module.groups, *geometry)
    bias = "bias" if module.bias is not None else None
    return (
        Part("", "weight", bias, width, module.groups, kernel=tuple(module.weight.shape[1:]), recipe=recipe),
    )


def _patches(module: Any, part: Part, x: Tensor) -> Tensor:
    """Return the patches (batch, places, groups, channels of a group x kernel) that the kernel sees."""
    dims = len(module.kernel_size)
    if x.ndim == dims + 1:
        x = x[None]
    padding = module._reversed_padding_repeated_twice  # torch: the padding of F.pad, "same" resolved
    if any(padding):
        mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
        x = F.pad(x, padding, mode=mode)
    for axis in range(dims):
        span = module.dilation[axis] * (module.kernel_size[axis] - 1) + 1
        x = x.unfold(2 + axis, span, module.stride[axis])[..., :: module.dilation[axis]]
    places = x.shape[2 : 2 + dims].numel()
    order = (0, *range(2, 2 + dims), 1, *range(2 + dims, 2 + 2 * dims))
    return x.permute(order).reshape(x.shape[0], places, part.groups, part.width)


def _table(module: Any) -> tuple[Part, ...]:
    return (
        Part("", "weight", None, module.num_embeddings, kind=TOKENS, recipe=("ids", module.num_embeddings)),
    )


def _as_it_is(module: nn.Module, part: Part, x: Tensor) -> Tensor:
    return x


def _gain(module: nn.Module) -> tuple[Part, ...]:
    weight = getattr(module, "weight", None)
    if weight is None:
        return ()
    return (Part("", "weight", None, weight.numel(), kind=GAIN, recipe=("gain", id(module))),)


def _layer_normed(module: Any, part: Part, x: Tensor) -> Tensor:
    return F.layer_norm(x, module.normalized_shape, eps=module.eps).flatten(-len(module.normalized_shape))


def _batch_normed(module: Any, part: Part, x: Tensor) -> Tensor:
    normed = F.batch_norm(
        x, module.running_mean, module.running_var, training=module.running_mean is None, eps=module.eps
    )
    return normed.movedim(1, -1)


def _group_normed(module: Any, part: Part, x: Tensor) -> Tensor:
    return F.group_norm(x, module.num_groups, eps=module.eps).movedim(1, -1)


def _root_mean_square_normed(module: Any, part: Part, x: Tensor) -> Tensor:
    eps = next(
        (e for name in ("eps", "variance_epsilon") if (e := getattr(module, name, None)) is not None), 1e-6
    )
    wide = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
    return wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)


_BY_TYPE[nn.Linear] = Handler(_linear, _first, _one_block)
_BY_NAME["Conv1D"] = Handler(_hugging_face_conv1d, _first, _one_block)
for _cls in (nn.Conv1d, nn.Conv2d, nn.Conv3d):
    _BY_TYPE[_cls] = Handler(_convolution, _first, _patches)
_BY_TYPE[nn.Embedding] = Handler(_table, _first, _as_it_is)
_BY_TYPE[nn.LayerNorm] = Handler(_gain, _first, _layer_normed)
_BY_TYPE[nn.GroupNorm] = Handler(_gain, _first, _group_normed)
for _cls in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d):
    _BY_TYPE[_cls] = Handler(_gain, _first, _batch_normed)
_BY_NAME["RMSNorm"] = Handler(_gain, _first, _root_mean_square_normed)


def _attention(module: Any) -> tuple[Part, ...]:
    size, offset = module.embed_dim, "in_proj_bias" if module.in_proj_bias is not None else None
    widths = (size, module.kdim, module.vdim)
    turned, made = not module.batch_first, []
    recipe = ("rows", "turned") if turned else ("rows",)
    for i, (name, width) in enumerate(zip("qkv", widths, strict=True)):
        bounds = (i * size, (i + 1) * size)
        if module._qkv_same_embed_dim:
            weight, rows = "in_proj_weight", bounds
        else:
            weight, rows = f"{name}_proj_weight", None
        made.append(
            Part(name, weight, offset, width, rows=rows, bias_rows=bounds, turned=turned, recipe=recipe)
        )
    out = "out_proj.bias" if module.out_proj.bias is not None else None
    return (*made, Part("out", "out_proj.weight", out, size, turned=turned, recipe=("heads",)))


def _attention_inputs(module: Any, args: tuple, kwargs: dict) -> tuple[Tensor, ...]:
    names = ("query", "key", "value")
    given = dict(zip(names, args, strict=False)) | {name: kwargs[name] for name in names if name in kwargs}
    return (*(given[name] for name in names), _heads(module, args, kwargs))


def _heads(module: Any, args: tuple, kwargs: dict) -> Tensor:
    """Return what the output projection sees: the layer run with the identity in its place.

    The projection is called as a function on bare parameters, so a hook on `out_proj` never fires.
    """
    weight = module.out_proj.weight
    swapped = {"out_proj.weight": torch.eye(module.embed_dim, dtype=weight.dtype, device=weight.device)}
    if module.out_proj.bias is not None:
        swapped["out_proj.bias"] = torch.zeros_like(module.out_proj.bias)
    options = {**kwargs, "need_weights": False}
    if len(args) > 4:  # need_weights is the fifth argument
        args, options = (*args[:4], False, *args[5:]), dict(kwargs)
    return torch.func.functional_call(_unhooked(module), swapped, args, options)[0]


def _unhooked(module: Any) -> Any:
    """Return a shallow copy of a module that shares its parameters and has no hooks."""
    twin = object.__new__(type(module))
    twin.__dict__ = dict(module.__dict__)
    for name in (
        "_forward_pre_hooks",
        "_forward_hooks",
        "_forward_pre_hooks_with_kwargs",
        "_forward_hooks_with_kwargs",
    ):
        twin.__dict__[name] = {}
    # functional_call swaps tensors inside these dictionaries
    twin.__dict__["_parameters"] = dict(module._parameters)
    out = object.__new__(type(module.out_proj))
    out.__dict__ = {**module.out_proj.__dict__, "_parameters": dict(module.out_proj._parameters)}
    twin.__dict__["_modules"] = {**module._modules, "out_proj": out}
    return twin


def _attention_rows(module: Any, part: Part, x: Tensor) -> Tensor:
    if not module.batch_first and x.ndim == 3:
        x = x.transpose(0, 1)
    return x.unsqueeze(-2)


_BY_TYPE[nn.MultiheadAttention] = Handler(_attention, _attention_inputs, _attention_rows)
