"""Projection storage in factors against the textbook `pinv(X) @ X`, by process CPU time on one thread.

Order A B B A; fields at the stored patterns are asserted equal before anything is timed.
Run `python -m benchmarks.storage --json out.json`.
"""

import os

for _name in ("OMP", "MKL", "OPENBLAS", "NUMBA"):
    os.environ.setdefault(f"{_name}_NUM_THREADS", "1")

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from benchmarks.timing import in_turns, spent
from memscape.memories import Projection
from memscape.patterns import independent


def main() -> None:
    """Measure, print and write the ratio."""
    parser = argparse.ArgumentParser(description="Projection storage against numpy's pinv.")
    parser.add_argument("--units", type=int, default=4000)
    parser.add_argument("--patterns", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    X = independent(options.patterns, options.units, generator=0)
    rows = X.double().numpy()

    def ours() -> torch.Tensor:
        return Projection(X).landscape_energy.mixed  # ty: ignore[missing-attribute]

    def textbook() -> np.ndarray:
        return np.linalg.pinv(rows) @ rows

    J = textbook()
    np.fill_diagonal(J, 0.0)
    expected = rows[:5] @ J
    found = Projection(X).field(X[:5]).numpy()
    error = float(np.abs(found - expected).max())
    if error > 1e-9:
        raise SystemExit(f"fields differ by {error:.2g}: nothing is timed")
    best = in_turns(lambda: spent(ours), lambda: spent(textbook), options.rounds)
    ratio = best.ours / best.rival
    size = f"n={options.units}, p={options.patterns}"
    print(
        f"{size}: factors {1e3 * best.ours:.1f} ms, pinv(X) @ X {1e3 * best.rival:.0f} ms, share {ratio:.3f}"
    )
    if options.json is not None:
        result = {"units": options.units, "patterns": options.patterns, "share": ratio, "error": error}
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
