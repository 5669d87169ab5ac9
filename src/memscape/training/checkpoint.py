"""Checkpoints: module, optimiser and history in one file of tensors and numbers. Loading never runs code."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from memscape.core.errors import FileFormatError
from memscape.core.files import load_bundle, save_bundle


@dataclass(frozen=True)
class Progressed:
    """How far a run is: its seed, the losses so far, what was watched."""

    seed: int
    losses: list[float]
    watched: list[tuple[int, dict[str, float]]]


def write(path: str | Path, module: nn.Module, optimizer: torch.optim.Optimizer, run: Progressed) -> None:
    """Write a checkpoint; the old file is replaced only when the new one is complete."""
    tensors = {f"module.{name}": value for name, value in module.state_dict().items()}
    state = optimizer.state_dict()
    numbers: dict[str, dict[str, Any]] = {}
    for key, values in state["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{key}.{name}"] = value
            else:
                numbers.setdefault(str(key), {})[name] = value
    tensors["losses"] = torch.tensor(run.losses, dtype=torch.float64)
    parts = {"seed": run.seed, "watched": run.watched, "groups": state["param_groups"], "numbers": numbers}
    parts["optimizer"] = type(optimizer).__name__
    save_bundle(path, kind="checkpoint", card="Checkpoint", tensors=tensors, parts=parts)


def read(path: str | Path, module: nn.Module, optimizer: torch.optim.Optimizer) -> Progressed:
    """Put module and optimiser into the state of a checkpoint, in place, and return how far the run was.

    Raises:
        FileNotFoundError: if there is no such file.
        FileFormatError: if it is no checkpoint, or one of another module or optimiser.
    """
    bundle = load_bundle(path)
    if bundle.kind != "checkpoint":
        raise FileFormatError(f"{str(path)!r} holds a {bundle.kind}, not a checkpoint")
    if bundle.parts["optimizer"] != type(optimizer).__name__:
        raise FileFormatError(
            f"{str(path)!r} was written with {bundle.parts['optimizer']}; resume with that optimiser, "
            f"not with {type(optimizer).__name__}"
        )
    own = {name[7:]: value for name, value in bundle.tensors.items() if name.startswith("module.")}
    try:
        module.load_state_dict(own)
    except RuntimeError as error:
        raise FileFormatError(f"{str(path)!r} is the checkpoint of another module: {error}") from None
    state: dict[int, dict[str, Any]] = {
        int(key): dict(found) for key, found in bundle.parts["numbers"].items()
    }
    for name, value in bundle.tensors.items():
        if name.startswith("optimizer."):
            _, key, entry = name.split(".", 2)
            state.setdefault(int(key), {})[entry] = value
    optimizer.load_state_dict({"state": state, "param_groups": bundle.parts["groups"]})
    watched = [(int(step), found) for step, found in bundle.parts["watched"]]
    return Progressed(bundle.parts["seed"], bundle.tensors["losses"].tolist(), watched)
