"""Engrams as LoRA adapters, in the files that `peft` reads and writes; `peft` itself is not needed."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from memscape.core.arrays import require_count
from memscape.core.errors import CapabilityError, FileFormatError, InputError
from memscape.engrams.artefacts import compressed
from memscape.engrams.deltas import Delta, LowRank
from memscape.engrams.edits import require_strength
from memscape.engrams.engram import Engram
from memscape.engrams.handlers import FULL, Handler
from memscape.engrams.inspection import Site, digest, find_sites, refuse
from memscape.engrams.originals import original
from memscape.engrams.terms import HeldTerm

_PREFIX = "base_model.model."


def to_peft(engram: Engram, folder: str | Path, *, rank: int, alpha: float) -> Path:
    """Return the folder with the removal of an engram as a LoRA adapter, $\\Delta W = -\\alpha W^+$.

    `PeftModel.from_pretrained(model, folder)` then runs the model without the concept. Every layer keeps its
    `rank` largest directions; a bias that the engram absorbed is carried as `lora_bias`.

    Args:
        engram: what is taken out.
        folder: made where it is not there.
        rank: directions per layer; those beyond are lost.
        alpha: strength.

    Raises:
        InputError: for a strength that is no finite number.
        CapabilityError: for layers that a LoRA adapter cannot hold (tables, gains, attention of one block,
            grouped convolutions), named; leave them out with `engram.only(...)`.
    """
    require_count(rank, "rank")
    require_strength(alpha, "alpha")
    odd = [name for name, site in engram.sites.items() if not _fits(site)]
    if odd:
        raise CapabilityError(
            f"a LoRA adapter cannot hold {', '.join(odd)}; leave them out with engram.only([...])"
        )
    thin = {name: _thin(compressed(engram.delta(name), rank)) for name in engram.sites}
    width = max(min(rank, pair.rank) for pair in thin.values())
    tensors: dict[str, Tensor] = {}
    biased = any(pair.right.shape[2] > engram.sites[n].part.width for n, pair in thin.items())
    for name, pair in thin.items():
        tensors |= _lora(engram.sites[name], pair.scaled(-alpha), width, biased)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors", metadata=_origin(engram))
    (folder / "adapter_config.json").write_text(json.dumps(_config(engram, width, biased), indent=2))
    return folder


def _fits(site: Site) -> bool:
    whole = site.part.rows is None and site.part.bias_rows is None and not site.part.turned
    return (
        site.part.kind == FULL and site.part.groups == 1 and whole and site.name == (site.module or "model")
    )


def _thin(delta: Delta) -> LowRank:
    if isinstance(delta, LowRank):
        return LowRank(delta.left.double(), delta.right.double())
    matrix = delta.dense()
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    return LowRank(u * s[:, None], v)


def _lora(site: Site, pair: Delta, width: int, biased: bool) -> dict[str, Tensor]:
    """Return the tensors of one layer, filled up with zeros to the adapter's width."""
    parts = pair.tensors()
    left, right = parts["left"][0], parts["right"][0]
    a = torch.zeros(width, site.part.width)
    b = torch.zeros(left.shape[0], width)
    a[: right.shape[0]] = right[:, : site.part.width]
    b[:, : left.shape[1]] = left
    offset = (left @ right[:, site.part.width :]).sum(1).float()
    shape = site.part.kernel
    if shape:
        a, b = a.reshape(width, *shape), b.reshape(*b.shape, *(1,) * (len(shape) - 1))
    key = f"{_PREFIX}{site.module}."
    tensors = {f"{key}lora_A.weight": a.contiguous(), f"{key}lora_B.weight": b.contiguous()}
    return tensors | ({f"{key}lora_B.bias": offset.contiguous()} if biased else {})


def _origin(engram: Engram) -> dict[str, str]:
    return {"format": "pt", "engram": json.dumps(engram.concepts), "model_hash": engram.model_hash}


def _config(engram: Engram, width: int, biased: bool) -> dict[str, Any]:
    return {
        "peft_type": "LORA",
        "task_type": None,
        "base_model_name_or_path": None,
        "inference_mode": True,
        "r": width,
        "lora_alpha": width,  # scale lora_alpha / r = 1
        "lora_dropout": 0.0,
        "bias": "none",
        "lora_bias": biased,
        "fan_in_fan_out": all(site.part.transposed for site in engram.sites.values()),
        "target_modules": [site.module for site in engram.sites.values()],
    }


def from_peft(folder: str | Path, model: nn.Module) -> Engram:
    """Return the engram whose removal is what a LoRA adapter does to a model: $W^+ = -s B A$.

    Args:
        folder: holds adapter_config.json and adapter_model.safetensors.
        model: the adapter's base model, without the adapter.

    Raises:
        FileNotFoundError: where the files are not there.
        FileFormatError: where they cannot be read, or the adapter is not a plain LoRA.
        InputError: where the model lacks a layer of the adapter.
    """
    refuse(model)
    config, tensors = _read(Path(folder))
    found = {site.module: (site, handler) for site, handler in _sites(model, tensors)}
    layers: dict[str, Delta] = {}
    sites: dict[str, Site] = {}
    for module, pair in _pairs(tensors).items():
        if module not in found:
            raise InputError(f"the model has no linear layer {module!r}, which the adapter changes")
        site = found[module][0]
        sites[site.name] = site
        layers[site.name] = _delta(site, pair, -_scale(config, module))
    names = {n for site in sites.values() for n in (site.weight, site.bias) if n is not None}
    digests = {name: digest(original(model, name)) for name in sorted(names)}
    return Engram({HeldTerm("adapter", layers, sites, digests, ("adapter", str(folder))): 1.0})


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"there is no {name} in {str(folder)!r}")
    try:
        config = json.loads((folder / "adapter_config.json").read_text())
        tensors = load_file(folder / "adapter_model.safetensors")
    except (ValueError, SafetensorError) as error:
        raise FileFormatError(f"the adapter in {str(folder)!r} cannot be read ({error})") from None
    odd = [name for name in ("use_dora", "modules_to_save") if config.get(name)]
    if config.get("peft_type") != "LORA" or odd:
        raise FileFormatError(
            f"the adapter in {str(folder)!r} is no plain LoRA ({config.get('peft_type')}{odd})"
        )
    return config, tensors


def _pairs(tensors: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    grouped: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        module, mark, leaf = name.removeprefix(_PREFIX).partition(".lora_")
        if not mark:
            raise FileFormatError(f"{name!r} is no part of a LoRA adapter")
        letter, kind = leaf[0], leaf.rsplit(".", 1)[-1]
        grouped.setdefault(module, {})[f"{letter}.{kind}"] = tensor
    return grouped


def _sites(model: nn.Module, tensors: dict[str, Tensor]) -> list[tuple[Site, Handler]]:
    found, _ = find_sites(model, None, norms=False, unsupported="skip")
    return [(site, handler) for site, handler in found if _fits(site)]


def _scale(config: dict[str, Any], module: str) -> float:
    rank = config.get("rank_pattern", {}).get(module, config["r"])
    alpha = config.get("alpha_pattern", {}).get(module, config["lora_alpha"])
    return alpha / (rank**0.5 if config.get("use_rslora") else rank)


def _delta(site: Site, pair: dict[str, Tensor], scale: float) -> LowRank:
    a, b = pair["A.weight"].double().flatten(1), pair["B.weight"].double().flatten(1)
    if a.shape[1] != site.part.width or a.shape[0] != b.shape[1]:
        raise InputError(
            f"the adapter's {site.module!r} is {tuple(b.shape)} x {tuple(a.shape)}, the model's layer sees "
            f"{site.part.width}"
        )
    if "B.bias" not in pair or site.bias is None:
        return LowRank(scale * b[None], a[None])
    # one more direction, which reads the appended 1
    left = torch.cat([b, pair["B.bias"].double()[:, None]], dim=1)
    right = torch.zeros(a.shape[0] + 1, a.shape[1] + 1, dtype=a.dtype)
    right[:-1, :-1], right[-1, -1] = a, 1.0
    return LowRank(scale * left[None], right[None])
