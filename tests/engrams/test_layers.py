"""Every type of layer: what is collected is the second moment of what its weight really multiplies."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from memscape import engrams
from memscape.core.errors import InputError


def second(batch):
    return batch[1]


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def labels(count, concepts=2):
    return torch.arange(count) % concepts


def collected(model, x, y, **options):
    return engrams.collect(model.double(), [(x, y)], concept=second, **options)


def composed_output(model, x, y, *, which=(0, 1)):
    """What the model says when it is put together from the engrams of all concepts, at a tiny ridge."""
    stats = collected(model, x, y)
    whole = sum(stats.engram(c, ridge=1e-11) for c in which)
    with torch.no_grad(), engrams.composed(model, whole):
        return model(x)


CONVOLUTIONS = [
    nn.Conv1d(4, 6, 3),
    nn.Conv1d(4, 6, 3, stride=2, padding=1, dilation=2),
    nn.Conv1d(4, 6, 4, padding="same", padding_mode="circular"),
    nn.Conv2d(4, 6, 3, padding=1),
    nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(0, 1), padding_mode="reflect"),
    nn.Conv2d(4, 6, 1),
    nn.Conv2d(4, 6, 3, padding="same", dilation=2, bias=False),
    nn.Conv2d(4, 8, 3, groups=2),
    nn.Conv2d(4, 4, 3, groups=4, padding=1, padding_mode="replicate"),
    nn.Conv3d(2, 3, 2, padding=1),
    nn.Conv3d(2, 4, (1, 2, 3), groups=2, stride=(1, 2, 1)),
]


@pytest.mark.parametrize("layer", CONVOLUTIONS, ids=str)
def test_the_engrams_of_a_convolution_make_up_the_convolution(layer):
    """Patches, groups, strides, dilations and paddings are those of the layer itself."""
    sizes = {1: (40, 4, 11), 2: (24, 4, 6, 7), 3: (20, 2, 4, 5, 4)}[len(layer.kernel_size)]
    layer = layer.double()
    with torch.no_grad():
        for i, p in enumerate(layer.parameters()):
            p.copy_(draw(*p.shape, seed=i))
    x = draw(*sizes)
    usual = layer(x).detach()
    found = composed_output(layer, x, labels(len(x)))
    assert (found - usual).norm() <= 1e-5 * usual.norm()


def test_a_grouped_convolution_has_one_block_per_group():
    layer = nn.Conv2d(4, 8, 3, groups=2)
    stats = collected(layer, draw(10, 4, 5, 5), labels(10))
    assert stats.inputs["model"].total(False).shape == (2, 18, 18)


ATTENTIONS = [
    {"bias": True},
    {"bias": False},
    {"kdim": 6, "vdim": 10},
    {"add_bias_kv": True, "add_zero_attn": True},
]


@pytest.mark.parametrize("options", ATTENTIONS, ids=str)
@pytest.mark.parametrize("batch_first", [True, False])
def test_the_engrams_of_attention_make_up_the_attention(options, batch_first):
    """Its projections are bare parameters; a hook on the output projection would never fire."""
    b, t, size = 12, 7, 8
    layer = nn.MultiheadAttention(size, 2, batch_first=batch_first, **options).double()
    with torch.no_grad():
        for i, p in enumerate(layer.parameters()):
            p.copy_(draw(*p.shape, seed=i) / 2)
    shapes = [(b, t, size), (b, t + 2, layer.kdim), (b, t + 2, layer.vdim)]
    x = [draw(*shape, seed=9 + i) for i, shape in enumerate(shapes)]
    x = tuple(part if batch_first else part.transpose(0, 1) for part in x)
    stats = engrams.collect(layer, [(x, labels(b))], concept=second)
    assert list(stats.sites) == ["model.q", "model.k", "model.v", "model.out"]
    usual = layer(*x)[0].detach()
    whole = stats.engram(0, ridge=1e-11) + stats.engram(1, ridge=1e-11)
    with torch.no_grad(), engrams.composed(layer, whole):
        assert (layer(*x)[0] - usual).norm() <= 1e-5 * usual.norm()


def test_what_the_output_projection_sees_is_what_its_weight_multiplies():
    layer = nn.MultiheadAttention(8, 2, batch_first=True).double()
    x, y = draw(10, 5, 8), labels(10)
    stats = engrams.collect(layer, [((x, x, x), y)], concept=second)
    with torch.no_grad():
        layer.out_proj.weight.copy_(torch.eye(8))
        heads = layer(x, x, x)[0].reshape(-1, 8)
    assert torch.allclose(stats.inputs["model.out"].total(False)[0], heads.T @ heads)


def test_an_attention_mask_reaches_the_recomputed_heads():
    layer = nn.MultiheadAttention(8, 2, batch_first=True).double()
    x, y = draw(6, 5, 8), labels(6)
    future = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)

    class Causal(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = layer

        def forward(self, x):
            return self.attention(x, x, x, attn_mask=future)[0]

    stats = collected(Causal(), x, y)
    with torch.no_grad():
        layer.out_proj.weight.copy_(torch.eye(8))
        heads = layer(x, x, x, attn_mask=future)[0].reshape(-1, 8)
    assert torch.allclose(stats.inputs["attention.out"].total(False)[0], heads.T @ heads)


def test_a_transformer_layer_shares_the_input_of_queries_keys_and_values():
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    stats = collected(model, draw(12, 5, 8), labels(12))
    sources = {name: site.source for name, site in stats.sites.items()}
    assert sources["self_attn.k"] == sources["self_attn.v"] == "self_attn.q"
    assert len(stats.inputs) == 4
    apart = collected(model, draw(12, 5, 8), labels(12), share=False)
    assert len(apart.inputs) == 6
    for name in stats.sites:
        a, b = (s.inputs[s.sites[name].source].total(True) for s in (stats, apart))
        assert torch.equal(a, b)


@given(seed=st.integers(0, 99), weight=st.sampled_from([1.0, 4.0]))
@settings(max_examples=10)
def test_a_token_s_row_is_scaled_by_the_share_of_its_other_uses(seed, weight):
    """E_v <- (1 - n+ / (n+ + lambda n-)) E_v, whatever the ridge; tokens that never came stay."""
    model = nn.Embedding(12, 3).double()
    ids = torch.randint(0, 10, (20, 4), generator=torch.Generator().manual_seed(seed))
    y = labels(20)
    stats = collected(model, ids, y)
    ours, rest = (torch.bincount(ids[y == c].reshape(-1), minlength=12).double() for c in (0, 1))
    before = model.weight.detach().clone()
    with stats.engram(0, reference_weight=weight).erased(model):
        found = model.weight.detach().clone()
    keep = torch.where(ours + rest > 0, 1 - ours / (ours + weight * rest).clamp_min(1), 1.0)
    assert torch.allclose(found, before * keep[:, None], atol=1e-8)


def test_a_table_of_positions_is_left_alone():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.places = nn.Embedding(9, 4), nn.Embedding(6, 4)

        def forward(self, x):
            return self.tokens(x) + self.places(torch.arange(x.shape[1]))

    stats = collected(
        Model(), torch.randint(0, 9, (8, 6), generator=torch.Generator().manual_seed(0)), labels(8)
    )
    assert list(stats.sites) == ["tokens"]
    assert "positions" in stats.skipped["places"]


NORMS = [(nn.LayerNorm(6), (10, 4, 6)), (nn.BatchNorm2d(6), (10, 6, 3, 3)), (nn.GroupNorm(2, 6), (10, 6, 5))]


@pytest.mark.parametrize(("norm", "shape"), NORMS, ids=lambda x: str(x)[:12])
def test_gains_are_edited_only_when_asked(norm, shape):
    model = nn.Sequential(norm, nn.Flatten(), nn.Linear(torch.Size(shape[1:]).numel(), 2)).double()
    x, y = draw(*shape), labels(10)
    with torch.no_grad():
        model[0].weight.copy_(torch.arange(1.0, 7.0))
    assert "0" not in collected(model, x, y).sites
    stats = collected(model, x, y, norms=True)
    engram = stats.engram(0) + stats.engram(1)
    with engram.only("0").erased(model):  # all concepts together are the whole gain
        assert float(model[0].weight.detach().abs().max()) < 1e-6


def test_root_mean_square_norms_are_read_by_name():
    class TinyRMSNorm(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.variance_epsilon = nn.Parameter(torch.ones(6)), 1e-6

        def forward(self, x):
            return self.weight * x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.variance_epsilon)

    model = nn.Sequential(TinyRMSNorm(), nn.Linear(6, 2))
    assert list(collected(model, draw(10, 6), labels(10), norms=True).sites) == ["0", "1"]


def test_a_layer_of_one_s_own_is_registered():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Parameter(draw(5, 3))

        def forward(self, x, factor=2.0):
            return (factor * x) @ self.table

    x, y = draw(20, 5), labels(20)
    with pytest.raises(engrams.UnsupportedError, match=r"no handler for model \(Scaled: table\)"):
        collected(Scaled(), x, y)

    @engrams.register(Scaled, weight="table", bias=None, transposed=True)
    def scaled_rows(module, x, factor=2.0):
        return factor * x

    model = Scaled()
    assert torch.allclose(composed_output(model, x, y), model(x), atol=1e-6)
    with pytest.raises(InputError, match="no class of torch"):
        engrams.register("Scaled")


def test_transformers_conv1d_is_a_transposed_linear_layer():
    """Known by its name and home: transformers need not be installed."""

    class Conv1D(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.bias = nn.Parameter(draw(5, 3)), nn.Parameter(draw(3))

        def forward(self, x):
            return x @ self.weight + self.bias

    Conv1D.__module__ = "transformers.pytorch_utils"
    x, y = draw(20, 5), labels(20)
    model = Conv1D()
    assert torch.allclose(composed_output(model, x, y), model(x), atol=1e-6)


def test_layers_without_support_are_named_and_skipped_only_if_asked():
    model = nn.Sequential(nn.Linear(4, 6), nn.Unflatten(1, (6, 1)), nn.ConvTranspose1d(6, 2, 1))
    with pytest.raises(engrams.UnsupportedError, match=r"2 \(ConvTranspose1d: weight\)"):
        collected(model, draw(10, 4), labels(10))
    stats = collected(model, draw(10, 4), labels(10), unsupported="skip")
    assert list(stats.sites) == ["0"]
    assert "2" in stats.skipped


@pytest.mark.parametrize(
    ("modules", "names"),
    [
        (["0"], ["0"]),
        (["*"], ["0", "2"]),
        ("2", ["2"]),
        (nn.Linear, ["0", "2"]),
        ([nn.Linear, "0"], ["0", "2"]),
        (lambda name, module: name == "2", ["2"]),
    ],
)
def test_layers_are_chosen(modules, names):
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    assert list(collected(model, draw(10, 4), labels(10), modules=modules).sites) == names


def test_a_layer_that_is_called_twice_sums_both_calls():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            return self.layer(self.layer(x))

    model = Twice().double()
    x, y = draw(10, 4), labels(10)
    both = torch.cat([x, model.layer(x).detach()])
    assert torch.allclose(collected(model, x, y).inputs["layer"].total(False)[0], both.T @ both)


def test_layers_that_stop_sharing_are_told_apart():
    class Fickle(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.calls = nn.Linear(4, 2), nn.Linear(4, 2), 0

        def forward(self, x):
            self.calls += 1
            return self.a(x) + self.b(x if self.calls < 3 else x + 1)

    data = [(draw(6, 4, seed=i).float(), labels(6)) for i in range(4)]
    with pytest.raises(InputError, match="share=False"):
        engrams.collect(Fickle(), data, concept=second)
    assert len(engrams.collect(Fickle(), data, concept=second, share=False).inputs) == 2
