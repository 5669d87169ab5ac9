"""Times out of a well at several temperatures, beside the barrier: the law of Arrhenius."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor

from memscape.core.errors import InputError
from memscape.landscape.kinetics import measured, require_temperature
from memscape.landscape.rates import rate_network


@dataclass(frozen=True)
class Arrhenius:
    """Times at several temperatures against exp(barrier / T).

    Attributes:
        well: which minimum.
        barrier: its exact barrier, in units of energy.
        temperature: (t,) descending.
        time: (t,) mean time to another minimum, in sweeps.
        slope: the rise of log time over 1/T, between the two lowest temperatures.
    """

    well: int
    barrier: float
    temperature: Float64[Tensor, " t"]
    time: Float64[Tensor, " t"]
    slope: float

    def table(self) -> str:
        """Return the times as lines of text; the last column tends to a constant."""
        lines = ["T        time        time exp(-barrier/T)"]
        for t, time in zip(self.temperature.tolist(), self.time.tolist(), strict=True):
            lines.append(f"{t:<8.4g} {time:<11.5g} {time * math.exp(-self.barrier / t):.5g}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        held = {"temperature": self.temperature.tolist(), "time": self.time.tolist()}
        return {"well": self.well, "barrier": self.barrier, "slope": self.slope} | held

    def __repr__(self) -> str:
        head = f"Arrhenius of well {self.well}: log time rises by {self.slope:.5g} / T"
        return f"{head}, the barrier is {self.barrier:.5g}\n{self.table()}"


def arrhenius(memory: Any, temperatures: Sequence[float], *, well: int = 0) -> Arrhenius:
    r"""Return the mean times out of a well at several temperatures, beside its exact barrier.

    As T falls, $\log\tau = \Delta E / T + $ const (Arrhenius 1889): the slope tends to the barrier.

    Args:
        memory: of at most 12 units.
        temperatures: at least two, above 0; low ones against the barrier.
        well: a minimum of the exhausted landscape, 0 the deepest.

    Raises:
        InputError: for fewer than two temperatures, or one of 0 or below.
        SizeError, CapabilityError: as `rate_network`.

    Cost: one `first_passage` per temperature.

    >>> import memscape as ms
    >>> memory = ms.memories.Projection(ms.patterns.independent(2, 8, generator=0))
    >>> law = arrhenius(memory, [0.3, 0.2, 0.15])
    >>> abs(law.slope / law.barrier - 1) < 0.1
    True
    """
    values = sorted({require_temperature(t) for t in temperatures}, reverse=True)
    if len(values) < 2:
        raise InputError(f"temperatures are {list(temperatures)}; a slope needs at least two different ones")
    barrier = float(measured(memory)[0].barrier[well])
    times = [rate_network(memory, temperature=t).leaving(well) for t in values]
    slope = math.log(times[-1] / times[-2]) / (1 / values[-1] - 1 / values[-2])
    row = torch.tensor(values, dtype=torch.float64)
    return Arrhenius(well, barrier, row, torch.tensor(times, dtype=torch.float64), slope)
