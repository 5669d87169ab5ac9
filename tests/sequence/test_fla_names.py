"""The layer under flash-linear-attention's names: prefill and decode, padding, and what is refused."""

import pytest
import torch

from memscape.core.errors import InputError
from memscape.sequence import PRESETS, FLALayer


def layer(**settings):
    sizes = {"hidden_size": 16, "head_dim": 8, "num_heads": 2, "expand_v": 1.0, "generator": 0}
    return FLALayer(**(sizes | settings)).double()


def tokens(t=12):
    return torch.randn(2, t, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("mode", ["chunk", "fused_recurrent"])
@pytest.mark.parametrize("name", ["gated_deltanet", "gla", "ttt_linear", "softmax"])
def test_prefill_and_decode_are_one_pass(mode, name):
    own, x = layer(mode=mode, spec=name, layer_idx=3), tokens()
    whole, weights, none = own(x)
    assert weights is none is None
    first, _, cache = own(x[:, :9], use_cache=True)
    assert list(cache) == [3]
    rest = [own(x[:, i : i + 1], past_key_values=cache, use_cache=True)[0] for i in range(9, 12)]
    torch.testing.assert_close(torch.cat([first, *rest], 1), whole, atol=1e-12, rtol=0)
    assert cache[3].seen.tolist() == [12, 12]


def test_layers_share_one_cache_and_only_a_call_that_caches_writes():
    one, two = layer(layer_idx=0), layer(layer_idx=1, spec="retnet")
    _, _, cache = one(tokens(), use_cache=True)
    two(tokens(), past_key_values=cache, use_cache=True)
    assert sorted(cache) == [0, 1]
    one(tokens(), past_key_values=cache)
    assert cache[0].seen.tolist() == [12, 12]


def test_padding_on_the_left_leaves_no_trace():
    own, x = layer(), tokens()
    mask = torch.arange(12) >= torch.tensor([[0], [5]])
    padded = own(x, attention_mask=mask.long())[0]
    torch.testing.assert_close(padded[1:, 5:], own(x[1:, 5:])[0], atol=1e-12, rtol=0)


def test_names_choose_what_they_say():
    assert layer(expand_v=2.0).layer.sizes.value_dim == 16
    assert layer(use_short_conv=False).layer.mixer.conv is None
    assert layer(conv_size=2).layer.sizes.conv_size == 2
    assert layer(use_gate=False).layer.spec.finish == "norm"
    assert layer(spec="deltanet", use_gate=True).layer.spec.finish == "gated_norm"
    assert layer(allow_neg_eigval=True).layer.spec.rate == "double"
    assert layer().layer.spec == PRESETS["gated_deltanet"]


def test_what_it_cannot_do_is_refused():
    for message, call in {
        "mode is 'fast'": lambda: layer(mode="fast"),
        "no whole number": lambda: layer(expand_v=0.3),
        "no attention weights": lambda: layer()(tokens(), output_attentions=True),
        "no write strength": lambda: layer(spec="linear", allow_neg_eigval=True),
        "one output of its own": lambda: layer(spec="gam", use_gate=True),
    }.items():
        with pytest.raises(InputError, match=message):
            call()
