"""What a user names on the command line of `memscape engram`: a network, and labelled rows for it."""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from memscape.cli.frame import one_line, say
from memscape.cli.inputs import sound

if TYPE_CHECKING:
    from torch import nn

    from memscape.engrams import Statistics
    from memscape.engrams.examples import Examples

BATCH = 64
"""Rows of one forward pass."""

KINDS = {
    "ForCausalLM": "AutoModelForCausalLM",
    "LMHeadModel": "AutoModelForCausalLM",
    "ForSequenceClassification": "AutoModelForSequenceClassification",
}
"""Ends of an architecture's name to the class of transformers that builds it."""


def read_model(name: str, weights: Path | None = None) -> "nn.Module":
    """Return the network that a user names: a folder as transformers saves it, or `module:function`.

    A folder is read without running any code of it. `module:function` is the user's own code: it is imported
    from the current directory and called without arguments.
    """
    model = _from_folder(Path(name)) if Path(name).is_dir() else _from_function(name)
    if weights is not None:
        from safetensors.torch import load_file

        sound(weights)
        try:
            read = load_file(str(weights))
        except Exception as error:
            raise typer.BadParameter(
                f"{str(weights)!r} is no safetensors file ({one_line(error)}); "
                "safetensors.torch.save_file writes one from a state_dict"
            ) from None
        try:
            model.load_state_dict(read)
        except Exception as error:
            raise typer.BadParameter(f"{str(weights)!r} does not fit the model: {one_line(error)}") from None
    return model.eval()


def check_fit(model: "nn.Module", inputs: Any, path: Path) -> None:
    """Refuse rows that the network cannot be called with, by calling it with the first two.

    Args:
        model: the network.
        inputs: what it is called with, the rows of `path`.
        path: in the error.

    Raises:
        InputError: with what the network raised as its cause.
    """
    import torch

    from memscape.core.errors import InputError
    from memscape.core.modes import evaluating
    from memscape.engrams.labelling import call, placed

    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    try:
        with torch.no_grad(), evaluating(model):
            call(model, placed(inputs, device))
    except Exception as error:
        raise InputError(f"the network cannot take the rows of {str(path)!r}: {one_line(error)}") from error


def _from_folder(folder: Path) -> "nn.Module":
    from memscape.core.errors import FileFormatError

    refusal = f"{str(folder)!r} holds no model saved by transformers"
    if not (folder / "config.json").is_file():
        raise FileFormatError(f"{refusal}: it has no config.json")
    transformers = _transformers()
    try:
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
        named = (config.architectures or [""])[0]
        kind = next((made for end, made in KINDS.items() if named.endswith(end)), "AutoModel")
        return getattr(transformers, kind).from_pretrained(
            folder, use_safetensors=True, trust_remote_code=False
        )
    except Exception as error:
        raise FileFormatError(f"{refusal}: {one_line(error)}") from error


def _transformers() -> Any:
    try:
        return importlib.import_module("transformers")
    except ModuleNotFoundError:
        raise typer.BadParameter(
            "a folder of weights is read by transformers: pip install '.[hub]' in the checkout of memscape"
        ) from None


def _from_function(name: str) -> "nn.Module":
    from torch import nn

    from memscape.core.errors import InputError

    module, _, function = name.partition(":")
    if not function:
        meant = Path(name).stem or name
        raise typer.BadParameter(
            f"{name!r} is no folder and no module:function that builds a model, such as {meant}:build"
        )
    sys.path.insert(0, str(Path.cwd()))
    try:
        try:
            build = getattr(importlib.import_module(module), function)
        except Exception as error:
            raise InputError(f"{name!r} cannot be built: {one_line(error)}") from error
        if not callable(build) or isinstance(build, nn.Module):
            raise InputError(f"{name!r} is a {type(build).__name__}, no function that builds a model")
        try:
            built = build()
        except Exception as error:
            raise InputError(f"{name!r} raised {one_line(error)}") from error
    finally:
        sys.path.pop(0)
    if not isinstance(built, nn.Module):
        raise typer.BadParameter(f"{name!r} returns a {type(built).__name__}, no torch.nn.Module")
    return built


@dataclass(frozen=True)
class LabelledRows:
    """Rows for a network.

    Attributes:
        examples: inputs and labels.
        concepts: the concept of each row.
        mask: for sentences with an answer, (p, t): the answer's tokens, which make up the concept.
        padding: for sentences, (p, t): tokens that are none of padding.
    """

    examples: "Examples"
    concepts: tuple[int | str, ...]
    mask: Any = None
    padding: Any = None

    def part(self, concepts: set[int | str], inside: bool) -> "Examples":
        """Return the rows of these concepts, or all others."""
        import torch

        chosen = [i for i, concept in enumerate(self.concepts) if (concept in concepts) is inside]
        return self.examples.rows(torch.tensor(chosen, dtype=torch.long))

    def statistics(self, model: "nn.Module", count: int | None = None) -> "Statistics":
        """Return the statistics of one pass over the first `count` rows, all where it is None."""
        import torch

        from memscape.engrams import collect

        places = torch.arange(len(self.concepts))[:count].split(BATCH)
        batches = [
            {
                "rows": self.examples.rows(place).inputs,
                "concept": [self.concepts[i] for i in place.tolist()],
                "mask": None if self.mask is None else self.mask[place],
                "padding": None if self.padding is None else self.padding[place],
            }
            for place in places
        ]
        return collect(
            model,
            batches,
            concept=lambda batch: batch["concept"],
            inputs=lambda batch: batch["rows"],
            mask=None if self.mask is None else lambda batch: batch["mask"],
            reference_mask=None if self.padding is None else lambda batch: batch["padding"],
            unsupported="skip",
        )


def read_rows(path: Path, model_name: str) -> LabelledRows:
    """Return labelled rows: .npz with arrays x and y, or .jsonl with text, label and perhaps answer."""
    sound(path)
    if not path.is_file():
        raise typer.BadParameter(f"there is no file {str(path)!r}")
    if path.suffix == ".npz":
        return _arrays(path)
    if path.suffix == ".jsonl":
        return _sentences(path, model_name)
    raise typer.BadParameter(f"{path.name} is neither .npz (arrays x and y) nor .jsonl (text, label, answer)")


def _arrays(path: Path) -> LabelledRows:
    import numpy as np

    from memscape.core.arrays import as_tensor
    from memscape.engrams.examples import Examples

    with np.load(path, allow_pickle=False) as held:
        if missing := {"x", "y"} - set(held):
            raise typer.BadParameter(
                f"{path.name} lacks {', '.join(sorted(missing))}; it needs arrays x and y"
            )
        x, y = as_tensor(held["x"], "x"), as_tensor(held["y"], "y").long()
    if len(x) != len(y) or y.ndim != 1:
        raise typer.BadParameter(f"{path.name}: {len(x)} rows of x and y of shape {tuple(y.shape)}")
    return LabelledRows(Examples(x, y), tuple(y.tolist()))


def _sentences(path: Path, model_name: str) -> LabelledRows:
    import json

    import torch

    from memscape.core.errors import FileFormatError
    from memscape.engrams.examples import Examples

    if not Path(model_name).is_dir():
        raise typer.BadParameter(
            f"{path.name} holds sentences, which need the tokenizer of a folder that transformers saved; "
            f"{model_name!r} is none: give it rows of numbers as .npz"
        )
    try:
        tokenizer = _transformers().AutoTokenizer.from_pretrained(model_name, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise FileFormatError(f"{model_name!r} holds no tokenizer that is read: {one_line(error)}") from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "right"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not lines or any("text" not in line or "label" not in line for line in lines):
        raise typer.BadParameter(f"{path.name}: every line is a JSON object with text and label (and answer)")
    full = [line["text"] + line.get("answer", "") for line in lines]
    tokens = dict(tokenizer(full, padding=True, return_tensors="pt"))
    padding = tokens["attention_mask"].bool()
    concepts = tuple(line["label"] for line in lines)
    if not any(line.get("answer") for line in lines):  # a classifier: labels are classes
        numbers = torch.tensor(_classes(concepts, model_name))
        return LabelledRows(Examples(tokens, numbers), concepts, None, padding)
    asked = torch.tensor([len(tokenizer(line["text"])["input_ids"]) for line in lines])
    places = torch.arange(padding.shape[1])
    # the token in front of an answer's token predicts it: its state is what the concept is made of
    mask = (places >= asked[:, None] - 1) & padding & (places < padding.sum(1, keepdim=True) - 1)
    following = torch.cat([tokens["input_ids"][:, 1:], tokens["input_ids"][:, :1]], dim=1)
    return LabelledRows(Examples(tokens, torch.where(mask, following, -100)), concepts, mask, padding)


def _classes(concepts: tuple[int | str, ...], model_name: str) -> list[int]:
    """Return the number that a classifier has for each label, by the names in its configuration."""
    config = _transformers().AutoConfig.from_pretrained(model_name, trust_remote_code=False)
    known = {str(name): number for name, number in config.label2id.items()}
    if unknown := [name for name in concepts if not isinstance(name, int) and name not in known]:
        raise typer.BadParameter(
            f"the label {unknown[0]!r} is no class of the model, which has {', '.join(known)}; give numbers, "
            "or an answer to each text of a language model"
        )
    return [name if isinstance(name, int) else known[name] for name in concepts]


def estimate(model: "nn.Module", rows: LabelledRows) -> dict[str, float]:
    """Return MiB and seconds that a pass will take, and say so: from one batch, before the pass starts."""
    import time

    first = min(BATCH, len(rows.concepts))
    started = time.perf_counter()
    tried = rows.statistics(model, first)
    seconds = (time.perf_counter() - started) * len(rows.concepts) / first
    count = len(set(rows.concepts))
    size = sum(moments.largest(count) for moments in tried.inputs.values()) / 2**20
    solve = sum(moments.width**3 / 3 for moments in tried.inputs.values()) / 5e9
    say(
        f"{len(rows.concepts)} rows, {count} concepts, {len(tried.sites)} matrices: up to {size:,.0f} MiB, "
        f"about {seconds:.0f} s to collect and {solve:.0f} s to solve"
    )
    for name, reason in tried.skipped.items():
        say(f"left out: {name} ({reason})")
    return {"MiB": size, "seconds": seconds + solve}
