"""Exact asynchronous recall and Glauber dynamics against common loops, C++ samplers, and the floor.

Cost is process CPU time on one thread, in the order A B B A; end states are asserted equal before anything is
timed. The slow sides run on few cues, or on the first units of a sweep, and are compared per unit update: the
cost of an update does not depend on the cue. Run `python -m benchmarks.descent --json out.json`.
"""

import os

for _name in ("OMP", "MKL", "OPENBLAS", "NUMBA"):
    os.environ.setdefault(f"{_name}_NUM_THREADS", "1")

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.timing import Side, in_turns, spent
from memscape.kernels import naive, sweeps
from memscape.kernels.blocked import BLOCK
from memscape.kernels.couplings import CouplingForm
from memscape.kernels.dispatch import Quadratic

Row = dict[str, object]


def random_patterns(count: int, units: int, seed: int) -> Tensor:
    """Fair +-1 patterns."""
    drawn = torch.randint(0, 2, (count, units), generator=torch.Generator().manual_seed(seed))
    return (2 * drawn - 1).to(torch.int8)


def noisy(patterns: Tensor, count: int) -> Tensor:
    """Stored patterns with exactly a tenth of their units flipped."""
    units = patterns.shape[1]
    cues = patterns[torch.arange(count) % len(patterns)]
    noise = torch.rand(count, units, generator=torch.Generator().manual_seed(1))
    places = noise.argsort(1)[:, : units // 10]
    return cues.scatter(1, places, -cues.gather(1, places))


def numpy_loop(weights: np.ndarray, states: np.ndarray, by_column: bool) -> tuple[np.ndarray, int]:
    """One cue and one unit at a time, to the fixed point; returns the states and the updates made."""
    states, updates = states.astype(np.float64), 0
    for state in states:
        moved = True
        while moved:
            moved = False
            for i in range(len(state)):
                h = np.dot(weights[:, i] if by_column else weights[i], state)
                if h * state[i] < 0:
                    state[i] = -state[i]
                    moved = True
            updates += len(state)
    return states, updates


def torch_columns(weights: Tensor, states: Tensor, units: Iterable[int]) -> bool:
    """All cues at once, one column after another, in place, float64; returns whether anything moved."""
    moved = False
    for i in units:
        h = states @ weights[:, i]
        flip = h * states[:, i] < 0
        states[:, i] = torch.where(flip, -states[:, i], states[:, i])
        moved = moved or bool(flip.any())
    return moved


def floor(units: int, patterns: int, cues: int, updates: int) -> float:
    """CPU seconds per update of the bare products: fields, and one rank-64 update of the overlaps a block.

    The second is counted for the first sweep only, the products are timed at the shapes they have.
    """
    overlaps, signs, change = (
        torch.randn(cues, patterns),
        torch.randn(BLOCK, patterns),
        torch.randn(cues, BLOCK),
    )
    fields, target = torch.empty(cues, BLOCK), torch.empty(cues, patterns)
    times = 50

    def best(product: Callable[[], object]) -> float:
        return min(spent(lambda: [product() for _ in range(times)]) for _ in range(7)) / times / cues / BLOCK

    each = best(lambda: torch.mm(overlaps, signs.T, out=fields))
    return each + best(lambda: torch.mm(change, signs, out=target)) * cues * units / updates


def compared(ours: Side, rivals: dict[str, tuple[Side, int]]) -> list[Row]:
    """One row per rival, A B B A for as many rounds as it says."""
    rows = []
    for name, (rival, rounds) in rivals.items():
        best = in_turns(ours, rival, rounds)
        rows.append(
            {
                "rival": name,
                "ours_ns": best.ours * 1e9,
                "rival_ns": best.rival * 1e9,
                "ratio": best.ratio,
                "median_ratio": best.median_ratio,
                "rounds": rounds,
            }
        )
    return rows


def recall(units: int, count: int, cues: int) -> list[Row]:
    """Noisy cues in a fixed order, against loops, kept fields over W, and the floor."""
    patterns = random_patterns(count, units, 0)
    states = noisy(patterns, cues)
    weights = (patterns.T.double() @ patterns.double()).fill_diagonal_(0)
    energy, kept = Quadratic.patterns(patterns), CouplingForm(weights)

    def swept(start: Callable, batch: Tensor) -> sweeps.Outcome:
        return sweeps.run(start, batch, order="fixed", max_steps=1000, seed=0)

    ends = swept(energy, states)
    updates = int(ends.steps.sum()) * units
    few, one = states[:8], states[:1]
    dense = few.to(torch.float64)
    while torch_columns(weights, dense, range(units)):
        pass
    same = torch.equal(ends.states[:8].double(), dense) and torch.equal(
        ends.states, swept(kept, states).states
    )
    same &= np.array_equal(ends.states[:1], numpy_loop(weights.numpy(), one.numpy(), True)[0])
    same &= np.array_equal(ends.states[:8], numpy_loop(weights.numpy(), few.numpy(), False)[0])
    if not same:
        raise SystemExit(f"the end states differ at n = {units}, p = {count}")

    def ours() -> float:
        return spent(lambda: swept(energy, states)) / updates

    def loop(batch: Tensor, by_column: bool) -> Side:
        made = int(ends.steps[: len(batch)].sum()) * units
        return lambda: spent(lambda: numpy_loop(weights.numpy(), batch.numpy(), by_column)) / made

    def columns() -> float:
        batch, some = states.to(torch.float64), range(0, units, units // 100)
        return spent(lambda: torch_columns(weights, batch, some)) / (len(some) * cues)

    def rows() -> float:
        return spent(lambda: swept(kept, states[:200])) / (int(ends.steps[:200].sum()) * units)

    rivals: dict[str, tuple[Side, int]] = {
        "numpy loop, columns of W": (loop(one, True), 2),
        "numpy loop, rows of W": (loop(few[:4], False), 5),
        "torch loop, all cues, columns": (columns, 5),
        "kept fields over W, ours": (rows, 5),
        "floor: bare products": (lambda: floor(units, count, cues, updates), 5),
    }
    measured = compared(ours, rivals)
    problem = {"what": "recall", "n": units, "p": count, "cues": cues, "way": energy.why(cues)}
    return [problem | row for row in measured]


def quenches(units: int, count: int, starts: int) -> list[Row]:
    """Random starts to the bottom in fresh random orders: descents per core-second."""
    energy, states = Quadratic.patterns(random_patterns(count, units, 0)), random_patterns(starts, units, 2)

    def run() -> sweeps.Outcome:
        return sweeps.run(energy, states, order="random", max_steps=10_000, seed=0)

    ends, again = run(), sweeps.run(energy.form.couplings, states, order="random", max_steps=10_000, seed=0)
    if not (ends.converged.all() and torch.equal(ends.states, again.states)):
        raise SystemExit("the quenches did not all end, or not alike")
    best = min(spent(run) for _ in range(7))
    steps = float(ends.steps.double().mean())
    each = best / (float(ends.steps.sum()) * units) * 1e9
    row = {"what": "quench", "n": units, "p": count, "cues": starts, "per_core_s": starts / best}
    return [row | {"ours_ns": each, "sweeps": steps}]


def glauber(units: int, count: int, temperature: float, reads: int) -> list[Row]:
    """Thermal sweeps at equal overlap with the pattern they start from, against dwave-samplers (C++)."""
    patterns = random_patterns(count, units, 0)
    energy, states = Quadratic.patterns(patterns), patterns[torch.arange(reads) % count].clone()
    made = 100

    def run() -> sweeps.Outcome:
        return sweeps.run(
            energy, states, order="fixed", max_steps=made, seed=0, temperature=temperature * units
        )

    def overlap(ends: Tensor) -> float:
        return float((ends.double() * states).mean())

    own, updates = overlap(run().states), reads * made * units
    ours: Side = lambda: spent(run) / updates  # noqa: E731
    problem = {"what": "glauber", "n": units, "p": count, "cues": reads, "overlap": own}
    rivals = dwave(patterns, temperature * units, 16, own)
    rows = compared(ours, {name: (side, 2) for name, side in rivals.items()})
    best = min(ours() for _ in range(7))
    return [problem | {"ours_ns": best * 1e9, "per_core_s": 1 / best}] + [problem | row for row in rows]


def dwave(patterns: Tensor, temperature: float, reads: int, wanted: float) -> dict[str, Side]:
    """The C++ samplers; building their model is left out by the difference of a long and a short run."""
    try:
        import dimod
        from dwave.samplers import SimulatedAnnealingSampler
    except ImportError:
        print("dwave-samplers is not installed: left out")
        return {}
    weights, units = naive.couplings(patterns.numpy()), patterns.shape[1]
    i, j = np.triu_indices(units, 1)
    model = dimod.BinaryQuadraticModel.from_numpy_vectors(
        np.zeros(units), (i, j, -weights[i, j].astype(float)), 0.0, "SPIN"
    )
    starts = patterns[:reads].numpy()

    def sampled(rule: str, made: int) -> np.ndarray:
        found = SimulatedAnnealingSampler().sample(
            model,
            num_reads=reads,
            beta_schedule_type="custom",
            beta_schedule=[1 / temperature] * made,
            num_sweeps_per_beta=1,
            initial_states=(starts, list(range(units))),
            proposal_acceptance_criteria=rule,
            seed=1,
        )
        return found.record.sample[:, np.argsort(list(found.variables))]

    def side(rule: str) -> Side:
        return lambda: max(
            1e-12,
            (spent(lambda: sampled(rule, 520)) - spent(lambda: sampled(rule, 20))) / (500 * reads * units),
        )

    for rule in ("Metropolis", "Gibbs"):
        ends = sampled(rule, 100)
        got = float((ends @ starts.T.astype(float)).max(1).mean()) / units
        if abs(got - wanted) > 0.01:
            raise SystemExit(f"dwave {rule} has the overlap {got:.3f}, ours is {wanted:.3f}")
    return {f"dwave-samplers, {rule}": side(rule) for rule in ("Metropolis", "Gibbs")}


def line(row: Row) -> str:
    """One row for people."""
    head = f"{row['what']:8} n={row['n']:<6} p={row['p']:<4} c={row['cues']:<5}"
    if "rival" not in row:
        return f"{head} {row['per_core_s']:,.0f} per core-s, {row['ours_ns']:.1f} ns an update"
    return (
        f"{head} {row['rival']:30} {row['rival_ns']:10,.1f} ns, ours {row['ours_ns']:6.1f} ns an update: "
        f"ratio {row['ratio']:8.2f} (median {row['median_ratio']:.2f})"
    )


def main() -> None:
    """Print the table; write it where --json says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--quick", action="store_true", help="leave out n = 10,000")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print("ratio = CPU time of the rival / ours, per unit update; its inverse for the floor")
    jobs: list[Callable[[], list[Row]]] = [
        lambda: recall(1000, 50, 1000),
        lambda: recall(4000, 200, 1000),
        lambda: quenches(1000, 50, 1024),
        lambda: quenches(4000, 200, 256),
        lambda: glauber(1000, 50, 0.4, 200),
    ]
    if not chosen.quick:
        jobs.append(lambda: recall(10_000, 500, 1000))
    rows = []
    for job in jobs:
        for row in job():
            rows.append(row)
            print(line(row), flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
