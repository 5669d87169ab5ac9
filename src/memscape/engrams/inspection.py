"""What a model is made of: the matrices that can be edited, those that must not be, and a digest of each."""

import fnmatch
import hashlib
import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import is_lazy

from memscape.core.errors import InputError, MemscapeWarning
from memscape.engrams.handlers import GAIN, TOKENS, Handler, Part, handler_of

Modules = Callable[[str, nn.Module], bool] | Iterable[str | type] | None
"""Which layers are meant: a predicate (name, module), names, globs such as "blocks.*.mlp.*", or classes."""


_SHARDING = (("torch.distributed.fsdp", "FullyShardedDataParallel"), ("torch.distributed.fsdp", "FSDPModule"))
_SHARDED = (
    ("torch.distributed.tensor", "DTensor"),
    ("torch.distributed.fsdp", "FlatParameter"),
    ("torch.distributed._shard.sharded_tensor", "ShardedTensor"),
)
_GATHER = (
    "load its whole weights into a plain model: torch.distributed.checkpoint.state_dict.get_model_state_dict("
    "model, options=StateDictOptions(full_state_dict=True))"
)


class UnsupportedError(InputError, TypeError):
    """A model or layer whose weights cannot be read and written as they are."""


@dataclass(frozen=True)
class Site:
    """One matrix of a model that an engram can live in.

    Attributes:
        name: the layer's name, with the part's where it has several: "blocks.0.attn.q".
        module: the layer's name in the model.
        part: how its weight is read.
        weight, bias: names of its parameters in the model.
        source: name of the site whose input statistics it shares, itself where it shares none.
        tied: names of other parameters of the model that are the same memory.
    """

    name: str
    module: str
    part: Part
    weight: str
    bias: str | None
    source: str = ""
    tied: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        return asdict(self) | {"part": asdict(self.part) | {"recipe": []}}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> "Site":
        """Return the site that `to_dict` wrote."""
        part = dict(plain["part"])
        for name in ("rows", "bias_rows"):
            part[name] = tuple(part[name]) if part[name] is not None else None
        part |= {"recipe": (), "kernel": tuple(part["kernel"])}
        fields = {name: plain[name] for name in ("name", "module", "weight", "bias", "source")}
        return cls(part=Part(**part), tied=tuple(plain["tied"]), **fields)


def bare(model: nn.Module) -> nn.Module:
    """Return the model inside DistributedDataParallel or DataParallel, any other as it is."""
    wrapped = (nn.parallel.DistributedDataParallel, nn.DataParallel)
    inner: Any = model.module if isinstance(model, wrapped) else model
    return inner


def refuse(model: nn.Module) -> None:
    """Raise `UnsupportedError` for a model whose weights cannot be edited in place, with the reason."""
    if not isinstance(model, nn.Module):
        raise UnsupportedError(f"the model is a {type(model).__name__}; give a torch.nn.Module")
    for name, module in model.named_modules():
        reason = _odd_module(module)
        if reason:
            raise UnsupportedError(f"layer {name or 'model'!r} ({type(module).__name__}) {reason}")
    for name, parameter in model.named_parameters():
        reason = _odd_parameter(parameter)
        if reason:
            raise UnsupportedError(f"parameter {name!r} {reason}")


def _odd_module(module: nn.Module) -> str:
    kind, home = type(module).__name__, type(module).__module__
    if kind == "OptimizedModule" or getattr(module, "_compiled_call_impl", None) is not None:
        return (
            "is compiled; give the model that was given to torch.compile (compiled._orig_mod), which shares "
            "its weights"
        )
    if isinstance(module, torch.jit.ScriptModule):
        return "is a script; give the Python module that it was made from"
    if "quantized" in home or kind in {"Linear4bit", "Linear8bitLt", "QuantLinear", "WQLinear_GEMM"}:
        return "is quantised; collect and edit the floating-point model, then quantise it"
    if isinstance(module, _known(_SHARDING)):
        return f"is sharded; {_GATHER}"
    if isinstance(module, LazyModuleMixin) and module.has_uninitialized_params():
        return "has no weights before its first batch; run the model once: model(batch)"
    if torch.nn.utils.parametrize.is_parametrized(module):
        return (
            "has parametrised weights; make them plain with "
            "torch.nn.utils.parametrize.remove_parametrizations"
        )
    return ""


def _known(names: Iterable[tuple[str, str]]) -> tuple[type, ...]:
    """Return the classes of these modules and names that are loaded: of another one there is no instance."""
    found = (getattr(sys.modules.get(module), name, None) for module, name in names)
    return tuple(cls for cls in found if isinstance(cls, type))


def _odd_parameter(parameter: Tensor) -> str:
    if is_lazy(parameter):
        return "has no numbers before its first batch; run the model once: model(batch)"
    kind = type(parameter.data).__name__
    if parameter.is_meta:
        return "is on the meta device and holds no numbers; load the weights first"
    for sharded in _known(_SHARDED):
        if isinstance(parameter, sharded) or isinstance(parameter.data, sharded):
            return f"is sharded ({sharded.__name__}); {_GATHER}"
    if parameter.is_quantized or not (parameter.is_floating_point() or parameter.is_complex()):
        return f"is quantised ({parameter.dtype}); edit the floating-point model, then quantise it"
    if type(parameter.data) is not Tensor:
        return f"is a {kind}, no plain tensor; edit the floating-point model it was made from"
    if parameter.is_complex():
        return "is complex; engrams are defined for real weights"
    return ""


def find_sites(
    model: nn.Module, modules: Modules, *, norms: bool, unsupported: str
) -> tuple[list[tuple[Site, Handler]], dict[str, str]]:
    """Return the matrices of the chosen layers with their handlers, and what was skipped with the reason.

    Raises:
        InputError: where a chosen layer is not there, or holds matrices that nothing can read.
    """
    if unsupported not in ("raise", "skip"):
        raise InputError(f"unsupported is {unsupported!r}; it must be 'raise' or 'skip'")
    chosen, explicit = _chooser(model, modules), modules is not None
    found, skipped, inside = [], {}, ()
    for name, module in model.named_modules():
        if inside and name.startswith(inside):
            continue  # a handled layer speaks for the modules inside it
        if not chosen(name, module):
            continue
        handler = handler_of(module)
        parts = handler.parts(module) if handler else ()
        if parts and any(part.kind == GAIN for part in parts) and not (norms or explicit):
            continue
        if handler is None:
            skipped |= _unread(name, module)
            continue
        if next(module.children(), None) is not None:
            inside = (*inside, f"{name}." if name else "")
        found += [(_site(model, name, part), handler) for part in parts]
    if skipped and unsupported == "raise":
        raise UnsupportedError(
            f"no handler for {', '.join(f'{n} ({why})' for n, why in skipped.items())}; register one with "
            "@engrams.register, choose layers with modules=..., or leave these out with unsupported='skip'"
        )
    if not found:
        raise InputError(
            "no layer is left to collect from; give a model with linear layers, or other modules=..."
        )
    return _with_ties(model, found), skipped


def _unread(name: str, module: nn.Module) -> dict[str, str]:
    """Return the own parameters of a module that are matrices: nothing reads them."""
    own = [n for n, p in module.named_parameters(recurse=False) if sum(d > 1 for d in p.shape) >= 2]
    return {name or "model": f"{type(module).__name__}: {', '.join(own)}"} if own else {}


def _site(model: nn.Module, module: str, part: Part) -> Site:
    prefix = f"{module}." if module else ""
    known = dict(model.named_parameters(remove_duplicate=False))
    weight, bias = prefix + part.weight, prefix + part.bias if part.bias else None
    for name in filter(None, (weight, bias)):
        if name not in known:
            raise UnsupportedError(
                f"{name!r} is computed, no parameter of the model (weight_norm, a custom layer?); make it "
                f"one, or leave the layer out with modules=..."
            )
    own = (module or "model") + (f".{part.name}" if part.name else "")
    return Site(own, module, part, weight, bias, source=own)


def _with_ties(model: nn.Module, found: list[tuple[Site, Handler]]) -> list[tuple[Site, Handler]]:
    places: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if parameter.numel():
            places.setdefault(parameter.untyped_storage().data_ptr(), []).append(name)
    tied = {name: tuple(n for n in group if n != name) for group in places.values() for name in group}
    made = []
    for site, handler in found:
        made.append((replace(site, tied=tied.get(site.weight, ())), handler))
    return made


def _chooser(model: nn.Module, modules: Modules) -> Callable[[str, nn.Module], bool]:
    if modules is None:
        return lambda name, module: True
    if callable(modules) and not isinstance(modules, type):
        predicate: Any = modules
        return predicate
    wanted = [modules] if isinstance(modules, str | type) else list(modules)
    odd = [w for w in wanted if not isinstance(w, str | type)]
    if odd:
        raise InputError(f"modules holds {odd[0]!r}; give names, globs such as 'blocks.*', or classes")
    names, kinds = [w for w in wanted if isinstance(w, str)], tuple(w for w in wanted if isinstance(w, type))
    known = [name for name, _ in model.named_modules()]
    for pattern in names:
        if not fnmatch.filter(known, pattern):
            raise InputError(f"no layer is called {pattern!r}; the model has {', '.join(known[1:9])}, ...")
    return lambda name, module: (
        any(fnmatch.fnmatchcase(name, pattern) for pattern in names)
        or (bool(kinds) and isinstance(module, kinds))
    )


def digest(tensor: Tensor) -> str:
    """Return a fingerprint of a tensor's values, shape and dtype."""
    plain = tensor.detach().cpu().contiguous()
    seal = hashlib.sha256(f"{plain.dtype}{tuple(plain.shape)}".encode())
    seal.update(plain.reshape(-1).view(torch.uint8).numpy())
    return seal.hexdigest()[:32]


def model_digest(digests: dict[str, str]) -> str:
    """Return one fingerprint of many."""
    return hashlib.sha256("".join(f"{n}:{digests[n]};" for n in sorted(digests)).encode()).hexdigest()[:32]


def left_out(sites: Iterable[Site]) -> list[Site]:
    """Return the sites whose matrix is tied to another parameter."""
    return [site for site in sites if site.tied]


def warn_tied(sites: list[Site]) -> None:
    """Warn of tied matrices that are left out."""
    if sites:
        named = "; ".join(f"{site.weight} = {', '.join(site.tied)}" for site in sites)
        warnings.warn(
            f"{len(sites)} tied matrices are left as they are: {named}. An edit of one would change the "
            f"other; tied='edit' edits the shared matrix once, on purpose",
            MemscapeWarning,
            stacklevel=6,
        )


def editable(sites: Iterable[Site], tied: str) -> list[Site]:
    """Return the sites that are written: with tied="edit", one of each group of tied ones (a linear layer's).

    Raises:
        InputError: unless tied is "leave" or "edit".
    """
    if tied not in ("leave", "edit"):
        raise InputError(f"tied is {tied!r}; it must be 'leave' or 'edit'")
    sites = list(sites)
    if tied == "leave":
        return [site for site in sites if not site.tied]
    taken: set[str] = set()
    made = []
    for site in sorted(sites, key=lambda s: s.part.kind == TOKENS):
        if site.tied and site.weight in taken:
            continue
        taken |= set(site.tied)
        made.append(site)
    return sorted(made, key=sites.index)
