"""Dense recall, softmax(beta Q X^T) X, against bare matrix products, full and flash softmax, and faiss.

Cost is process CPU time on one thread, in the order A B B A, answers compared with float64 before anything is
timed. Two regimes: vectors of length 1 at a moderate beta, where all patterns have a say, and +-1 patterns at
beta = 1 in units of overlap, where a cue lies deep in one well.

    python -m benchmarks.retrieval --json out.json
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import torch
from torch import Tensor

from benchmarks.timing import in_turns, spent
from memscape.kernels.retrieval import retrieve

UNITS, TOP, CHECKED = 384, 32, 50
Method = Callable[[], Tensor]


def problem(regime: str, patterns: int, cues: int) -> tuple[Tensor, Tensor, float]:
    """Cues, patterns and beta of one regime."""
    generator = torch.Generator().manual_seed(0)
    picked = torch.randint(patterns, (cues,), generator=generator)
    if regime == "unit vectors":
        x = torch.randn(patterns, UNITS, generator=generator)
        x /= torch.linalg.vector_norm(x, dim=1, keepdim=True)
        return x[picked] + 0.5 * torch.randn(cues, UNITS, generator=generator) / UNITS**0.5, x, 20.0
    x = torch.randint(0, 2, (patterns, UNITS), generator=generator).float() * 2 - 1
    flips = torch.where(torch.rand(cues, UNITS, generator=generator) < 0.1, -1.0, 1.0)
    return x[picked] * flips, x, 1.0


def methods(q: Tensor, x: Tensor, beta: float) -> dict[str, Method]:
    """The rivals by name; each returns the recalled vectors, but for the bare products, a ceiling."""
    scores, output = torch.empty(len(q), len(x)), torch.empty_like(q)

    def bare() -> Tensor:
        torch.mm(q, x.T, out=scores)
        return torch.mm(scores, x, out=output)

    def flash() -> Tensor:
        heads = (q[None, None], x[None, None], x[None, None])
        return torch.nn.functional.scaled_dot_product_attention(*heads, scale=beta)[0, 0]

    rivals: dict[str, Method] = {
        "two bare products": bare,
        "full softmax": lambda: torch.softmax(beta * (q @ x.T), 1) @ x,
        "flash attention": flash,
    }
    return rivals | faiss_methods(q, x, beta)


def faiss_methods(q: Tensor, x: Tensor, beta: float) -> dict[str, Method]:
    """Exact inner-product search for the 32 best and a softmax over them, at both BLAS thresholds."""
    try:
        import faiss
    except ImportError:
        print("faiss is not installed (pip install faiss-cpu): left out")
        return {}
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(UNITS)
    index.add(x.numpy())
    default = faiss.cvar.distance_compute_blas_threshold

    def searched(threshold: int) -> Method:
        def run() -> Tensor:
            faiss.cvar.distance_compute_blas_threshold = threshold
            found, places = index.search(q.numpy(), TOP)
            faiss.cvar.distance_compute_blas_threshold = default
            weights = torch.softmax(beta * torch.from_numpy(found), 1)
            return (weights[:, :, None] * x[torch.from_numpy(places)]).sum(1)

        return run

    return {f"faiss top-{TOP}, default": searched(default), f"faiss top-{TOP}, BLAS": searched(1)}


def error(found: Tensor, q: Tensor, x: Tensor, beta: float) -> float:
    """The largest difference from float64 over the first cues."""
    exact = torch.softmax(beta * (q[:CHECKED].double() @ x.double().T), 1) @ x.double()
    return float((found[:CHECKED] - exact).abs().max())


def measured(regime: str, patterns: int, cues: int, rounds: int) -> list[dict[str, Any]]:
    """One row per rival: its CPU time, ours beside it, their ratios, and its error."""
    q, x, beta = problem(regime, patterns, cues)
    ours = lambda: retrieve(q, x, beta)  # noqa: E731
    own_error = error(ours().output, q, x, beta)
    if own_error > 1e-4:
        raise SystemExit(f"wrong answers: {own_error:.1e} from float64 ({regime}, p = {patterns})")
    rows = []
    for name, rival in methods(q, x, beta).items():
        rival_error = None if "bare" in name else error(rival(), q, x, beta)
        rival(), ours()
        best = in_turns(lambda: spent(ours), lambda r=rival: spent(r), rounds)
        rows.append(
            {
                "regime": regime,
                "patterns": patterns,
                "cues": cues,
                "rival": name,
                "ours_s": best.ours,
                "rival_s": best.rival,
                "ratio": best.ratio,
                "median_ratio": best.median_ratio,
                "rival_error": rival_error,
                "our_error": own_error,
            }
        )
    return rows


def line(row: dict[str, Any]) -> str:
    """One row of the table."""
    wrong = "" if row["rival_error"] is None else f"{row['rival_error']:.0e}"
    return (
        f"{row['regime']:13} p={row['patterns']:<8} c={row['cues']:<5} {row['rival']:22} "
        f"ours {row['ours_s']:7.3f} s  rival {row['rival_s']:7.3f} s  "
        f"ratio {row['ratio']:5.2f} (median {row['median_ratio']:5.2f})  "
        f"error {wrong:>6}, ours {row['our_error']:.0e}"
    )


def main() -> None:
    """Print the table; write it where --json says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--patterns", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--cues", type=int, nargs="+", default=[250, 1000])
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    rows = []
    print("ratio = CPU time of the rival / ours, above 1 we are faster; errors are against float64")
    for regime in ("unit vectors", "deep wells"):
        for patterns in chosen.patterns:
            for cues in chosen.cues:
                for row in measured(regime, patterns, cues, chosen.rounds):
                    rows.append(row)
                    print(line(row), flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
