"""Surveys from random starts: quenches per core-second, and their share of what the machine can do.

A quench is a random start of n = 1,000 units that descends to its minimum, is searched for plateaus, packed,
compared with those met before, and counted; the kinds of all minima are read at the end. The ceiling is the
bare work of its flips: one addition of a row of couplings to the fields each, timed alone. Cost is process
CPU time on one thread. Ends are compared with the textbook loop before anything is timed.

    python -m benchmarks.survey --json out.json
"""

import os

for _name in ("OMP", "MKL", "OPENBLAS", "NUMBA"):
    os.environ.setdefault(f"{_name}_NUM_THREADS", "1")

import argparse
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numba import njit

import memscape as ms
from benchmarks.timing import spent
from memscape.mechanisms import Asynchronous

Row = dict[str, Any]
GOAL = 1000.0  # quenches per core-second at n = 1,000, p = 50


@njit(cache=True)
def additions(fields: np.ndarray, weights: np.ndarray, units: np.ndarray) -> None:
    """Add a row of int8 couplings to int32 fields for each unit that flips: the least a descent has to do."""
    for i in units:
        row = weights[i]
        for j in range(fields.shape[0]):
            fields[j] += 2 * np.int32(row[j])


def textbook(X: np.ndarray, state: np.ndarray) -> np.ndarray:
    """Steepest descent of one state with all fields computed anew at every flip."""
    J = X.T @ X
    np.fill_diagonal(J, 0)
    state = state.copy()
    while True:
        cost = state * (J @ state)
        unit = int(cost.argmin())
        if cost[unit] >= 0:
            return state
        state[unit] = -state[unit]


def checked(memory: Any, X: torch.Tensor) -> float:
    """Compare eight ends with the textbook loop; return the mean number of flips from random starts."""
    starts = memory.space.sample(256, X.shape[1], generator=1)
    steepest = Asynchronous(order="steepest")
    ends = memory.recall(starts, dynamics=steepest, max_steps=10**6, generator=0)
    for start, end in zip(starts[:8].numpy(), ends.state[:8].numpy(), strict=True):
        if not np.array_equal(textbook(X.numpy().astype(np.int64), start.astype(np.int64)), end):
            raise SystemExit("the ends differ from the textbook loop")
    return float(ends.flips.double().mean())


def quenches(name: str, memory: Any, starts: int, rounds: int, dynamics: Any, flips: float) -> Row:
    """One row: surveys of `starts` starts, the best of `rounds`."""
    run = lambda: ms.landscape.survey(  # noqa: E731
        memory, starts=starts, dynamics=dynamics, barriers=False, generator=0, progress=False
    )
    land = run()
    seconds = min(spent(run) for _ in range(rounds))
    energy = memory.landscape_energy
    row: Row = {"what": name, "n": energy.units, "p": len(energy.patterns), "starts": starts}
    row |= {"minima": len(land), "per_core_s": starts / seconds, "goal": GOAL}
    if flips:
        floor = ceiling(energy.units, flips)
        row |= {"flips": flips, "ceiling_per_core_s": 1 / floor, "share_of_ceiling": starts * floor / seconds}
    return row


def ceiling(units: int, flips: float) -> float:
    """CPU seconds of the additions of one quench."""
    rng = np.random.default_rng(0)
    weights = rng.integers(-40, 41, (units, units)).astype(np.int8)
    fields, order = np.zeros(units, np.int32), rng.integers(0, units, round(flips) * 50)
    additions(fields, weights, order[:2])
    return min(spent(lambda: additions(fields, weights, order)) for _ in range(7)) / 50


def main() -> None:
    """Print the table; write it where --json says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--starts", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    X = ms.patterns.independent(50, 1000, generator=0)
    hebbian = ms.memories.Hebbian(X)
    flips = checked(hebbian, X)
    random = Asynchronous(order="random")
    cases = [
        ("Hebbian, steepest", hebbian, None, flips),
        ("Hebbian, random order", hebbian, random, 0.0),
        ("Projection, steepest", ms.memories.Projection(X), None, 0.0),
        ("Dense, steepest", ms.memories.Dense(X), None, 0.0),
    ]
    rows = []
    for name, memory, dynamics, each in cases:
        starts = chosen.starts // 8 if name.startswith("Dense") else chosen.starts  # slow: fewer show it
        row = quenches(name, memory, starts, chosen.rounds, dynamics, each)
        rows.append(row)
        head = f"{name:22} n={row['n']} p={row['p']} starts={row['starts']} minima={row['minima']}"
        tail = f", {100 * row['share_of_ceiling']:.0f} % of the bare additions" if each else ""
        print(f"{head}: {row['per_core_s']:,.0f} per core-s (goal {GOAL:,.0f}){tail}", flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
