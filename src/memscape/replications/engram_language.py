"""A study of our own: engrams in language models of the kinds that are in use, GPT-2's and Llama's.

Both are built by transformers from a configuration, with a tied head, and trained on the spot on 144 facts:
24 subjects, 6 relations, objects drawn at random from 40. The facts of one subject are erased, every subject
in turn. Tied matrices are left alone, which is the default.
"""

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import nn

from memscape import engrams
from memscape.core.random import derived
from memscape.engrams.examples import Examples
from memscape.replications.claim import Measured, claim
from memscape.replications.means import beyond_limits
from memscape.replications.networks import Facts, facts, fit_facts

SUBJECTS, RELATIONS = 24, 6
FACTS = "24 subjects x 6 relations, objects drawn from 40"


def drawn(build: Callable[[], nn.Module], seed: int, spread: float = 0.02) -> nn.Module:
    """Return what `build` makes, its matrices drawn anew from N(0, spread^2), the law of both families."""
    with torch.random.fork_rng():  # transformers draws from the global generator
        model = build()
    for i, parameter in enumerate(model.parameters()):
        if parameter.ndim > 1:
            parameter.data.normal_(0, spread, generator=derived(seed, i))
    return model


def gpt2(words: int, seed: int) -> nn.Module:
    """Return a GPT-2 of 2 blocks and width 64; needs `pip install '.[hub]'`."""
    transformers: Any = importlib.import_module("transformers")
    config = transformers.GPT2Config(
        vocab_size=words,
        n_positions=8,
        n_embd=64,
        n_layer=2,
        n_head=4,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
    )
    return drawn(lambda: transformers.GPT2LMHeadModel(config), seed)


def llama(words: int, seed: int) -> nn.Module:
    """Return a Llama of 2 blocks and width 64, two heads of keys for four of queries, tied head."""
    transformers: Any = importlib.import_module("transformers")
    config = transformers.LlamaConfig(
        vocab_size=words,
        hidden_size=64,
        intermediate_size=172,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=8,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=None,
    )
    return drawn(lambda: transformers.LlamaForCausalLM(config), seed)


FAMILIES = {"gpt2": gpt2, "llama": llama}


@cache
def erasures(family: str, seed: int, steps: int = 400) -> tuple[dict[str, Any], ...]:
    """Return for each subject how many of its facts are left, and what became of the others."""
    known = facts(SUBJECTS, RELATIONS, seed=seed)
    model = fit_facts(FAMILIES[family](known.words, seed), known, steps=steps, seed=seed)
    learned = Examples(known.ids, known.labels).answers(model).accuracy
    found = engrams.collect(
        model, [(known.ids, known.subjects)], concept=lambda batch: batch[1], progress=False
    )
    weights = [p.clone() for p in model.parameters()]
    rows = [_erased(model, known, found, seed, subject) for subject in range(SUBJECTS)]
    same = all(torch.equal(a, b) for a, b in zip(weights, model.parameters(), strict=True))
    return tuple(row | {"learned": learned, "put back": same} for row in rows)


def _erased(
    model: nn.Module, known: Facts, found: engrams.Statistics, seed: int, subject: int
) -> dict[str, Any]:
    own = known.subjects == subject
    with beyond_limits(), engrams.erased(model, found.engram(subject)):  # of tied matrices it would warn
        answers = Examples(known.ids, known.labels).answers(model)
    return {
        "seed": seed,
        "subject": subject,
        "facts left": int(answers.right[own].sum()),
        "others": round(float(answers.right[~own].float().mean()), 4),
        "loss": round(float(answers.losses[own].mean()), 2),
    }


def _measured(family: str, seed: int, number: Callable[[list[dict[str, Any]]], float]) -> Measured:
    rows = [dict(row) for s in (seed, seed + 1) for row in erasures(family, s)]
    note = "2 seeds x 24 subjects, tied table and head left as they are"
    return Measured(number(rows), None, 64, SUBJECTS * RELATIONS, FACTS, seed, rows, note)


def _most_left(rows: list[dict[str, Any]]) -> float:
    return float(max(row["facts left"] for row in rows))


def _least_kept(rows: list[dict[str, Any]]) -> float:
    return min(row["others"] for row in rows)


@claim(
    "gpt2",
    where="docs/concepts/audit.md",
    statement="One subject erased from a GPT-2 with a tied head: the largest number of its 6 facts left.",
    claimed=1.0,
    unit="facts",
    relation="at most",
    tier="minutes",
)
def gpt2_forgets(seed: int) -> Measured:
    """Return the largest number of facts left."""
    return _measured("gpt2", seed, _most_left)


@claim(
    "gpt2-others",
    where="docs/concepts/audit.md",
    statement="One subject erased from a GPT-2 with a tied head: smallest accuracy on all other facts.",
    claimed=0.97,
    unit="accuracy",
    relation="at least",
    tier="minutes",
)
def gpt2_keeps(seed: int) -> Measured:
    """Return the smallest accuracy on other subjects."""
    return _measured("gpt2", seed, _least_kept)


@claim(
    "llama",
    where="docs/concepts/audit.md",
    statement="One subject erased from a Llama with a tied head: the largest number of its 6 facts left.",
    claimed=1.0,
    unit="facts",
    relation="at most",
    tier="minutes",
)
def llama_forgets(seed: int) -> Measured:
    """Return the largest number of facts left."""
    return _measured("llama", seed, _most_left)


@claim(
    "llama-others",
    where="docs/concepts/audit.md",
    statement="One subject erased from a Llama with a tied head: smallest accuracy on all other facts.",
    claimed=0.97,
    unit="accuracy",
    relation="at least",
    tier="minutes",
)
def llama_keeps(seed: int) -> Measured:
    """Return the smallest accuracy on other subjects."""
    return _measured("llama", seed, _least_kept)
