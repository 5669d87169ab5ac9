"""Models of transformers, built from a config.

Every matrix is read, tied heads are left, adapters go to peft.
"""

import pytest
import torch

from memscape import engrams
from memscape.core.errors import CapabilityError, MemscapeWarning

transformers = pytest.importorskip("transformers", reason="needs transformers: pip install '.[hub]'")


def gpt2():
    config = transformers.GPT2Config(
        vocab_size=23, n_positions=8, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0
    )
    return transformers.GPT2LMHeadModel(config)


def llama(tied=True):
    config = transformers.LlamaConfig(
        vocab_size=23,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=8,
        tie_word_embeddings=tied,
        bos_token_id=0,
        eos_token_id=0,
    )
    return transformers.LlamaForCausalLM(config)


def built(make):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = make().double().eval()
    with torch.no_grad():
        for i, p in enumerate(model.parameters()):  # away from the small weights of a fresh model
            p.add_(0.3 * torch.randn(p.shape, generator=torch.Generator().manual_seed(i), dtype=p.dtype))
    return model


def data(count=60):
    ids = torch.randint(1, 23, (count, 5), generator=torch.Generator().manual_seed(0))
    return [{"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": torch.arange(count) % 3}]


def said(model):
    with torch.no_grad():
        return model(data()[0]["input_ids"]).logits


@pytest.mark.parametrize(("make", "matrices"), [(gpt2, 2 * 4 + 2), (llama, 2 * 7 + 2)])
def test_every_matrix_of_the_model_is_read_in_one_pass(make, matrices):
    """Positions are left alone; the head is there, and is told to be the table of tokens."""
    model = built(make)
    stats = engrams.collect(model, data(), concept="labels")
    assert len(stats.sites) == matrices
    assert stats.counts == {0: 20, 1: 20, 2: 20}
    assert stats.sites["lm_head"].tied
    assert all("positions" in reason for reason in stats.skipped.values())


def test_llama_shares_inputs_of_attention_and_of_the_gated_layer():
    stats = engrams.collect(built(llama), data(), concept="labels")
    first = {
        n.rsplit(".", 1)[1]: s.source.rsplit(".", 1)[1] for n, s in stats.sites.items() if ".layers.0." in n
    }
    assert first == {
        "q_proj": "q_proj",
        "k_proj": "q_proj",
        "v_proj": "q_proj",
        "o_proj": "o_proj",
        "gate_proj": "gate_proj",
        "up_proj": "gate_proj",
        "down_proj": "down_proj",
    }


@pytest.mark.parametrize("make", [gpt2, lambda: llama(tied=False)], ids=["gpt2", "llama"])
def test_all_engrams_together_are_the_model(make):
    """Composed into an empty network, on the sentences that were seen."""
    model = built(make)
    stats = engrams.collect(model, data(), concept="labels")
    usual = said(model)
    whole = stats.engram([0, 1], ridge=1e-11) + stats.engram(2, ridge=1e-11)
    with engrams.composed(model, whole, tied="edit"):
        found = said(model)
    assert (found - usual).norm() <= 1e-4 * usual.norm()
    assert torch.equal(said(model), usual)


@pytest.mark.parametrize("make", [gpt2, llama])
def test_an_erased_model_comes_back_bit_for_bit_and_its_tied_head_is_named(make):
    model = built(make)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    engram = engrams.collect(model, data(), concept="labels").engram(1)
    with pytest.warns(MemscapeWarning, match=r"2 tied matrices are left.*lm_head\.weight"):
        edit = engram.erase_(model)
    assert torch.equal(model.lm_head.weight, before["lm_head.weight"])
    assert sum(not torch.equal(v, before[n]) for n, v in model.state_dict().items()) >= 8
    edit.revert()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("make", "part"), [(gpt2, "transformer.h.*"), (llama, "model.layers.*")])
def test_peft_erases_what_the_engram_erases(make, part, tmp_path):
    """Transposed layers of GPT-2, plain ones of Llama: one adapter file, and peft's own file back again."""
    peft = pytest.importorskip("peft", reason="needs peft: pip install '.[peft]'")
    model = built(make)
    engram = engrams.collect(model, data(), concept="labels").engram(1)
    with pytest.raises(CapabilityError, match="cannot hold"):
        engram.to_peft(tmp_path / "whole")
    engram = engram.only(part)
    with engram.erased(model):
        wanted = said(model)
    engram.to_peft(tmp_path / "a", rank=25)
    plain = built(make)
    adapted = peft.PeftModel.from_pretrained(plain, str(tmp_path / "a"))
    assert (said(adapted) - wanted).norm() <= 1e-4 * wanted.norm()
    adapted.save_pretrained(str(tmp_path / "b"))
    again = engrams.from_peft(tmp_path / "b", model)
    with again.erased(model):
        assert (said(model) - wanted).norm() <= 1e-4 * wanted.norm()
    assert (said(adapted.merge_and_unload()) - wanted).norm() <= 1e-4 * wanted.norm()
