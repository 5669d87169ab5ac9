"""What was found between wells: the passes that join them, and bounds of their barriers."""

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from jaxtyping import Bool, Float, Int
from torch import Tensor

from memscape.landscape.result import plain_values


class Passes(NamedTuple):
    """The joins of the wells, lowest first: at most one less than there are wells.

    edges: (e, 2) pairs of wells. passes: (e,) the energy of the highest state of the way between them.
    saddles: (e, n) that state.
    """

    edges: Int[Tensor, "e 2"]
    passes: Float[Tensor, " e"]
    saddles: Tensor


@dataclass(frozen=True)
class Barriers:
    """How high the lowest way out of each well is, between two bounds.

    Attributes:
        wells: (c,) which of the given minima.
        energy: (c,) their energies.
        lower, upper: (c,) bounds of the barrier towards the nearest other well, over the well; no other
            well is found below an infinite upper bound.
        proved: (c,) the two are equal: the barrier is exact.
        joins: the passes between the wells.
        visits: states that were visited in each well at most.
        complete: False where Ctrl-C ended the search.
    """

    wells: Int[Tensor, " c"]
    energy: Float[Tensor, " c"]
    lower: Float[Tensor, " c"]
    upper: Float[Tensor, " c"]
    proved: Bool[Tensor, " c"]
    joins: Passes
    visits: int
    complete: bool = True

    def table(self, most: int = 20) -> str:
        """Return the deepest wells as lines of text."""
        lines = ["well  energy      barrier at least  at most     exact"]
        for i in range(min(most, len(self.wells))):
            low, high = float(self.lower[i]), float(self.upper[i])
            exact = "yes" if bool(self.proved[i]) else "no"
            lines.append(
                f"{int(self.wells[i]):<5} {float(self.energy[i]):<11.6g} {low:<17.6g} {high:<11.6g} {exact}"
            )
        if len(self.wells) > most:
            lines.append(f"... {len(self.wells) - most} more")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the saddles as plain Python values, ready for JSON; infinite is None."""
        kept = [field.name for field in fields(self) if field.name != "joins"]
        plain = {name: plain_values(getattr(self, name)) for name in kept}
        return plain | {"edges": self.joins.edges.tolist(), "passes": self.joins.passes.tolist()}

    def __repr__(self) -> str:
        exact = int(self.proved.sum())
        head = f"Barriers of {len(self.wells)} wells, {exact} exact, at most {self.visits} states each"
        return f"{head}{'' if self.complete else ', ended by Ctrl-C'}\n{self.table(6)}"
