"""The three ways of a matrix memory agree, and they do what the papers' equations say."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import normalize, softplus

from memscape.core.errors import DtypeError, InputError
from memscape.sequence import chunk, low_rank_chunk, low_rank_scan, scan, step

LIMITS = {torch.float32: 1e-5, torch.float64: 1e-12}
LENGTHS, CHUNKS = (1, 63, 130, 257), (1, 16, 64)


def stream(t, dtype=torch.float64, *, channels=False, seed=0, b=2, h=2, width=8, values=6):
    """Queries, unit keys, values, log decays, strengths and a state to start from."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    made = {
        "q": draw(b, t, h, width),
        "k": normalize(draw(b, t, h, width), dim=-1),
        "v": draw(b, t, h, values),
        "g": -softplus(draw(b, t, h, width) if channels else draw(b, t, h)),
        "beta": torch.sigmoid(draw(b, t, h)),
        "state": draw(b, h, width, values),
    }
    return {name: x.to(dtype) for name, x in made.items()}


def apart(first, second):
    """Largest difference of outputs and states, against the scale of the first where that is above 1."""
    return max(
        float((x - y).detach().abs().max() / x.detach().abs().max().clamp_min(1))
        for x, y in zip(first, second, strict=True)
    )


RULES = {
    "linear": {"g": False, "beta": False, "erase": None},
    "retnet": {"g": True, "beta": False, "erase": None},
    "mamba2": {"g": True, "beta": True, "erase": None},
    "deltanet": {"g": False, "beta": True, "erase": "key"},
    "gated_deltanet": {"g": True, "beta": True, "erase": "key"},
    "own erase key": {"g": True, "beta": True, "erase": "other"},
}


def rule(name, made):
    chosen, made = RULES[name], dict(made)
    for part in ("g", "beta"):
        if not chosen[part]:
            made.pop(part)
    made["erase"] = made["k"].flip(1) * 0.7 if chosen["erase"] == "other" else chosen["erase"]
    return made


@pytest.mark.parametrize("dtype", LIMITS, ids=str)
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("channels", [False, True], ids=["scalar", "channels"])
def test_chunks_are_the_loop(name, channels, dtype):
    """One loop, whose prefixes are the loops of shorter sequences; states are compared at the end."""
    made = rule(name, stream(LENGTHS[-1], dtype, channels=channels))
    looped = scan(**made)
    for size in CHUNKS:
        assert apart(looped, chunk(**made, chunk_size=size)) < LIMITS[dtype]
        for t in LENGTHS[:-1]:
            cut = {
                n: x[:, :t] if isinstance(x, torch.Tensor) and n != "state" else x for n, x in made.items()
            }
            assert apart([looped[0][:, :t]], [chunk(**cut, chunk_size=size)[0]]) < LIMITS[dtype]


@given(t=st.integers(1, 80), size=st.integers(1, 90), seed=st.integers(0, 99), channels=st.booleans())
def test_any_chunk_size_gives_the_same(t, size, seed, channels):
    made = stream(t, channels=channels, seed=seed, b=1, h=1)
    assert apart(scan(**made), chunk(**made, chunk_size=size)) < 1e-12


@pytest.mark.parametrize("channels", [False, True], ids=["scalar", "channels"])
@pytest.mark.parametrize("name", RULES)
def test_gradients_agree(name, channels):
    def gradients(run, **options):
        made = stream(37, channels=channels)
        leaves = {name: x.requires_grad_() for name, x in made.items()}
        used = rule(name, leaves)
        out, state = run(**used, **options)
        (out.sin().sum() + state.cos().sum()).backward()
        return [x.grad for x in leaves.values() if x.grad is not None]

    assert apart(gradients(scan), gradients(chunk, chunk_size=16)) < 1e-10


def test_steps_are_the_loop_and_the_split_does_not_show():
    made = stream(20)
    whole, last = scan(**made)
    state, outputs = made.pop("state"), []
    for i in range(20):
        out, state = step(**{name: x[:, i] for name, x in made.items()}, state=state)
        outputs.append(out)
    assert torch.equal(torch.stack(outputs, 1), whole)
    assert torch.equal(state, last)
    first, middle = chunk(**{n: x[:, :7] for n, x in made.items()}, state=stream(20)["state"], chunk_size=4)
    second, end = chunk(**{n: x[:, 7:] for n, x in made.items()}, state=middle, chunk_size=4)
    assert apart((whole, last), (torch.cat([first, second], 1), end)) < 1e-12


def test_the_loop_is_the_equation():
    """Gated DeltaNet by matrices: S = (I - beta k k') a S + beta k v' (Yang et al. 2024)."""
    made = stream(5, b=1, h=1)
    q, k, v, g, beta = (made[name][0, :, 0] for name in ("q", "k", "v", "g", "beta"))
    S = made["state"][0, 0]
    for i in range(5):
        erase = torch.eye(8) - beta[i] * torch.outer(k[i], k[i])
        S = erase @ (g[i].exp() * S) + beta[i] * torch.outer(k[i], v[i])
        torch.testing.assert_close(scan(**made)[0][0, i, 0], S.T @ q[i] / 8**0.5)


@pytest.mark.parametrize("channels", [False, True], ids=["scalar", "channels"])
def test_strong_decay_is_finite_forward_and_backward(channels):
    made = stream(100, torch.float32, channels=channels)
    made["g"] = torch.full_like(made["g"], -30.0)
    leaves = {name: x.requires_grad_() for name, x in made.items()}
    out, state = chunk(**leaves)
    (out.sum() + state.sum()).backward()
    assert all(bool(torch.isfinite(x).all()) for x in (out, state, *(x.grad for x in leaves.values())))
    assert apart((out, state), scan(**leaves)) < 1e-5


def test_strong_decay_is_finite_in_the_low_rank_form():
    made = stream(100, torch.float32, channels=True)
    made |= {"a": -made["k"], "b": made["k"] * made.pop("beta")[..., None]}
    made["g"] = torch.full_like(made["g"], -30.0)
    leaves = {name: x.requires_grad_() for name, x in made.items()}
    out, state = low_rank_chunk(**leaves)
    (out.sum() + state.sum()).backward()
    assert all(bool(torch.isfinite(x).all()) for x in (out, state, *(x.grad for x in leaves.values())))
    assert apart((out, state), low_rank_scan(**leaves)) < 1e-5


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("channels", [False, True], ids=["scalar", "channels"])
def test_narrow_inputs_keep_wide_states(name, channels):
    """bf16 in and out: states are those of float32, outputs within one unit in bf16's last place."""
    made = rule(name, stream(130, torch.bfloat16, channels=channels))
    wide = {n: x.float() if isinstance(x, torch.Tensor) else x for n, x in made.items()}
    exact = scan(**wide)
    for out, state in (scan(**made), chunk(**made)):
        assert out.dtype == torch.bfloat16
        assert state.dtype == torch.float32
        assert apart([exact[1]], [state]) < 1e-5
        assert ((out.float() - exact[0]).abs() <= exact[0].abs() * 2**-7 + 1e-6).all()
    plain = chunk(**wide)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert all(map(torch.equal, chunk(**wide), plain))
        assert all(map(torch.equal, scan(**wide), exact))


@pytest.mark.parametrize("t", LENGTHS)
def test_low_rank_chunks_are_the_loop(t):
    for dtype, limit in LIMITS.items():
        made = stream(t, dtype, channels=True)
        low = {"a": -made["k"], "b": made["k"] * made.pop("beta")[..., None]}
        for size in CHUNKS:
            assert apart(low_rank_scan(**made, **low), low_rank_chunk(**made, **low, chunk_size=size)) < limit


def test_low_rank_gradients_agree():
    def gradients(run, **options):
        made = stream(37, channels=True)
        made |= {"a": -made["k"], "b": made["k"] * made.pop("beta")[..., None]}
        leaves = {name: x.detach().requires_grad_() for name, x in made.items()}
        out, state = run(**leaves, **options)
        (out.sin().sum() + state.cos().sum()).backward()
        return [x.grad for x in leaves.values()]

    assert apart(gradients(low_rank_scan), gradients(low_rank_chunk, chunk_size=16)) < 1e-10


def test_low_rank_with_the_decayed_key_is_the_delta_rule():
    made = stream(50, channels=True)
    beta = made["beta"][..., None]
    low = {"a": made["k"], "b": -beta * made["k"] * made["g"].exp(), "v": beta * made["v"]}
    plain = {name: made[name] for name in ("q", "k", "g", "state")}
    assert apart(scan(**made), low_rank_chunk(**plain, **low, chunk_size=16)) < 1e-12


def test_bad_input_is_named():
    made = stream(5)
    wrong = {
        "k": made["k"][:, :4],
        "v": made["v"][:1],
        "g": made["g"].abs(),
        "beta": made["beta"][..., None],
        "erase": made["v"],
        "state": made["state"][..., :3],
        "q": made["q"][0],
    }
    for name, value in wrong.items():
        with pytest.raises(InputError, match=name):
            chunk(**(made | {name: value}))
    holed = made["v"].clone()
    holed[0, 0, 0, 0] = torch.nan
    with pytest.raises(InputError, match="1 NaN"):
        scan(**(made | {"v": holed}))
    for size in (0, -3):
        with pytest.raises(InputError, match="chunk_size"):
            chunk(**made, chunk_size=size)
    with pytest.raises(InputError, match="step takes one"):
        step(**made)
    with pytest.raises(InputError, match='"key"'):
        scan(**made, erase="keys")
    with pytest.raises(DtypeError, match="floating"):
        scan(**(made | {"v": made["v"].long()}))
