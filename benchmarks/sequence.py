"""Chunk-parallel matrix memories against the token loop and against attention, on one thread.

Cost is process CPU time, in the order A B B A, minima over rounds; answers are compared with the loop in
float64 before anything is timed. Batch 1, one head, width 64 unless said. "step loop" calls the public `step`
token by token, "scan" is the loop inside the library.

    python -m benchmarks.sequence --json out.json
"""

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor
from torch.nn.functional import normalize, scaled_dot_product_attention, softplus

from benchmarks.timing import in_turns, spent
from memscape.sequence import MemoryLayer, chunk, scan, step

WIDTH = 64
Call = Callable[[], object]


def stream(
    tokens: int, *, batch: int = 1, heads: int = 1, width: int = WIDTH, dtype=torch.float32
) -> dict[str, Tensor]:
    """Queries, unit keys, values, log decays and write strengths."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(batch, tokens, heads, *shape, generator=generator, dtype=torch.float64)

    made = {
        "q": draw(width),
        "k": normalize(draw(width), dim=-1),
        "v": draw(width),
        "g": -0.1 * softplus(draw()),
        "beta": torch.sigmoid(draw()),
    }
    return {name: x.to(dtype) for name, x in made.items()}


def plain(made: dict[str, Tensor]) -> dict[str, Any]:
    """Linear attention's share of a stream: nothing fades, nothing is erased."""
    return {name: made[name] for name in ("q", "k", "v")} | {"erase": None}


def pair(ours: Call, rival: Call, rounds: int) -> tuple[float, float]:
    """Least CPU seconds of both, in the order A B B A."""
    rival(), ours()
    best = in_turns(lambda: spent(ours), lambda: spent(rival), rounds)
    return best.ours, best.rival


def backward(call: Callable[[], Tensor], leaves: list[Tensor]) -> Call:
    """The call, then its gradients."""

    def run() -> None:
        for leaf in leaves:
            leaf.grad = None
        call().sum().backward()

    return run


def check() -> float:
    """The largest error of the float32 chunk form against the float64 loop, t = 512."""
    exact = scan(**stream(512, dtype=torch.float64))
    found = chunk(**stream(512))
    error = max(float((a - b).abs().max()) for a, b in zip(exact, found, strict=True))
    if error > 1e-5:
        raise SystemExit(f"wrong answers: {error:.1e} from the float64 loop")
    return error


def attention(made: dict[str, Tensor]) -> tuple[Callable[[], Tensor], list[Tensor]]:
    """Causal attention on the same q, k, v, heads in front."""
    q, k, v = (made[name].transpose(1, 2).contiguous() for name in ("q", "k", "v"))
    return lambda: scaled_dot_product_attention(q, k, v, is_causal=True), [q, k, v]


def loop_steps(made: dict[str, Any]) -> None:
    """The public `step`, token by token."""
    state, fixed = None, {"erase": made["erase"]} if "erase" in made else {}
    each = {name: x.unbind(1) for name, x in made.items() if isinstance(x, Tensor)}
    for i in range(made["q"].shape[1]):
        _, state = step(**{name: x[i] for name, x in each.items()}, **fixed, state=state)


def against_loops(rounds: int) -> list[dict[str, Any]]:
    """The chunk form against both token loops at t = 4,096."""
    rows = []
    with torch.no_grad():
        for name, made in (("linear", plain(stream(4096))), ("gated delta", stream(4096))):
            for rival, call in (
                ("scan", lambda m=made: scan(**m)),
                ("step loop", lambda m=made: loop_steps(m)),
            ):
                a, b = pair(lambda m=made: chunk(**m), call, max(1, rounds // 3))
                rows.append(row(f"{name}, forward, t=4096", rival, a, b))
    return rows


def against_attention(rounds: int) -> list[dict[str, Any]]:
    """Gated delta against scaled_dot_product_attention, forward and with gradients."""
    rows = []
    for tokens in (4096, 16384):
        made = stream(tokens)
        attend, leaves = attention(made)
        n = rounds if tokens == 4096 else max(1, rounds // 4)
        with torch.no_grad():
            a, b = pair(lambda m=made: chunk(**m), attend, n)
        rows.append(row(f"gated delta, forward, t={tokens}", "attention", a, b))
        own = [x.requires_grad_() for x in made.values()]
        others = [x.requires_grad_() for x in leaves]
        a, b = pair(backward(lambda m=made: chunk(**m)[0], own), backward(attend, others), n)
        rows.append(row(f"gated delta, forward + backward, t={tokens}", "attention", a, b))
    return rows


def in_length(rounds: int) -> dict[str, Any]:
    """The cost at t = 65,536 over 16 times that at 4,096: 1 is linear."""
    short, long = stream(4096), stream(65536)
    with torch.no_grad():
        a, b = pair(lambda: chunk(**long), lambda: [chunk(**short) for _ in range(16)], max(1, rounds // 3))
    return row("gated delta, t=65536", "16 x t=4096", a, b)


def in_heads(rounds: int) -> list[dict[str, Any]]:
    """Eight rows of eight heads at once against a loop over them."""
    rows = []
    for tokens in (64, 256, 1024):
        made = stream(tokens, batch=8, heads=8)
        ones = [
            {name: x[i : i + 1, :, j : j + 1].contiguous() for name, x in made.items()}
            for i in range(8)
            for j in range(8)
        ]
        with torch.no_grad():
            a, b = pair(lambda m=made: chunk(**m), lambda o=ones: [chunk(**one) for one in o], rounds)
        rows.append(row(f"gated delta, 8 x 8 heads, t={tokens}", "loop per head", a, b))
    return rows


def decoding(rounds: int) -> dict[str, Any]:
    """One token of a layer after 16 tokens against one after 4,096: 1 is no growth."""
    layer, generator = MemoryLayer(WIDTH, 1, "gated_deltanet", generator=0), torch.Generator().manual_seed(0)
    x = torch.randn(1, 4096, WIDTH, generator=generator)
    with torch.no_grad():
        early, late = layer(x[:, :16])[1], layer(x)[1]
        if early.nbytes != late.nbytes:
            raise SystemExit("the state grows")
        token = x[:, :1]
        a, b = pair(
            lambda: [layer(token, late) for _ in range(200)],
            lambda: [layer(token, early) for _ in range(200)],
            rounds,
        )
    return row("200 decode steps after t=4096", "after t=16", a, b)


def row(case: str, rival: str, ours: float, other: float) -> dict[str, Any]:
    """One line of the table, printed at once."""
    print(
        f"{case:40} ours {1e3 * ours:9.2f} ms  {rival:14} {1e3 * other:9.2f} ms  ratio {other / ours:7.2f}",
        flush=True,
    )
    return {"case": case, "rival": rival, "ours_s": ours, "rival_s": other, "ratio": other / ours}


def main() -> None:
    """Print the table; write it where --json says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print(f"error of the chunk form against the float64 loop: {check():.1e}")
    print("ratio = CPU time of the rival / ours, above 1 we are faster")
    rows = against_loops(chosen.rounds) + against_attention(chosen.rounds) + [in_length(chosen.rounds)]
    rows += in_heads(chosen.rounds) + [decoding(chosen.rounds)]
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
