"""Maximal margins: the quadratic memory whose wells can be made wider or narrower one by one."""

import warnings
from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import as_tensor, require_memory, require_width
from memscape.core.cards import Card, register
from memscape.core.errors import CapacityWarning, InputError
from memscape.core.progress import ProgressOption
from memscape.mechanisms.energies import Couplings
from memscape.mechanisms.margins import Margins, adatron
from memscape.memories.pattern_memory import Reading
from memscape.memories.quadratic_memory import QuadraticMemory


@register
class MaxMargin(QuadraticMemory):
    """Stores patterns with the couplings of least norm that give pattern mu the margin $c_\\mu$.

    $\\min |J|^2$ subject to $\\xi_i^\\mu h_i^\\mu \\geq c_\\mu$: the optimal perceptron of Gardner with
    symmetric couplings. Only the ratios of the margins matter; a larger one makes a wider basin. The budget:
    for random patterns the normalised margins obey $\\sum_\\mu G(\\kappa_\\mu) \\leq n$
    (`theory.gardner.budget`).

    Args:
        patterns: (p, n) entries +-1, or 0 where a pattern has no opinion; or None with `units`.
        margins: functional margins c, one number or (p,), above 0; patterns stored later get 1.
        units: n, for an empty memory.
        reading: `threshold`, `unknown`, `ambiguous`, `damage`; see `Reading`.

    The couplings are solved for on first use (or by `fit`), O(p n^2) per sweep and often some hundred sweeps,
    8 n^2 bytes; `store` and `forget` solve anew. A recall costs O(n) per flip.

    >>> import memscape as ms
    >>> X = ms.patterns.independent(10, 100, generator=0)
    >>> memory = ms.memories.MaxMargin(X, margins=1.0)
    >>> bool((memory.achieved > 0.99).all())
    True

    Gardner 1988; Krauth and Mezard 1987; Anlauf and Biehl 1989.
    """

    card = Card(
        name="MaxMargin",
        paper="Gardner 1988; Anlauf and Biehl 1989",
        parts="Bipolar x symmetric AdaTron x quadratic x asynchronous descent",
        space="-1, +1; patterns may hold 0",
        capacity="about 1.3 n independent patterns; sum of G(kappa) at most n",
        cost="fit O(pn^2) per sweep, hundreds of sweeps; recall O(n) per flip; memory 8n^2 + 9pn bytes",
        limits="solves anew after store and forget; not local",
    )

    couplings: Tensor | None
    margins: Tensor

    def __init__(
        self,
        patterns: object = None,
        *,
        margins: object = 1.0,
        units: int | None = None,
        **reading: Unpack[Reading],
    ):
        super().__init__(patterns, units, reading)
        self._result: Margins | None = None
        if patterns is not None:
            self._set_margins(margins)

    def _set_margins(self, margins: object) -> None:
        given = as_tensor(margins, "margins").double().reshape(-1)
        if len(given) == 1:
            given = given.expand(len(self))
        require_width(given, len(self), "margins")
        if bool((given <= 0).any()):
            raise InputError(f"the least margin is {float(given.min()):g}; every margin must be above 0")
        self.margins = given.clone().to(self.patterns.device)

    def _start(self, units: int) -> None:
        super()._start(units)
        remedy = "use Hebbian, Projection or Dense, which build no couplings"
        require_memory(24 * units * units, f"the couplings of {units:,} units", remedy)
        self.register_buffer("margins", torch.zeros(0, dtype=torch.float64))
        self.register_buffer("couplings", None)
        self.register_buffer("duals", None)

    def _add(self, patterns: Tensor) -> None:
        super()._add(patterns)
        self.margins = torch.cat([self.margins, self.margins.new_ones(len(patterns))])
        self._unfit()

    def _keep(self, rows: Tensor) -> None:
        super()._keep(rows)
        self.margins = self.margins[rows]
        self._unfit()

    def _unfit(self) -> None:
        self.couplings = self.duals = None

    def fit(
        self, *, tolerance: float = 1e-3, max_sweeps: int = 2000, progress: ProgressOption = None
    ) -> "MaxMargin":
        """Solve for the couplings, and return the memory; recall does it by itself on first use.

        Warns with `CapacityWarning` where the margins cannot be met, and keeps the nearest couplings found.
        """
        start = self.duals
        found = adatron(
            self.patterns,
            self.margins,
            duals=start,
            tolerance=tolerance,
            max_sweeps=max_sweeps,
            progress=progress,
        )
        self.couplings, self.duals = found.couplings, found.duals
        self._changed()
        if not found.converged:
            worst = int((found.achieved - self.margins).argmin())
            warnings.warn(
                f"margins not met after {found.sweeps} sweeps: pattern {worst} has "
                f"{float(found.achieved[worst]):.3g} of {float(self.margins[worst]):.3g}; {len(self)} "
                f"patterns on {self.units} units may be too many (symmetric couplings hold about 1.3 n): "
                "store fewer, or raise max_sweeps",
                CapacityWarning,
                stacklevel=2,
            )
        return self

    def _solved(self) -> Tensor:
        if self.couplings is None:
            self.fit()
        return self.couplings  # ty: ignore[invalid-explicit-return]

    @property
    def achieved(self) -> Float[Tensor, " p"]:
        """The least margin of each pattern, $\\min_i \\xi_i h_i$."""
        X = self.patterns.double()
        return torch.where(X != 0, X * (X @ self._solved()), torch.inf).amin(-1)

    @property
    def stabilities(self) -> Float[Tensor, "p n"]:
        """The normalised margins $\\kappa_i^\\mu = \\xi_i h_i / |J_i|$."""
        J, X = self._solved(), self.patterns.double()
        return X * (X @ J) / J.norm(dim=1).clamp_min(1e-300)

    @property
    def strengths(self) -> Float[Tensor, " p"]:
        """The per-pattern knob of the landscape: the functional margins."""
        return self.margins

    def reshaped(self, strengths: object) -> "MaxMargin":
        """Return a memory of the same patterns with these margins (p,).

        It starts from this one's solution.
        """
        memory = MaxMargin(self.patterns.float(), margins=strengths, **self.reading)
        if self.duals is not None:
            memory.duals = self.duals * (memory.margins / self.margins)[:, None]
        return memory

    def _build_energy(self) -> Couplings:
        return Couplings(self._solved(), patterns=self.patterns)
