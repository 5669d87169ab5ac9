"""The delta family on a GPU: the chunk form against flash-linear-attention and attention.

Milliseconds on the device, the least of the rounds, after warming up; bf16 queries, keys and values, batch 4,
16 heads of width 64. flash-linear-attention is measured where it is installed. Answers are compared with the
token loop in float64 before anything is timed. `--precision highest` is float32 throughout, `high` lets
products use TF32.

    python -m benchmarks.sequence_gpu --json out.json
"""

import argparse
import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize, scaled_dot_product_attention, softplus

from memscape.sequence import chunk, scan
from memscape.sequence.walking import on_kernel

BATCH, HEADS, WIDTH = 4, 16, 64


def stream(tokens: int, batch: int, heads: int, dtype: torch.dtype) -> dict[str, Tensor]:
    """Queries, unit keys, values, log decays and write strengths, on the GPU."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(batch, tokens, heads, *shape, generator=generator)

    made = {"q": draw(WIDTH), "k": normalize(draw(WIDTH), dim=-1), "v": draw(WIDTH)}
    made = {name: x.to("cuda", dtype) for name, x in made.items()}
    gates = {"g": -0.1 * softplus(draw()), "beta": torch.sigmoid(draw())}
    return made | {name: x.cuda() for name, x in gates.items()}


def check() -> float:
    """The largest error of the chunk form in float32 against the token loop in float64, t = 512."""
    made = stream(512, 1, 2, torch.float32)
    exact = scan(**{name: x.double() for name, x in made.items()})
    found = chunk(**made)
    if not on_kernel(found[1]):
        raise SystemExit("the kernel does not run here: no GPU, or no Triton")
    error = max(float((a - b).abs().max()) for a, b in zip(exact, found, strict=True))
    if error > 1e-2:  # TF32's ten bits; float32 itself gives 1e-5
        raise SystemExit(f"wrong answers: {error:.1e} from the float64 loop")
    return error


def spent(call: Callable[[], Any], rounds: int) -> float:
    """Least milliseconds on the device."""
    for _ in range(3):
        call()
    times = []
    for _ in range(rounds):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        call()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end))
    return min(times)


def backward(call: Callable[[], Tensor], leaves: list[Tensor]) -> Callable[[], None]:
    """The call, then its gradients."""

    def run() -> None:
        for leaf in leaves:
            leaf.grad = None
        call().float().sum().backward()

    return run


def attention(made: dict[str, Tensor]) -> Tensor:
    """Causal attention on the same q, k, v."""
    q, k, v = (made[name].transpose(1, 2) for name in ("q", "k", "v"))
    return scaled_dot_product_attention(q, k, v, is_causal=True)


def rivals() -> dict[str, Callable[[dict[str, Tensor]], Tensor]]:
    """Ours, attention, and flash-linear-attention's kernel where it is installed."""
    calls: dict[str, Callable[[dict[str, Tensor]], Tensor]] = {
        "ours": lambda made: chunk(**made)[0],
        "attention": attention,
    }
    try:
        kernel = import_module("fla.ops.gated_delta_rule").chunk_gated_delta_rule
    except ImportError:
        print("flash-linear-attention is not installed: pip install flash-linear-attention")
        return calls
    return calls | {"flash-linear-attention": lambda made: kernel(**made)[0]}


def rows(tokens: int, rounds: int) -> list[dict[str, Any]]:
    """Forward, and forward with gradients, of each."""
    found = []
    for name, call in rivals().items():
        made = stream(tokens, BATCH, HEADS, torch.bfloat16)
        with torch.no_grad():
            forward = spent(lambda c=call, m=made: c(m), rounds)
        leaves = [x.requires_grad_() for x in made.values()]
        both = spent(backward(lambda c=call, m=made: c(m), leaves), rounds)
        print(
            f"t={tokens:<6} {name:24} forward {forward:8.2f} ms  forward + backward {both:8.2f} ms",
            flush=True,
        )
        found.append({"tokens": tokens, "rival": name, "forward_ms": forward, "both_ms": both})
    return found


def main() -> None:
    """Print the table; write it where --json says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--precision", choices=("highest", "high"), default="high")
    chosen = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("this benchmark needs a GPU; on a CPU: python -m benchmarks.sequence")
    torch.set_float32_matmul_precision(chosen.precision)
    print(torch.cuda.get_device_name(), f"error against the float64 loop: {check():.1e}")
    table = [row for tokens in (1024, 4096, 16384) for row in rows(tokens, chosen.rounds)]
    if chosen.json:
        chosen.json.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
