"""The kernel that walks over the chunks does what the loop does: in Triton's interpreter, and on a GPU."""

import importlib
import sys

import pytest
import torch
from torch.nn.functional import normalize

from memscape.sequence import chunk, low_rank_chunk, scan, walking

SIZES = [(1, 1, 1, 1), (3, 4, 16, 16), (2, 5, 20, 37), (2, 3, 33, 7)]
"""Heads, chunks, K and V: powers of two, odd ones, more than one program along the values."""


@pytest.fixture
def kernel(monkeypatch):
    """The kernel's module as Triton's interpreter runs it, on CPU tensors."""
    pytest.importorskip("triton")
    name = "memscape.sequence.walk_kernel"
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.delitem(sys.modules, name, raising=False)
    yield importlib.import_module(name)
    sys.modules.pop(name, None)


def problem(heads, chunks, width, values, *, dense=True, seed=0):
    generator = torch.Generator().manual_seed(seed)
    square = (width,) if dense else ()
    moved = torch.randn(heads, chunks, width, *square, generator=generator) / width**0.5
    added = torch.randn(heads, chunks, width, values, generator=generator)
    return [
        x.requires_grad_() for x in (moved, added, torch.randn(heads, width, values, generator=generator))
    ]


def by_loop(moved, added, state):
    lifted = [x[:, None] for x in (moved, added, state)]
    if moved.ndim == 4:
        return [x[:, 0] for x in walking.walk(*lifted)]
    return [x[:, 0] for x in walking.add_up(lifted[1], lifted[0][..., None], lifted[2])]


def gradients(run, leaves):
    states, last = run(*leaves)
    return torch.autograd.grad(states.sin().sum() + last.cos().sum(), leaves)


def apart(first, second):
    pairs = zip(first, second, strict=True)
    return max(float((x - y).detach().abs().max() / x.detach().abs().max().clamp_min(1)) for x, y in pairs)


@pytest.mark.parametrize("dense", [True, False], ids=["matrix", "elementwise"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_the_interpreted_kernel_is_the_loop(kernel, sizes, dense):
    leaves = problem(*sizes, dense=dense)
    assert apart(by_loop(*leaves), kernel.KernelWalk.apply(*leaves)) < 1e-5
    assert apart(gradients(by_loop, leaves), gradients(kernel.KernelWalk.apply, leaves)) < 1e-5


def stream(t=100, device="cpu"):
    generator = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(3, 2, t, 2, 16, generator=generator).unbind(0)
    gates = torch.rand(2, 2, t, 2, generator=generator)
    made = {"q": q, "k": normalize(k, dim=-1), "v": v, "g": -0.1 * gates[0], "beta": gates[1]}
    return {name: x.to(device).requires_grad_() for name, x in made.items()}


def rules(made):
    """Each way into the kernel: scalar and channel decay, with and without an erase key, and low rank."""
    channels = made["g"][..., None].expand_as(made["k"])

    def low_rank():
        low = {"a": made["k"], "b": -made["beta"][..., None] * made["k"]}
        return low_rank_chunk(made["q"], made["k"], made["v"], **low, g=channels, chunk_size=16)

    return {
        "gated delta": lambda: chunk(**made, chunk_size=16),
        "delta": lambda: chunk(**{n: x for n, x in made.items() if n != "g"}, chunk_size=16),
        "channels": lambda: chunk(**(made | {"g": channels}), chunk_size=16),
        "decay": lambda: chunk(**made, erase=None, chunk_size=16),
        "channel decay": lambda: chunk(**(made | {"g": channels}), erase=None, chunk_size=16),
        "low rank": low_rank,
    }


@pytest.mark.parametrize("name", rules(stream(1)))
def test_memories_on_the_kernel_are_memories_on_the_loop(kernel, name, monkeypatch):
    made = stream()
    run = rules(made)[name]
    looped = run()
    loop_slopes = torch.autograd.grad(looped[0].sin().sum(), list(made.values()), allow_unused=True)
    launches = []
    launched = kernel.launched

    def counted(*given, **settings):
        launches.append(settings)
        return launched(*given, **settings)

    monkeypatch.setattr(kernel, "launched", counted)
    monkeypatch.setattr(walking, "on_kernel", lambda state: True)
    walked = run()
    slopes = torch.autograd.grad(walked[0].sin().sum(), list(made.values()), allow_unused=True)
    assert launches == [{}, {"backwards": True}]
    assert apart(looped, walked) < 1e-5
    assert apart(*([x for x in each if x is not None] for each in (loop_slopes, slopes))) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("width", [64, 128])
@pytest.mark.parametrize("capability", [80, 90])
def test_the_kernel_compiles_for_gpus_that_are_not_here(width, capability):
    """To machine code, and within the shared memory of the smaller GPUs of that generation (99 KiB)."""
    triton = pytest.importorskip("triton")
    compiler = pytest.importorskip("triton.backends.compiler")
    from memscape.sequence.walk_kernel import _walk, settings

    pointers = dict.fromkeys(["moved", "added", "first", "states", "last"], "*fp32")
    counts = dict.fromkeys(["chunks", "width", "values"], "i32")
    chosen = settings(width)
    options = {name: chosen.pop(name) for name in ("num_warps", "num_stages")}
    for dense in (True, False):
        constants = chosen | {"DENSE": dense, "BACKWARDS": dense}
        signature = pointers | counts | dict.fromkeys(constants, "constexpr")
        source = triton.compiler.ASTSource(_walk, signature, constants)
        target = compiler.GPUTarget("cuda", capability, 32)
        compiled = triton.compile(source, target=target, options=options)
        assert compiled.asm["cubin"]
        assert compiled.metadata.shared <= 99 * 1024


def test_a_cpu_takes_the_loop():
    assert not walking.on_kernel(torch.zeros(1, 1, 16, 16))


@pytest.mark.gpu
@pytest.mark.parametrize("name", rules(stream(1)))
def test_a_gpu_gives_what_the_token_loop_gives(name):
    """Outputs and gradients in float32 (`make test-gpu`): the kernel and the loop, on the GPU."""
    made = stream(1000, "cuda")
    found = rules(made)[name]()
    slopes = torch.autograd.grad(found[0].sin().sum(), list(made.values()), allow_unused=True)
    wide = {n: x.detach().double().cpu().requires_grad_() for n, x in made.items()}
    exact = rules(wide)[name]()
    exact_slopes = torch.autograd.grad(exact[0].sin().sum(), list(wide.values()), allow_unused=True)
    assert walking.on_kernel(found[1])
    assert apart([x.cpu().double() for x in found], exact) < 1e-4
    pairs = [(x.cpu().double(), y) for x, y in zip(slopes, exact_slopes, strict=True) if x is not None]
    assert apart(*zip(*pairs, strict=True)) < 1e-4


@pytest.mark.gpu
def test_a_gpu_steps_as_it_chunks():
    made = stream(200, "cuda")
    assert apart(scan(**made), chunk(**made)) < 1e-4
