"""What a measured landscape is: its minima, how wide they are, what separates them, and what was not seen."""

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from memscape.core.errors import FileFormatError
from memscape.core.files import load_bundle, save_bundle
from memscape.core.recall import Kind
from memscape.landscape.tree import Tree, merge_tree


@dataclass(frozen=True)
class Landscape:
    """The minima of an energy, deepest first, with everything that was measured of them.

    A minimum of a discrete energy is a connected plateau: states of equal energy that single flips join, none
    of which has a lower neighbour. It is shown by its state of smallest packed key.

    Attributes:
        minima: (k, n) states, int8 in discrete spaces.
        energy: (k,) float64, ascending.
        kind: (k,) int8 codes of `Kind`; a plateau that holds a stored pattern is STORED.
        match: (k,) the pattern that a STORED minimum is, or an INVERTED one is the negative of; else -1.
        plateau: (k,) how many states a minimum consists of, 0 where that is not known.
        basin: (k,) share of all starts that end in the minimum; NaN where it was not measured.
        basin_interval: (k, 2) its confidence interval; a point where the share is exact.
        edges: (e, 2) pairs of minima between which a way is known.
        passes: (e,) the energy of the highest state of that way.
        saddles: (e, n) that state.
        barrier: (k,) the lowest pass towards another well, minus the well; infinite where there is no other
            well, NaN where no pass was looked for.
        unseen: estimated share of the starts that end in none of these minima; 0 where all of them are known.
        dynamics: the descent to which basins belong.
        exact: passes are the lowest there are; where False they are upper bounds.
        settings: space, n, p, method, seed, and whatever else a repetition needs.
        complete: False where Ctrl-C ended the measurement.
        starts: how many starts were drawn; 0 where all states were looked at.
        hits: (k,) how many of them ended in the minimum, a start and its negative counting as one where the
            energy is even; None where nothing was drawn. 0 for stored patterns that no start found.
        unseen_error: standard error of `unseen`.
        at_least: a lower bound, in the mean, of the number of all minima; None where all of them are known.
        source: the energy that was measured, for what is simulated on it; not saved, None after `load`.
    """

    minima: Tensor
    energy: Float[Tensor, " k"]
    kind: Int[Tensor, " k"]
    match: Int[Tensor, " k"]
    plateau: Int[Tensor, " k"]
    basin: Float[Tensor, " k"]
    basin_interval: Float[Tensor, "k 2"]
    edges: Int[Tensor, "e 2"]
    passes: Float[Tensor, " e"]
    saddles: Tensor
    barrier: Float[Tensor, " k"]
    unseen: float
    dynamics: str
    exact: bool
    settings: dict[str, Any]
    complete: bool = True
    starts: int = 0
    hits: Int[Tensor, " k"] | None = None
    unseen_error: float = 0.0
    at_least: int | None = None
    source: Any = None

    def __len__(self) -> int:
        return len(self.energy)

    @property
    def units(self) -> int:
        """The number of units, n."""
        return self.minima.shape[1]

    @property
    def share(self) -> float:
        """Share of the starts that end in a stored pattern or its negative; NaN without basins."""
        if bool(self.basin.isnan().any()):
            return math.nan
        return float(self.basin[(self.kind == Kind.STORED) | (self.kind == Kind.INVERTED)].sum())

    def tree(self) -> Tree:
        """Return the disconnectivity tree of the minima, leaf i for minimum i."""
        return merge_tree(self.energy, self.edges, self.passes)

    def table(self, most: int = 20) -> str:
        """Return the deepest minima as lines of text; energies per unit."""
        lines = ["well  kind      match  E/n       basin     interval         barrier/n  states"]
        for i in range(min(most, len(self))):
            low, high = self.basin_interval[i].tolist()
            kind = Kind(int(self.kind[i])).name
            measured = (
                "-         -               "
                if math.isnan(float(self.basin[i]))
                else (f"{self.basin[i]:<9.5f} {low:.5f}-{high:.5f}")
            )
            barrier = _shown(float(self.barrier[i]) / self.units)
            match = int(self.match[i]) if int(self.match[i]) >= 0 else "-"
            states = int(self.plateau[i]) or "?"
            head = f"{i:<5} {kind:<9} {match:<6} {float(self.energy[i]) / self.units:<9.5f}"
            lines.append(f"{head} {measured}  {barrier:<10} {states}")
        if len(self) > most:
            lines.append(f"... {len(self) - most} more")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the states as plain Python values, ready for JSON (kinds by name)."""
        plain: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("minima", "saddles", "source"):
                continue
            plain[field.name] = plain_values(value)
        plain["kind"] = [Kind(code).name for code in self.kind.tolist()]
        return plain

    def save(self, path: str | Path) -> None:
        """Write the landscape to `path` (safetensors with a JSON header); `Landscape.load` reads it."""
        tensors, parts = {}, {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "source":
                continue
            (tensors if isinstance(value, Tensor) else parts)[field.name] = value
        save_bundle(path, kind="landscape", card="Landscape", tensors=tensors, parts=parts)

    @staticmethod
    def load(path: str | Path) -> "Landscape":
        """Return the landscape that `save` wrote.

        Raises:
            FileFormatError: if the file is broken or holds something else.
        """
        bundle = load_bundle(path)
        if bundle.kind != "landscape":
            raise FileFormatError(f"{str(path)!r} holds a {bundle.kind}, not a landscape; try memscape.load")
        values: dict[str, Any] = {**bundle.tensors, **bundle.parts}
        return Landscape(**values)

    def __repr__(self) -> str:
        s = self.settings
        counts = torch.bincount(self.kind.long(), minlength=len(Kind)).tolist()
        kinds = ", ".join(f"{count} {kind.name}" for kind, count in zip(Kind, counts, strict=True) if count)
        known = "none" if not len(self.passes) else "exact" if self.exact else "upper bounds"
        head = (
            f"Landscape of {self.units} units, {s.get('patterns', 0)} patterns: {len(self)} minima ({kinds})"
        )
        error = f" +- {self.unseen_error:.2g}" if self.starts else ""
        more = f", at least {self.at_least} in all" if self.at_least is not None else ""
        head += f"\n{s.get('method', self.dynamics)}, unseen {self.unseen:.3g}{error}{more}, passes: {known}"
        return "\n".join([head, *([] if self.complete else ["ended by Ctrl-C"]), self.table(6)])


def escape_barriers(
    energy: Float[Tensor, " k"], edges: Int[Tensor, "e 2"], passes: Float[Tensor, " e"]
) -> Float[Tensor, " k"]:
    """Return the lowest known pass out of each well, minus the well; infinite where none is known. O(e)."""
    lowest = np.full(len(energy), np.inf)
    for end in (0, 1):
        np.minimum.at(lowest, edges[:, end].numpy(), passes.double().numpy())
    return torch.from_numpy(lowest) - energy.double()


def unmeasured(count: int, units: int) -> dict[str, Any]:
    """Return the fields of a `Landscape` of `count` minima of which only the minima are known."""
    nothing = torch.full((count,), math.nan, dtype=torch.float64)
    return {
        "plateau": torch.zeros(count, dtype=torch.int64),
        "basin": nothing,
        "basin_interval": nothing[:, None].repeat(1, 2),
        "edges": torch.zeros(0, 2, dtype=torch.int64),
        "passes": torch.zeros(0, dtype=torch.float64),
        "saddles": torch.zeros(0, units, dtype=torch.int8),
        "barrier": nothing.clone(),
        "exact": False,
    }


def _shown(value: float) -> str:
    return "-" if math.isnan(value) else "none" if math.isinf(value) else f"{value:.5f}"


def plain_values(value: Any) -> Any:
    """Return a tensor or nested list as plain Python values; JSON knows neither NaN nor infinity: None.

    >>> plain_values(torch.tensor([1.0, math.inf]))
    [1.0, None]
    """
    if isinstance(value, Tensor):
        value = value.tolist()
    if isinstance(value, list):
        return [plain_values(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
