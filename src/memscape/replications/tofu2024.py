"""Maini et al. (2024, arXiv 2401.06121): TOFU, made-up authors to be unlearned; its numbers for AI Engram.

Needs an accelerator, a model fine-tuned on TOFU, and two files of the data set; none is downloaded here:

    hf download open-unlearning/tofu_Llama-3.2-1B-Instruct_full --local-dir tofu-model
    hf download locuslab/TOFU forget10.json retain90.json --repo-type dataset --local-dir tofu-data
    MEMSCAPE_TOFU_MODEL=tofu-model MEMSCAPE_TOFU=tofu-data memscape replicate tofu2024
"""

import importlib
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from memscape import engrams
from memscape.replications.claim import Measured, claim
from memscape.replications.means import beyond_limits

MODEL, DATA = "MEMSCAPE_TOFU_MODEL", "MEMSCAPE_TOFU"
"""The environment variables that name the folders of the model and of the data."""

BATCH = 16
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "pinv, strength .6": {"solver": "pinv", "alpha": 0.6},
    "pinv, by norm": {"solver": "pinv", "alpha": "norm"},
}
"""How the engram is solved and applied; the last two are the paper's."""


@dataclass(frozen=True)
class Questions:
    """Questions with their answers as tokens, padded on the right.

    Attributes:
        ids: (p, t).
        real: (p, t) tokens that are none of padding.
        answers: (p, t) tokens from which a token of the answer is predicted.
    """

    ids: Int[Tensor, "p t"]
    real: Bool[Tensor, "p t"]
    answers: Bool[Tensor, "p t"]

    def batches(self, label: int) -> list[dict[str, Any]]:
        """Return batches for `engrams.collect`, all of one concept."""
        places = torch.arange(len(self.ids)).split(BATCH)
        return [
            {
                "inputs": {"input_ids": self.ids[rows], "attention_mask": self.real[rows].long()},
                "label": torch.full((len(rows),), label),
                "real": self.real[rows],
                "answers": self.answers[rows],
            }
            for rows in places
        ]

    @torch.no_grad()
    def loss(self, model: nn.Module) -> float:
        """Return the mean loss of the answers' tokens in nats."""
        total, count = 0.0, 0
        device = next(model.parameters()).device
        for batch in self.batches(0):
            ids = batch["inputs"]["input_ids"].to(device)
            logits = model(input_ids=ids, attention_mask=batch["inputs"]["attention_mask"].to(device)).logits
            asked = batch["answers"][:, :-1].to(device)
            losses = nn.functional.cross_entropy(
                logits[:, :-1][asked].float(), ids[:, 1:][asked], reduction="sum"
            )
            total, count = total + float(losses), count + int(asked.sum())
        return total / count


def read_questions(path: Path, tokenizer: Any) -> Questions:
    """Return the questions and answers of a file of TOFU, a JSON object in each line.

    Raises:
        FileNotFoundError: if there is no such file.
    """
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    pairs = [_tokens(tokenizer, line["question"], line["answer"]) for line in lines]
    width = max(len(asked) + len(answer) for asked, answer in pairs)
    ids = torch.zeros(len(pairs), width, dtype=torch.long)
    real, answers = torch.zeros_like(ids, dtype=torch.bool), torch.zeros_like(ids, dtype=torch.bool)
    for row, (asked, answer) in enumerate(pairs):
        end = len(asked) + len(answer)
        ids[row, :end] = torch.tensor(asked + answer)
        real[row, :end] = True
        answers[row, len(asked) - 1 : end - 1] = True  # the token in front predicts
    return Questions(ids, real, answers)


def _tokens(tokenizer: Any, question: str, answer: str) -> tuple[list[int], list[int]]:
    if tokenizer.chat_template:
        turn = [{"role": "user", "content": question}]
        asked = tokenizer.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)
    else:
        asked = f"{tokenizer.bos_token or ''}Question: {question}\nAnswer: "
    ends = [tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else []
    return (
        list(tokenizer(asked, add_special_tokens=False)["input_ids"]),
        list(tokenizer(answer, add_special_tokens=False)["input_ids"]) + ends,
    )


@cache
def losses(tied: str = "edit") -> tuple[dict[str, Any], ...]:
    """Return the losses on forget and retain before and after, one row for each setting.

    `tied`: the published run edits the head, which is the table of tokens too.
    """
    transformers, folder, data = _places()
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True).eval()
    model = model.to("cuda" if torch.cuda.is_available() else "cpu")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    forget, retain = (read_questions(data / f"{name}.json", tokenizer) for name in ("forget10", "retain90"))
    found = engrams.collect(
        model,
        [*forget.batches(1), *retain.batches(0)],
        concept="label",
        inputs=lambda batch: batch["inputs"],
        mask=lambda batch: batch["answers"],
        reference_mask=lambda batch: batch["real"],
        modules=lambda name, module: not isinstance(module, nn.Embedding),
        progress=False,
    )
    rows = [{"setting": "as trained", "forget": forget.loss(model), "retain": retain.loss(model)}]
    for name, setting in SETTINGS.items():
        options = dict(setting)
        alpha = options.pop("alpha", 1.0)
        engram = found.engram(1, **options)
        alpha = engrams.norm_scaled(engram, model) if alpha == "norm" else alpha
        with beyond_limits(), engram.erased(model, alpha, tied=tied):
            rows.append({"setting": name, "forget": forget.loss(model), "retain": retain.loss(model)})
    return tuple(rows)


def _places() -> tuple[Any, Path, Path]:
    places = {name: os.environ.get(name) for name in (MODEL, DATA)}
    if missing := [name for name, value in places.items() if not value or not Path(value).is_dir()]:
        raise FileNotFoundError(
            f"{' and '.join(missing)} must name the folders of a model tuned on TOFU and of its data; "
            "memscape.replications.tofu2024 says how to get them"
        )
    return importlib.import_module("transformers"), Path(places[MODEL] or ""), Path(places[DATA] or "")


def _measured(seed: int, what: str) -> Measured:
    rows = [dict(row) for row in losses()]
    value = next(row[what] for row in rows if row["setting"] == "default")
    return Measured(value, None, 0, 0, "TOFU forget10 and retain90", seed, rows, "nothing is drawn")


@claim(
    "forget",
    where="arXiv 2606.14997, TOFU forget10, Llama-3.2-1B-Instruct: .13 becomes 2.10",
    statement="All answers about a tenth of TOFU's authors erased: their loss is at least the published one.",
    claimed=2.10,
    unit="nats per token",
    relation="at least",
    tier="gpu",
)
def forget(seed: int) -> Measured:
    """Return the loss on what was erased, at the default settings."""
    return _measured(seed, "forget")


@claim(
    "retain",
    where="arXiv 2606.14997, TOFU forget10, Llama-3.2-1B-Instruct: .14 becomes .70",
    statement="Answers about a tenth of TOFU's authors erased: loss on the others, at most as published.",
    claimed=0.70,
    unit="nats per token",
    relation="at most",
    tier="gpu",
)
def retain(seed: int) -> Measured:
    """Return the loss on the other authors, at the default settings."""
    return _measured(seed, "retain")
