"""The one place that decides how a quadratic energy is run, and says why.

Every choice is one of cost alone: whatever the way, the updates and the end states are the same (bit for bit
where the couplings are integers).
"""

import torch
from jaxtyping import Int8, Num
from torch import Tensor

from memscape.kernels.couplings import CouplingForm, CouplingSweeper
from memscape.kernels.descent import PatternSweeper
from memscape.kernels.patterns import PatternForm
from memscape.kernels.steepest import Advance, steepest_couplings, steepest_patterns
from memscape.kernels.sweeps import Outcome, Sweeper
from memscape.kernels.synchronous import ParallelOutcome, synchronous

COUPLING_BYTES = 2**28
"""W is built from patterns only while it takes less than this."""


def way(form: PatternForm, cues: int, rate: float) -> str:
    """Return the cheapest way of the next sweep: "blocks", "overlaps", "couplings", or "torch" off the CPU.

    `rate` is the share of visits that flipped in the last sweep, 1 before the first. The costs are core-ns
    per visit, measured; W is built once the sweeps that would have been cheaper with it add up to its price.
    """
    if form.device.type != "cpu":
        return "torch"
    costs = _costs(form, cues, rate)
    best = min(costs, key=costs.__getitem__)
    if best != "couplings" or "couplings" in form.__dict__:
        return best
    if form.rent >= form.units:
        return best
    form.rent += cues
    del costs["couplings"]
    return min(costs, key=costs.__getitem__)


def _costs(form: PatternForm, cues: int, rate: float) -> dict[str, float]:
    p, n = form.count, form.units
    wide = 1 if form.dtype == torch.float32 else 2  # float64 halves the speed of everything
    flips = min(rate, 0.25)
    costs = {
        "blocks": 1.5 + 800 / cues + wide * (p / 30 + flips * (25 + p / 20)),
        "overlaps": 3 + wide * p / 8,
    }
    # Not in the first sweep: its flips are many, and the overlaps that the others need would be for nothing.
    if rate < 1 and fits(form):
        costs["couplings"] = 1.5 + flips * n * (0.08 if wide == 1 else 0.6)
    return costs


def fits(form: PatternForm) -> bool:
    """Return whether W may be built from the patterns, on the CPU and within `COUPLING_BYTES`."""
    each = 3 if form.dtype == torch.float32 else 8
    return form.device.type == "cpu" and each * form.units**2 <= COUPLING_BYTES


class Quadratic:
    """A quadratic energy, ready to run; calling it starts a sweeper for `sweeps.run`.

    E(s) = -1/2 s'Js - theta's with J_ii = 0. Make it once per energy: the preparation is worth several
    sweeps.
    """

    def __init__(self, form: PatternForm | CouplingForm):
        self.form = form

    @staticmethod
    def patterns(
        patterns: Int8[Tensor, "p n"],
        factor: Num[Tensor, "p n"] | None = None,
        theta: Num[Tensor, " n"] | None = None,
    ) -> "Quadratic":
        """Return the energy of J = X'A with zero diagonal (A = X without a factor, then unscaled integers).

        >>> import torch
        >>> X = torch.tensor([[1, -1, 1, 1]], dtype=torch.int8)
        >>> Quadratic.patterns(X).fields(X).tolist()
        [[3.0, -3.0, 3.0, 3.0]]
        """
        return Quadratic(PatternForm(patterns, factor, theta))

    @staticmethod
    def couplings(weights: Num[Tensor, "n n"], theta: Num[Tensor, " n"] | None = None) -> "Quadratic":
        """Return the energy of given symmetric couplings of zero diagonal."""
        return Quadratic(CouplingForm(weights, theta))

    def __call__(self, states: Int8[Tensor, "c n"], cues: Tensor) -> Sweeper:
        """Start a sweeper on states +-1 and their numbers in the batch."""
        if isinstance(self.form, CouplingForm):
            return CouplingSweeper(self.form, states, cues)
        return PatternSweeper(self.form, way, states, cues)

    def fields(self, states: Num[Tensor, "c n"]) -> Num[Tensor, "c n"]:
        """Return h = J s + theta; zeros of a state are units that exert no field."""
        return self.form.fields(states)

    def steepest(
        self, states: Int8[Tensor, "c n"], *, max_steps: int = 10**9, advance: Advance = None
    ) -> Outcome:
        """Return where steepest descent ends; see `kernels.steepest`."""
        if isinstance(self.form, CouplingForm):
            return steepest_couplings(self.form, states, max_steps=max_steps, advance=advance)
        if fits(self.form):
            return steepest_couplings(self.form.couplings, states, max_steps=max_steps, advance=advance)
        return steepest_patterns(self.form, states, max_steps=max_steps, advance=advance)

    def synchronous(self, states: Int8[Tensor, "c n"], *, max_steps: int, **options) -> ParallelOutcome:
        """Return where parallel dynamics end; options as in `kernels.synchronous`."""
        return synchronous(self.fields, states, max_steps=max_steps, tolerance=self.form.tolerance, **options)

    def why(self, cues: int) -> str:
        """Return one sentence on how `cues` cues will be run, for reports.

        >>> import torch
        >>> Quadratic.couplings(torch.tensor([[0, 1], [1, 0]])).why(3)
        'kept fields over given couplings, n = 2, exact int8'
        """
        form = self.form
        if isinstance(form, CouplingForm):
            kind = str(form.weights.dtype).removeprefix("torch.")
            exact = "exact " if form.tolerance == 0 else f"zero fields within {form.tolerance:.1g}, "
            return f"kept fields over given couplings, n = {form.units}, {exact}{kind}"
        first = way(form, cues, 1.0)
        near = f"float64, zero fields within {form.tolerance:.1g}"
        exact = "exact integers" if form.tolerance == 0 else near
        sentence = {
            "blocks": "blocks of 64 units by matrix products in pattern space",
            "overlaps": "one product with the overlaps a visit, for few cues",
            "torch": f"blocks of 64 units in torch on {form.device.type}",
        }[first]
        tail = "; kept fields over W for long tails" if fits(form) else ""
        return f"{sentence}{tail}, p = {form.count}, n = {form.units}, {cues} cues, {exact}"
