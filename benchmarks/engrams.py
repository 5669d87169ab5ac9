"""What a pass that collects engrams costs, beside the bare forward pass and the floor of its products.

A pass multiplies every row with itself: d_in^2 / 2 products per row and input (the matrix is symmetric),
where a forward pass needs d_in d_out per row and matrix. The published floor counts whole matrices, 1 + sum
d_in^2 / sum d_in d_out, over inputs and matrices. Times are process CPU times on one thread, order A B B A,
minima over rounds; the pass is the whole call of `collect`, its look at which layers share inputs and its
fingerprints included, once without them (`per batch`).

    python -m benchmarks.engrams --json out.json
    python -m benchmarks.engrams --large     # also: 4,096 units with ff = 11,008, peak memory and time,
    minutes

`--large` runs a process of its own and reads its peak memory: weights in float32, statistics of one concept
and the reference, and the engram of every matrix erased and put back, one at a time.
"""

import os

for _name in ("OMP", "MKL", "OPENBLAS", "NUMBA"):
    os.environ.setdefault(f"{_name}_NUM_THREADS", "1")

import argparse
import json
import resource
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.timing import spent
from memscape import engrams

LIMIT = 4 * 2**30
"""Bytes within which a layer of 4,096 units with ff = 11,008 must be collected and solved."""


class Block(nn.Module):
    """A transformer layer.

    Queries, keys and values share an input, and so do the gate and the up projection.
    """

    def __init__(self, units: int, inner: int, heads: int = 8):
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.RMSNorm(units), nn.RMSNorm(units)
        self.q, self.k, self.v, self.o = (nn.Linear(units, units, bias=False) for _ in range(4))
        self.gate, self.up = (nn.Linear(units, inner, bias=False) for _ in range(2))
        self.down = nn.Linear(inner, units, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (b, t, units) from (b, t, units)."""
        b, t, units = x.shape
        seen = self.before(x)
        q, k, v = (f(seen).reshape(b, t, self.heads, -1).transpose(1, 2) for f in (self.q, self.k, self.v))
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(mixed.transpose(1, 2).reshape(b, t, units))
        seen = self.between(x)
        return x + self.down(nn.functional.silu(self.gate(seen)) * self.up(seen))


def models() -> dict[str, tuple[nn.Module, Tensor]]:
    """Return networks with a batch of inputs each."""
    draw = torch.Generator().manual_seed(0)

    def rows(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw)

    wide, mixed = (784, 500, 500, 10), nn.TransformerEncoderLayer(256, 8, 1024, batch_first=True)
    linear = [part for a, b in pairwise(wide) for part in (nn.Linear(a, b), nn.ReLU())]
    convolutions = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, padding=1, stride=2), nn.ReLU()
    )
    return {
        "transformer layer, 512 units, ff 1,376, 2,048 tokens": (Block(512, 1376), rows(8, 256, 512)),
        "transformer layer, 512 units, ff 1,376, 4,096 tokens": (Block(512, 1376), rows(16, 256, 512)),
        "transformer layer, 1,024 units, ff 2,752, 2,048 tokens": (Block(1024, 2752), rows(8, 256, 1024)),
        "torch's encoder layer, 256 units, ff 1,024, 2,048 tokens": (mixed, rows(8, 256, 256)),
        "ReLU network 784-500-500-10, 512 rows": (nn.Sequential(*linear[:-1]), rows(512, 784)),
        "convolutions 3-32-64 of 3 x 3, 64 pictures of 32 x 32": (convolutions, rows(64, 3, 32, 32)),
    }


def floor(statistics: engrams.Statistics, model: nn.Module, places: dict[str, int]) -> float:
    """Return 1 + products of the pass over products of the forward pass, each layer with its own rows."""
    passed = sum(places[n] * m.groups * m.width**2 for n, m in statistics.inputs.items())
    forward = sum(
        places[site.source] * model.get_parameter(site.weight).numel() for site in statistics.sites.values()
    )
    return 1 + passed / forward


def measured(model: nn.Module, x: Tensor, batches: int, rounds: int) -> dict[str, Any]:
    """Return the ratio of a pass over some batches to the forward pass, of the whole call and per batch."""
    label = torch.arange(len(x)) % 2
    model.eval()

    def forward() -> None:
        with torch.no_grad():
            for _ in range(batches):
                model(x)

    def collected(count: int) -> engrams.Statistics:
        return engrams.collect(model, [(x, label)] * count, concept=lambda b: b[1], progress=False)

    statistics = collected(1)
    places = {n: m.count for n, m in statistics.inputs.items()}
    bare, whole, one = [], [], []
    for _ in range(rounds):
        bare.append(spent(forward))
        whole.append(spent(lambda: collected(batches)))
        one.append(spent(lambda: collected(1)))
        whole.append(spent(lambda: collected(batches)))
        bare.append(spent(forward))
    passing = min(bare) / batches
    return {
        "forward_s": passing,
        "whole": min(whole) / min(bare),
        "per_batch": (min(whole) - min(one)) / (batches - 1) / passing,
        "floor": floor(statistics, model, places),
    }


def large() -> dict[str, float]:
    """Return peak memory and times of a layer of 4,096 units with ff = 11,008.

    Every matrix collected and solved.
    """
    model, draw = Block(4096, 11008, heads=32), torch.Generator().manual_seed(0)
    tokens, batches = 512, 12
    start = time.process_time()
    label = torch.zeros(1, tokens, dtype=torch.int64)
    label[0, : tokens // 2] = 1

    def loader() -> Any:
        for _ in range(batches):
            yield torch.randn(1, tokens, 4096, generator=draw), label

    statistics = engrams.collect(model, loader(), concept=lambda b: b[1], progress=False)
    collected = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    for name in statistics.sites:
        with statistics.engram(1).only(name).erased(model):
            pass
    return {
        "tokens": tokens * batches,
        "collect_s": collected,
        "collect_peak_gib": peak / 2**30,
        "solve_s": time.process_time() - start - collected,
        "statistics_gib": statistics.nbytes / 2**30,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 2**30,
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description="The cost of collecting engrams.")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--batches", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", action="store_true", help="also 4,096 units with ff = 11,008")
    parser.add_argument("--large-only", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.large_only:
        print(json.dumps(large()))
        return
    rows = {}
    for name, (model, x) in models().items():
        row = rows[name] = measured(model, x, options.batches, options.rounds)
        print(
            f"{name}: forward {1e3 * row['forward_s']:.0f} ms, pass {row['whole']:.2f} times that over "
            f"{options.batches} batches, {row['per_batch']:.2f} per further batch, floor {row['floor']:.2f}",
            flush=True,
        )
    found: dict[str, Any] = {"passes": rows}
    if options.large:
        command = [sys.executable, "-m", "benchmarks.engrams", "--large-only"]
        found["large"] = json.loads(
            subprocess.run(command, capture_output=True, check=True, text=True).stdout
        )
        print(
            "4,096 units, ff 11,008: peak {peak_gib:.2f} GiB of all that the process holds, statistics "
            "{statistics_gib:.2f} GiB; {tokens} tokens in {collect_s:.0f} s, every matrix solved, erased and "
            "put back in {solve_s:.0f} s".format(**found["large"])
        )
        if found["large"]["peak_gib"] * 2**30 > LIMIT:
            print("missed: more than 4 GiB")
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
