"""Patterns whose correlations alone give their basins wanted sizes."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import as_tensor, require_count, require_width
from memscape.core.errors import InputError
from memscape.core.intervals import share_interval
from memscape.core.progress import Progress, ProgressOption
from memscape.core.random import Generator, derived, draw_seed
from memscape.core.spaces import Bipolar
from memscape.landscape.correlations import arcsine, correlation_for, infeasible_count, winners


@dataclass(frozen=True)
class CorrelationDesign:
    """Patterns whose correlations shape their basins.

    Attributes:
        correlation: (p, p) what was aimed at.
        patterns: (p, n) +-1, sampled with it; None where the target cannot be had.
        target: (p,) shares of the starts that were asked, summing to 1.
        achieved: (p,) shares of fresh uniform starts whose nearest pattern is mu, the first step of a sharp
            memory.
        interval: (p, 2) their confidence interval.
        feasible: whether every share is within `tolerance` of its target, beyond its interval.
        reason: one sentence on what was reached, or which part of the target cannot be had and why.
        settings: n, p, stability, largest and mean correlation, starts, seed.
    """

    correlation: Float[Tensor, "p p"] | None
    patterns: Float[Tensor, "p n"] | None
    target: Float[Tensor, " p"]
    achieved: Float[Tensor, " p"]
    interval: Float[Tensor, "p 2"]
    feasible: bool
    reason: str
    settings: dict[str, Any]

    @property
    def error(self) -> float:
        """Largest distance between target and measurement."""
        return float((self.achieved - self.target).abs().max())

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON, without the patterns."""
        plain = {name: getattr(self, name).tolist() for name in ("target", "achieved", "interval")}
        plain["correlation"] = None if self.correlation is None else self.correlation.tolist()
        return plain | {"feasible": self.feasible, "reason": self.reason, "settings": self.settings}

    def table(self) -> str:
        """Return target and measurement of each pattern as lines of text."""
        lines = ["pattern  target  achieved  interval"]
        for i in range(len(self.target)):
            low, high = self.interval[i].tolist()
            lines.append(f"{i:<8} {self.target[i]:.3f}   {self.achieved[i]:.3f}     {low:.3f}-{high:.3f}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        said = "met" if self.feasible else "not met"
        n, p = self.settings["units"], len(self.target)
        return f"Correlations of {p} patterns of {n} units: target {said}\n{self.reason}\n{self.table()}"


def design_correlation_matrix(
    patterns: object,
    target_basin_sizes: object,
    *,
    stability: int | None = None,
    tolerance: float = 0.02,
    starts: int = 20000,
    max_rounds: int = 6,
    generator: Generator = None,
    progress: ProgressOption = None,
) -> CorrelationDesign:
    """Return patterns whose basins have wanted sizes through their correlations alone.

    For sharp log-sum-exp and dense memories under uniform starts: the basin of a pattern is the chance that
    its overlap is the largest of normal overlaps with the patterns' correlations. For quadratic memories such
    patterns promise the order of the basins, not their sizes.

    Args:
        patterns: (p, n) +-1 whose correlations are stayed near; or a pair (p, n) for free ones.
        target_basin_sizes: (p,) positive numbers, scaled to sum to 1.
        stability: least number of units in which two patterns differ; None is 3, so that each pattern is a
            single-flip minimum. Uneven targets need patterns that are nearly equal: the trade.
        tolerance: a share counts as met within this distance, beyond its interval.
        starts: uniform starts that measure the shares.
        max_rounds: rounds in which the aim is corrected by what finite n misses.
        generator: seed.
        progress: a bar, a callable, or None.

    A target of which the m largest shares exceed $1 - 2^{-m}$ cannot be had by +-1 patterns; it comes back
    with `feasible=False`, the m that breaks it, and no patterns.

    O(starts p n) per round and seconds of optimisation at p = 8.

    >>> d = design_correlation_matrix((3, 200), [0.6, 0.2, 0.2], generator=0)
    >>> d.feasible, d.patterns is None
    (False, True)

    Pusuluri, Lang, Mehta and Castillo 2016 (arXiv 1611.06127) for the idea.
    """
    count, units, near = _size(patterns)
    target = _shares(target_basin_sizes, count)
    apart = require_count(3 if stability is None else stability, "stability", low=0)
    seed = draw_seed(generator)
    settings: dict[str, Any] = {
        "units": units,
        "patterns": count,
        "stability": apart,
        "starts": starts,
        "seed": seed,
    }
    broken = infeasible_count(target)
    if broken is not None:
        return _impossible(target, broken, settings)
    largest = 1 - 2 * (apart + 2 * (apart * 1.0) ** 0.5) / units  # leaves room for the scatter of finite n
    space = Bipolar()
    measure = space.sample(starts, units, generator=derived(seed, 1))
    aim, latent, best = target.clone(), None, (float("inf"), None, None)
    with Progress(progress, max_rounds, "designing correlations") as bar:
        for number in range(max_rounds):
            latent, _ = correlation_for(aim, near=near, start=latent, largest=largest, seed=seed)
            drawn = _signs(latent, units, seed + number)
            share = _nearest_shares(drawn, measure)
            predicted = winners(
                drawn.double() @ drawn.double().T / units + 1e-6 * torch.eye(count), _normals(count)
            )
            error = float((share - target).abs().max())
            if error < best[0] and _least_distance(drawn) >= apart:
                best = (error, latent, drawn)
            if not bar.update() or error <= tolerance / 2:
                break
            aim = aim * (target / predicted.double().clamp_min(1e-4)).clamp(0.5, 2.0) ** 0.7
            aim = aim / aim.sum()
    if best[2] is None:
        reason = f"no patterns of {units} units that differ in {apart} were found; lower stability or raise n"
        empty = torch.zeros(count, dtype=torch.float64)
        return CorrelationDesign(
            None, None, target, empty, share_interval(empty, starts), False, reason, settings
        )
    return _measured(best[1], best[2], target, tolerance, starts, seed, settings)


def _size(patterns: object) -> tuple[int, int, Tensor | None]:
    if isinstance(patterns, tuple) and len(patterns) == 2 and all(isinstance(x, int) for x in patterns):
        return require_count(patterns[0], "count", low=2), require_count(patterns[1], "size", low=2), None
    given = Bipolar().check(patterns, "patterns")
    if given.ndim != 2 or len(given) < 2:
        raise InputError(
            f"patterns have shape {tuple(given.shape)}; give at least two rows (p, n), or a pair (p, n)"
        )
    return len(given), given.shape[1], (given.double() @ given.double().T) / given.shape[1]


def _shares(sizes: object, count: int) -> Float[Tensor, " p"]:
    target = as_tensor(sizes, "target_basin_sizes").double().reshape(-1)
    require_width(target, count, "target_basin_sizes")
    if bool((target <= 0).any()):
        raise InputError(f"a target is {float(target.min()):g}; every basin has a size above 0")
    return target / target.sum()


def _impossible(target: Tensor, broken: int, settings: dict[str, Any]) -> CorrelationDesign:
    most = float(target.sort(descending=True).values[:broken].sum())
    reason = (
        f"The {broken} largest basins sum to {most:.3f}, but for +-1 patterns under uniform starts they "
        f"sum to at most 1 - 2^-{broken} = {1 - 2.0**-broken:.3f}. Biases have no such bound: "
        "design(memory, target) on a log-sum-exp memory."
    )
    nothing = torch.zeros_like(target)
    return CorrelationDesign(
        None, None, target, nothing, torch.zeros(len(target), 2), False, reason, settings
    )


def _signs(latent: Tensor, units: int, seed: int) -> Float[Tensor, "p n"]:
    """Return +-1 patterns whose columns are signs of normal vectors with correlation `latent`."""
    eye = torch.eye(len(latent), dtype=latent.dtype)
    factor = torch.linalg.cholesky(latent + 1e-9 * eye)
    z = factor @ torch.randn(len(latent), units, generator=derived(seed, 3), dtype=torch.float64)
    return torch.where(z < 0, -1.0, 1.0)


def _normals(count: int) -> Tensor:
    return torch.randn(20000, count, generator=derived(0, 9), dtype=torch.float64)


def _nearest_shares(patterns: Tensor, starts: Tensor) -> Float[Tensor, " p"]:
    """Return how often each pattern has the largest overlap with a start; ties are shared."""
    o = starts @ patterns.float().T
    top = o == o.amax(-1, keepdim=True)
    return (top.double() / top.sum(-1, keepdim=True)).mean(0)


def _least_distance(patterns: Tensor) -> int:
    o = patterns @ patterns.T
    distance = (patterns.shape[1] - o) / 2
    return int(distance.fill_diagonal_(patterns.shape[1]).min())


def _measured(
    latent: Tensor,
    drawn: Tensor,
    target: Tensor,
    tolerance: float,
    starts: int,
    seed: int,
    settings: dict[str, Any],
) -> CorrelationDesign:
    fresh = Bipolar().sample(starts, drawn.shape[1], generator=derived(seed, 2))
    achieved = _nearest_shares(drawn, fresh)
    interval = share_interval((achieved * starts).round(), starts)
    met = (target >= interval[:, 0] - tolerance) & (target <= interval[:, 1] + tolerance)
    C = drawn.double() @ drawn.double().T / drawn.shape[1]
    off = C[~torch.eye(len(C), dtype=torch.bool)]
    settings = settings | {"largest_correlation": float(off.max()), "mean_correlation": float(off.mean())}
    settings["least_distance"] = _least_distance(drawn)
    worst = int((achieved - target).abs().argmax())
    if bool(met.all()):
        reason = (
            f"Every share is within {tolerance:g} of its target; the nearest two patterns differ in "
            f"{settings['least_distance']} units."
        )
    else:
        reason = (
            f"Pattern {worst} has {float(achieved[worst]):.3f} of {float(target[worst]):.3f}, the best "
            "found; uneven targets need patterns that are nearly equal, so raise n or lower stability."
        )
    return CorrelationDesign(
        arcsine(latent), drawn.float(), target, achieved, interval, bool(met.all()), reason, settings
    )
