"""`landscape.check` on 100,000 vectors of 384 units with 1,000 cues, beside the products of all pairs alone.

The data are made: 1,000 topics of uneven size in 48 dimensions, near and exact copies, noisy cues, a fifth of
them about nothing that is stored. The ceiling is the float32 product of two blocks of 2,048 vectors, measured
in the same run.

    python -m benchmarks.check --json out.json
"""

import argparse
import json
import os
import time
import warnings
from pathlib import Path

import torch
from torch import Tensor

from memscape.kernels.pairs import BLOCK
from memscape.landscape import check

RANK = 48
"""Dimensions that the vectors and the noise of the cues fill: embeddings fill few of theirs."""

GOAL = 60.0
"""Seconds on two cores, for the default sizes."""


def collection(patterns: int, units: int, cues: int) -> tuple[Tensor, Tensor, Tensor]:
    """Vectors, cues and labels that look like those of a search in texts."""
    generator = torch.Generator().manual_seed(0)

    basis = torch.linalg.qr(torch.randn(units, min(RANK, units), generator=generator)).Q.T

    def drawn(count: int) -> Tensor:
        x = torch.randn(count, len(basis), generator=generator) @ basis
        return x / torch.linalg.vector_norm(x, dim=1, keepdim=True)

    topics = max(10, patterns // 100)
    centres = drawn(2 * topics)
    sizes = 1 / torch.arange(1, topics + 1).float()
    topic = torch.multinomial(sizes, patterns, replacement=True, generator=generator)
    x = centres[topic] + drawn(patterns)
    copies = patterns // 100
    x[-copies:] = x[:copies] + 0.02 * drawn(copies)
    x[-(copies // 2) :] = x[: copies // 2]
    own = torch.randint(patterns, (cues,), generator=generator)
    q = x[own] + 1.6 * drawn(cues)
    strangers = cues // 5
    other = torch.randint(topics, (strangers,), generator=generator) + topics
    q[:strangers] = centres[other] + drawn(strangers)
    own[:strangers] = -1
    return x / torch.linalg.vector_norm(x, dim=1, keepdim=True), q, own


def ceiling(units: int) -> float:
    """Products per second of wall time, 1e9 multiplications and additions each two."""
    a, out = torch.ones(BLOCK, units), torch.empty(BLOCK, BLOCK)
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        torch.mm(a, a.T, out=out)
        best = min(best, time.perf_counter() - start)
    return 2 * BLOCK * BLOCK * units / best / 1e9


def main() -> None:
    """Print the times; write them where --json says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    parser.add_argument("--patterns", type=int, default=100_000)
    parser.add_argument("--units", type=int, default=384)
    parser.add_argument("--cues", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    x, q, own = collection(chosen.patterns, chosen.units, chosen.cues)
    speed = ceiling(chosen.units)
    wall, spent = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = check(x, q, own, generator=0, progress=False)
    wall, spent = time.perf_counter() - wall, time.process_time() - spent
    bare = chosen.patterns**2 * chosen.units / speed / 1e9
    row = {
        "patterns": chosen.patterns,
        "units": chosen.units,
        "cues": chosen.cues,
        "threads": chosen.threads,
        "wall_s": wall,
        "cpu_s": spent,
        "gflops": speed,
        "bare_pairs_s": bare,
        "ratio": wall / bare,
        "goal_s": GOAL,
        "pairs": report.confusable.found,
        "recall": report.recall,
    }
    print(
        f"check p={chosen.patterns:,} n={chosen.units} cues={chosen.cues:,}, {chosen.threads} threads:"
        f" wall {wall:.1f} s (goal {GOAL:.0f} s at the default sizes), CPU {spent:.1f} s; the products of all"
        f" pairs alone {bare:.1f} s at the measured {speed:.0f} GFLOP/s, ratio {wall / bare:.2f}"
    )
    print(f"{report.confusable.found:,} confusable pairs, recall {report.recall:.3f}")
    if chosen.json:
        chosen.json.write_text(json.dumps(row, indent=1) + "\n")


if __name__ == "__main__":
    main()
