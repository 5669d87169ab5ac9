"""One layer for the family: three ways that agree, calls split anywhere, padding without a trace."""

import pytest
import torch

from memscape.core.errors import InputError
from memscape.sequence import PRESETS, MemoryLayer, MemorySpec
from memscape.sequence.objectives import Dot
from memscape.sequence.parts import (
    BankStore,
    Decay,
    ElasticNet,
    Implicit,
    LocalLinearRead,
    LqNorm,
    MatrixStore,
    MeanGradient,
    MLPStore,
    Momentum,
    NewtonSchulz,
    NormalisedRead,
    Ridge,
    SoftmaxRead,
    WindowStore,
)

LENGTHS, CHUNKS = (1, 63, 130, 257), (1, 16, 64)
LIMITS = {torch.float32: 1e-5, torch.float64: 1e-12}
HIDDEN = 8
VARIANTS = {
    "linear titans": PRESETS["titans"].but(store=MatrixStore()),
    "spectral": PRESETS["titans"].but(store=MatrixStore(), learner=NewtonSchulz(2)),
    "sparse": PRESETS["yaad"].but(retention=ElasticNet(0.01), store=MLPStore(2, residual=True, epsilon=1e-2)),
    "previous": PRESETS["gated_deltanet"].but(grad_at="previous"),
    "mean and momentum at every token": PRESETS["titans"].but(grad_at="decayed"),
    "softmax window": PRESETS["softmax"].but(store=WindowStore(5)),
}


SPECS = dict(PRESETS) | VARIANTS


def built(name, dtype=torch.float64):
    layer = MemoryLayer(HIDDEN, 2, SPECS[name], head_dim=8, generator=0)
    return layer.to(dtype)


def tokens(t, dtype=torch.float64, b=2, seed=1):
    return torch.randn(b, t, HIDDEN, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(
        dtype
    )


def apart(first, second):
    return float((first - second).detach().abs().max() / first.detach().abs().max().clamp_min(1))


def same(one, other, limit):
    (y, state), (z, end) = one, other
    assert apart(y, z) < limit
    for name, x in state.tensors.items():
        assert x.numel() == 0 or apart(x.double(), end.tensors[name].double()) < limit, name


@pytest.mark.parametrize("name", SPECS)
def test_step_scan_and_chunk_agree(name):
    """One scan, whose prefix is the scan of the shorter sequence; more lengths and sizes in the slow grid.

    Inner learners have a chunk of their own, in the spec: the size of the call changes nothing.
    """
    layer, x, limit = built(name), tokens(63), LIMITS[torch.float64]
    with torch.no_grad():
        begun = layer(tokens(5, seed=2))[1]
        scanned = layer(x, begun, path="scan")
        for size in (16, 64) if SPECS[name].engine != "inner" else (64,):
            same(scanned, layer(x, begun, path="chunk", chunk_size=size), limit)
            assert apart(scanned[0][:, :1], layer(x[:, :1], begun, path="chunk", chunk_size=size)[0]) < limit


def agrees_over(name, t, dtype):
    """All three ways from a state that has seen tokens, and from none with one row left-padded."""
    layer, x = built(name, dtype), tokens(t, dtype)
    mask = torch.arange(t) >= torch.tensor([[0], [t // 3]])
    with torch.no_grad():
        begun = layer(tokens(5, dtype, seed=2))[1]
        for given in ({"state": begun}, {"mask": mask}):
            scanned = layer(x, path="scan", **given)
            same(scanned, layer(x, path="step", **given), LIMITS[dtype])
            for size in CHUNKS:
                same(scanned, layer(x, path="chunk", chunk_size=size, **given), LIMITS[dtype])


@pytest.mark.parametrize("name", SPECS)
def test_a_padded_stream_is_the_same_in_three_ways(name):
    agrees_over(name, 19, torch.float64)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", LIMITS, ids=str)
@pytest.mark.parametrize("t", LENGTHS)
@pytest.mark.parametrize("name", SPECS)
def test_the_whole_grid_agrees(name, t, dtype):
    agrees_over(name, t, dtype)


@pytest.mark.parametrize("name", SPECS)
def test_float32_agrees(name):
    layer, x = built(name, torch.float32), tokens(33, torch.float32)
    with torch.no_grad():
        begun = layer(tokens(5, torch.float32, seed=2))[1]
        scanned = layer(x, begun, path="scan")
        same(scanned, layer(x, begun, path="chunk", chunk_size=16), LIMITS[torch.float32])


@pytest.mark.parametrize("name", SPECS)
def test_gradients_agree(name):
    def gradients(path):
        layer, x = built(name), tokens(18).requires_grad_()
        mask = torch.arange(18) >= torch.tensor([[0], [5]])
        y, state = layer(x, mask=mask, path=path, chunk_size=16)
        floats = [s for s in state.tensors.values() if s.is_floating_point()]
        (y.sin().sum() + sum(s.cos().sum() for s in floats)).backward()
        leaves = {"x": x} | dict(layer.named_parameters())
        return {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}

    looped = gradients("scan")
    for other in (gradients("step"), gradients("chunk")):
        assert looped.keys() == other.keys()
        assert {name: d for name, g in looped.items() if not (d := apart(g, other[name])) < 1e-10} == {}


@pytest.mark.parametrize("name", SPECS)
def test_a_split_of_the_sequence_does_not_show(name):
    """Prefill by chunks, decode by steps, go on by a scan: a call's end is never a chunk's."""
    layer, x = built(name), tokens(44)
    ways = ("scan", "chunk", "step", "chunk", "scan")
    with torch.no_grad():
        whole = layer(x, path="chunk")
        state, outputs = None, []
        for path, part in zip(ways, x.split([1, 18, 3, 21, 1], 1), strict=True):
            y, state = layer(part, state, path=path)
            outputs.append(y)
    same(whole, (torch.cat(outputs, 1), state), 1e-12)
    assert state.seen.tolist() == [44, 44]


@pytest.mark.parametrize("name", SPECS)
def test_left_padding_leaves_no_trace(name):
    layer, x, pads = built(name), tokens(40, b=3), (0, 7, 33)
    mask = torch.arange(40) >= torch.tensor(pads)[:, None]
    with torch.no_grad():
        for path in ("scan", "chunk") if name in ("deltanet", "titans", "softmax") else ("chunk",):
            y, state = layer(x, mask=mask, path=path, chunk_size=16)
            more = layer(x[:, :5], state, path=path)[0]
            for i, pad in enumerate(pads):
                alone, own = layer(x[i : i + 1, pad:], path=path, chunk_size=16)
                assert apart(alone[0], y[i, pad:]) < 1e-12
                assert not y[i, :pad].any()
                assert apart(layer(x[i : i + 1, :5], own, path=path)[0][0], more[i]) < 1e-12
            assert state.seen.tolist() == [40, 33, 7]


@pytest.mark.parametrize("name", SPECS)
def test_no_output_depends_on_a_later_token(name):
    layer, x = built(name), tokens(40)
    changed = x.clone()
    changed[:, 25:] *= -1
    with torch.no_grad():
        y, z = layer(x)[0], layer(changed)[0]
    assert apart(y[:, :25], z[:, :25]) < 1e-12
    assert not torch.allclose(y[:, 25:], z[:, 25:])


def run_and_look(layer, x, mask):
    """A padded call, one that goes on, gradients, and what a state says of itself."""
    y, state = layer(x, mask=mask, chunk_size=16)
    z, state = layer(x, state, chunk_size=16)
    (y.sum() + z.sum()).backward()
    state = state.detach()
    if layer.spec.engine not in ("bank", "energy"):
        keys = x[0, :3]
        state.read(keys, owned=layer.owned)
        state.diagnose(keys, owned=layer.owned)
    return y, z, state


@pytest.mark.parametrize("name", SPECS)
def test_every_tensor_is_made_where_the_tokens_are(name):
    """Nothing falls back on torch's default device, here one that holds no numbers: so it runs on a GPU."""
    layer, x = built(name), tokens(18)
    mask = torch.arange(18) >= torch.tensor([[0], [5]])
    with torch.device("meta"):
        y, _, state = run_and_look(layer, x, mask)
    assert {each.device.type for each in (y, *state.tensors.values())} == {"cpu"}


@pytest.mark.gpu
@pytest.mark.parametrize("name", SPECS)
def test_a_gpu_gives_what_the_cpu_gives(name):
    mask = torch.arange(40) >= torch.tensor([[0], [5]])
    here, x = built(name), tokens(40)
    there = built(name).to("cuda")
    near, far = run_and_look(here, x, mask), run_and_look(there, x.cuda(), mask.cuda())
    for one, other in zip(near[:2], far[:2], strict=True):
        assert apart(one, other.cpu()) < 1e-10
    grads = zip(here.parameters(), there.parameters(), strict=True)
    assert all(a.grad is None or apart(a.grad, b.grad.cpu()) < 1e-8 for a, b in grads)


@pytest.mark.parametrize("name", ["gated_deltanet", "titans", "softmax"])
def test_narrow_layers_keep_wide_states(name):
    layer = built(name, torch.bfloat16)
    y, state = layer(tokens(20, torch.bfloat16))
    assert y.dtype == torch.bfloat16
    assert all(x.dtype in (torch.float32, torch.bool) for x in state.tensors.values())


@pytest.mark.parametrize("name", [n for n, spec in SPECS.items() if spec.engine not in ("energy", "bank")])
def test_autocast_narrows_projections_and_no_state(name):
    layer, x = built(name, torch.float32), tokens(20, torch.float32)
    plain = layer(x)[0]
    for path in ("scan", "chunk"):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y, state = layer(x, path=path, chunk_size=8)
        y.float().square().sum().backward()
        assert apart(plain, y.float()) < 0.1
        assert all(x.dtype in (torch.float32, torch.bool) for x in state.tensors.values())
        assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in layer.parameters())


@pytest.mark.parametrize(("ridge", "dtype"), [(0.1, torch.float32), (1e-6, torch.float64)], ids=str)
def test_regressions_with_little_ridge_agree(ridge, dtype):
    """A ridge of .1 is enough for float32; below that, float64."""
    layer = MemoryLayer(HIDDEN, 2, PRESETS["lla"].but(read=LocalLinearRead(ridge)), generator=0).to(dtype)
    x, limit = tokens(40, dtype), 1e-5 if dtype == torch.float32 else 1e-8
    with torch.no_grad():
        same(layer(x, path="scan"), layer(x, path="chunk", chunk_size=16), limit)


def test_conjugate_gradients_solve_what_cholesky_solves():
    exact = built("mesa")
    by_gradients = MemoryLayer(
        HIDDEN, 2, PRESETS["mesa"].but(learner=Ridge("cg")), head_dim=8, generator=0
    ).double()
    x = tokens(50)
    for path in ("scan", "chunk"):
        assert apart(exact(x, path=path)[0], by_gradients(x, path=path)[0]) < 1e-10


def test_the_same_seed_gives_the_same_layer_and_no_other_numbers_are_drawn():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first, second = built("titans"), built("titans")
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_bad_input_is_named():
    layer, x = built("gated_deltanet"), tokens(6)
    state = layer(x)[1]
    holed = x.clone()
    holed[0, 0, 0] = torch.inf
    right = torch.tensor([[1, 1, 1, 1, 1, 0]] * 2)
    refused = {
        "NaN or infinite": lambda: layer(holed),
        "hidden|tokens, 8": lambda: layer(x[..., :5]),
        "2 rows and x 1": lambda: layer(x[:1], state),
        "belongs to": lambda: built("deltanet")(x, state),
        "on the left": lambda: layer(x, mask=right),
        "2 heads of 4": lambda: layer(x, MemoryLayer(HIDDEN, 2, generator=0).double()(x)[1]),
        "1 heads of 8": lambda: layer(x, MemoryLayer(HIDDEN, 1, generator=0).double()(x)[1]),
        "convolution": lambda: layer(
            x, MemoryLayer(HIDDEN, 2, head_dim=8, conv_size=3, generator=0).double()(x)[1]
        ),
        "has seen tokens": lambda: layer(x, state, mask=right.flip(1)),
        "mask has shape": lambda: layer(x, mask=right[:, :3]),
        "path is 'fast'": lambda: layer(x, path="fast"),
        "chunk_size is 0": lambda: layer(x, chunk_size=0),
        "no preset 'gpt'": lambda: MemoryLayer(8, 2, "gpt"),
        "no multiple": lambda: MemoryLayer(8, 3),
        "needs them equal": lambda: MemoryLayer(8, 2, "ttt_linear", value_dim=3),
    }
    for message, call in refused.items():
        with pytest.raises(InputError, match=message):
            call()


def test_parts_that_do_not_go_together_are_refused():
    wrong = [
        {"read": SoftmaxRead()},
        {"store": BankStore()},
        {"learner": MeanGradient()},
        {"learner": Implicit(), "objective": Dot()},
        {"store": MLPStore(), "retention": Decay("channel")},
        {"read": NormalisedRead()},
        {"learner": Ridge(), "store": MLPStore()},
        {"rate": "step"},
        {"rate": "channel"},
        {"learner": Momentum(), "retention": Decay("channel")},
        {"grad_at": "next"},
        {"chunk": 0},
    ]
    for parts in wrong:
        with pytest.raises(InputError):
            MemorySpec(**parts)


def test_entries_whose_power_overflows_are_weighed():
    a = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(0))
    usual, large = LqNorm(4.0).weights(a), LqNorm(4.0).weights(1e12 * a)
    assert torch.allclose(large, 1e-12 * usual, rtol=1e-5, atol=0)
    assert not bool(LqNorm(4.0).weights(torch.zeros(1, 2, 2)).any())


@pytest.mark.parametrize("preset", PRESETS)
def test_a_kept_state_stays_when_the_layer_learns(preset):
    layer = MemoryLayer(8, 2, preset, generator=0)
    x = torch.randn(1, 2, 8, generator=torch.Generator().manual_seed(1))
    kept = layer(x[:, :1])[1].detach()
    before = kept.clone()
    layer(x)[0].square().sum().backward()
    torch.optim.SGD(layer.parameters(), lr=1.0).step()
    assert all(torch.equal(kept.tensors[name], held) for name, held in before.tensors.items())
