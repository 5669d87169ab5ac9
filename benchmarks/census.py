"""Exhaustive landscapes against chunked numpy, a Gray code, and the goals; minima are asserted equal first.

Cost is process CPU time on one thread, in the order A B B A. The numpy sides look at the first states only
and are compared per state: their cost does not depend on them. A state counts whether it was looked at or
ruled out together with others, and with both of its signs.

    python -m benchmarks.census --json out.json
"""

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
from numba import njit
from threadpoolctl import threadpool_limits

from benchmarks.timing import in_turns, spent
from memscape.kernels.census import census
from memscape.kernels.flooding import basins_of, passes_between
from memscape.kernels.tables import levels, quadratic_table

Row = dict[str, object]
CHUNK = 1 << 14
NUMPY_STATES = 1 << 20
FLOOD_GOALS = {12: 0.05, 20: 1.5, 24: 40.0}
MEMORY_GOAL = 4.0  # GiB at 24 units


def couplings(kind: str, units: int, count: int = 5, seed: int = 0) -> np.ndarray:
    """Unscaled Hebbian integers, a spin glass of normal numbers, or a ring, in which few units meet."""
    rng = np.random.default_rng(seed)
    if kind == "ring":
        J = np.eye(units, k=1, dtype=np.int64) * rng.choice([-1, 1], units)
        J[0, -1] = 1
    elif kind == "glass":
        J = rng.standard_normal((units, units))
    else:
        X = rng.choice([-1, 1], (count, units))
        J = X.T @ X
    J = np.triu(J, 1)
    return J + J.T


def numpy_chunks(J: np.ndarray, states: int, kind: type | None = None) -> np.ndarray:
    """The keys below `states` of states that no flip lowers, a chunk at a time, in a type or in J's own."""
    units, found = len(J), []
    kind = J.dtype.type if kind is None else kind
    J, bits = J.astype(kind), np.arange(units)
    for first in range(0, states, CHUNK):
        keys = np.arange(first, min(first + CHUNK, states))
        s = ((keys[:, None] >> bits & 1) * 2 - 1).astype(kind)
        found.append(keys[(s * (s @ J) >= 0).all(1)])
    return np.concatenate(found)


@njit(cache=True)
def gray_code(J: np.ndarray) -> list:
    """Keys of the half in which the last unit is -1; one flip from state to state, fields kept."""
    units = J.shape[0]
    s = -np.ones(units)
    h = J @ s
    found, key = [], 0
    for step in range(1, (1 << (units - 1)) + 1):
        weak = True
        for i in range(units):
            if s[i] * h[i] < 0:
                weak = False
                break
        if weak:
            found.append(key)
        i = 0
        while not step >> i & 1:
            i += 1
        if i == units - 1:
            break
        key ^= 1 << i
        s[i] = -s[i]
        for j in range(units):
            h[j] += 2 * s[i] * J[j, i]
    return found


def against(units: int, kind: str, rounds: int) -> list[Row]:
    """Census against numpy and the Gray code, states per core-second with both signs counted."""
    J, zero = couplings(kind, units), np.zeros(units)
    small = couplings(kind, 16)
    minima = census(small, np.zeros(16))[0].states
    if kind == "hebb" and not np.isin(minima, numpy_chunks(small, 1 << 16)).all():
        raise SystemExit("the minima differ from those of numpy")
    half = gray_code(small.astype(np.float64))
    if not np.isin(minima[minima < 1 << 15], half).all() or len(census(J, zero)[0].minima) == 0:
        raise SystemExit("the minima differ from those of the Gray code")

    def ours() -> float:
        return spent(lambda: census(J, zero)) / 2**units

    def numpy_side(kind: type | None) -> float:
        return spent(lambda: numpy_chunks(J, NUMPY_STATES, kind)) / NUMPY_STATES

    sides = {
        "chunked numpy": (lambda: numpy_side(None), 800),
        "chunked numpy in float32": (lambda: numpy_side(np.float32), None),
        "Gray code": (lambda: spent(lambda: gray_code(J.astype(np.float64))) / 2**units, 40),
    }
    rows = []
    for name, (rival, goal) in sides.items():
        best = in_turns(ours, rival, rounds)
        rows.append(
            {
                "what": f"census of {kind}, n = {units}, against {name}",
                "states_per_s": 1 / best.ours,
                "rival_states_per_s": 1 / best.rival,
                "ratio": best.ratio,
                "median_ratio": best.median_ratio,
                "goal": goal,
            }
        )
    return rows


def largest(kind: str, count: int = 5) -> Row:
    """A census of 32 units; the goal is 10 s."""
    J = couplings(kind, 32, count)
    seconds = min(spent(lambda: census(J, np.zeros(32))) for _ in range(3))
    return {"what": f"census of {kind} ({count} patterns), n = 32", "seconds": seconds, "goal": 10.0}


def flooded(J: np.ndarray) -> int:
    """The whole landscape; returns the number of minima."""
    level = levels(quadratic_table(J, np.zeros(len(J))))
    minima, label = basins_of(level)
    passes_between(level, label, len(minima.minima))
    return len(minima.minima)


def flood(units: int, kind: str) -> Row:
    """Minima, basins and passes from the couplings; seconds of the best of three."""
    J = couplings(kind, units)
    seconds = min(spent(lambda: flooded(J)) for _ in range(3))
    return {"what": f"flooding of {kind}, n = {units}", "seconds": seconds, "goal": FLOOD_GOALS[units]}


def memory(kind: str) -> Row:
    """The peak memory of a process that floods 24 units, libraries included."""
    code = f"from benchmarks.census import peak; print(peak({kind!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {"what": f"memory of flooding {kind}, n = 24", "GiB": float(done.stdout), "goal": MEMORY_GOAL}


def peak(kind: str) -> float:
    """Flood 24 units and return the peak memory of this process in GiB."""
    flooded(couplings(kind, 24))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def ceilings() -> Row:
    """What this machine can do: float32 products, and reading and writing 256 MiB of int32."""
    a = np.random.default_rng(0).standard_normal((1024, 1024)).astype(np.float32)
    table = np.zeros(1 << 26, np.int32)
    product = min(spent(lambda: a @ a) for _ in range(5))
    sweep = min(spent(lambda: np.add(table, 1, out=table)) for _ in range(5))
    return {
        "what": "ceilings",
        "GFLOP_per_s": 2 * 1024**3 / product / 1e9,
        "GB_per_s": 2 * table.nbytes / sweep / 1e9,
    }


def main() -> None:
    """Print the table, and write it where --json says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    threadpool_limits(1)
    flooded(couplings("hebb", 6)), flooded(couplings("glass", 6))  # compiled before anything is timed
    gray_code(couplings("glass", 6)), census(couplings("glass", 6), np.zeros(6))
    rows = [ceilings()]
    for kind in ("hebb", "glass"):
        rows += against(24, kind, options.rounds)
    rows += [largest("hebb"), largest("hebb", 1), largest("hebb", 11), largest("glass"), largest("ring")]
    rows += [flood(units, kind) for units in FLOOD_GOALS for kind in ("hebb", "glass")]
    rows += [memory("hebb"), memory("glass")]
    for row in rows:
        values = (f"{key} {value:.4g}" for key, value in row.items() if key != "what" and value is not None)
        print(f"{row['what']:<60} {', '.join(values)}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
