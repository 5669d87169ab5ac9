"""Shape a landscape on purpose.

Say how wide each well shall be, and get a memory whose measured wells are.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import as_tensor
from memscape.core.errors import CapabilityError, InfeasibleError, InputError
from memscape.core.intervals import share_interval
from memscape.core.memory import ShapeableMemory
from memscape.core.progress import Progress, ProgressOption
from memscape.core.random import Generator, derived, draw_seed
from memscape.landscape.biases import radius_biases, volume_biases
from memscape.landscape.design_result import Design
from memscape.landscape.radii import Radius, radius
from memscape.landscape.volumes import Basins, basins, require_wells
from memscape.mechanisms.energies import Couplings, Separated, overlaps
from memscape.mechanisms.separation import Softmax
from memscape.theory import gardner

KINDS = ("volume", "radius")


def design(
    memory: Any,
    target: object,
    *,
    kind: str | None = None,
    cues: object = None,
    starts: int = 4000,
    trials: int = 40,
    tolerance: float = 0.02,
    max_rounds: int = 8,
    generator: Generator = None,
    progress: ProgressOption = None,
) -> Design:
    """Return a memory whose measured basins meet a target, or the nearest one found and why it is not met.

    Log-sum-exp memories (`Continuous`, `Dense` with `Softmax`) are shaped by a bias per well: a convex dual
    for volumes, a linear programme for radii. Quadratic memories become `MaxMargin`, shaped by a margin per
    pattern; there volumes are unstable (the winner takes most), so the radius is the default.

    Args:
        memory: what is to be shaped; it is left as it is.
        target: (p,) volumes (shares of the starts, scaled to sum to 1), radii in [0, 1], or usage counts:
            whole numbers, one of them above 1. Wells then follow use and rare memories never fall to zero:
            volumes are the shares of use, at least a tenth of an equal share; radii are the radius under
            equal margins times (use / mean use)^(1/4), between a half and one and a half of it.
        kind: "volume" or "radius"; None is volume for log-sum-exp memories and radius for quadratic ones.
        cues: (b, n) the starts under which volumes count; None is the memory's own law.
        starts: random starts of each measurement of volumes.
        trials: damaged cues per well and step of each measurement of radii.
        tolerance: a target counts as met within this distance, beyond the interval.
        max_rounds: rounds of measurement and correction at most; fewer where a target is out of reach, which
            margins show by radii that are all too small, or all too large, and come no nearer.
        generator: seed; the same starts are used in every round, fresh ones for what is reported.
        progress: a bar, a callable, or None.

    Raises:
        CapabilityError: for a memory that cannot be shaped.
        InputError: for a target of another length or out of range.

    Costs `max_rounds` measurements (`basins` or `radius`), O(b p^2) per Newton step, or a fit of margins
    each.

    >>> import memscape as ms
    >>> X = ms.patterns.independent(4, 256, generator=0)
    >>> memory = ms.memories.Dense(X, separation=ms.mechanisms.Softmax(beta=1.0))
    >>> ms.landscape.design(memory, target=[0.4, 0.3, 0.2, 0.1], generator=0).feasible
    True
    """
    shapeable = _shapeable(memory)
    energy = require_wells(shapeable)
    soft = isinstance(energy, Separated)
    chosen = kind or ("volume" if soft else "radius")
    if chosen not in KINDS:
        raise InputError(f"kind is {kind!r}; it must be 'volume' or 'radius'")
    wanted, counted = _checked_target(target, len(energy.patterns), chosen)
    seed = draw_seed(generator)
    settings = {"kind": chosen, "tolerance": tolerance, "seed": seed, "units": energy.units}
    settings |= {"patterns": len(wanted), "starts": starts, "trials": trials}
    measure = _Measurement(chosen, cues, starts, trials)
    if counted and chosen == "radius":
        wanted = _radii_of_use(wanted, measure(shapeable, derived(seed, 3))[0])
    if soft and chosen == "volume":
        shaped, rounds, complete = _volumes(shapeable, wanted, measure, tolerance, max_rounds, seed, progress)
    elif soft:
        shaped, rounds, complete, settings["promised"] = _soft_radii(shapeable, wanted)
    else:
        shaped, rounds, complete = _margins(shapeable, wanted, measure, tolerance, max_rounds, seed, progress)
    achieved, interval = measure(shaped, derived(seed, 99))
    return _result(shaped, wanted, achieved, interval, settings | {"rounds": rounds}, tolerance, complete)


class _Measurement:
    """Measures volumes or radii.

    Volumes of sign-symmetric memories count a pattern and its negative together.
    """

    def __init__(self, kind: str, cues: object, starts: int, trials: int):
        self.kind, self.cues, self.starts, self.trials = kind, cues, starts, trials

    def __call__(self, memory: Any, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        if self.kind == "radius":
            found: Radius = radius(memory, trials=self.trials, generator=generator, progress=False)
            return found.radius, found.interval
        seen: Basins = basins(memory, starts=self.starts, cues=self.cues, generator=generator, progress=False)
        volume = seen.fraction + seen.inverted
        return volume.cpu(), share_interval((volume * seen.starts).round().cpu(), seen.starts)


def _shapeable(memory: Any) -> Any:
    if isinstance(memory, ShapeableMemory):
        energy = require_wells(memory)
        if isinstance(energy, Couplings):
            return memory
        if isinstance(energy, Separated) and isinstance(energy.separation, Softmax):
            return memory
        raise CapabilityError(
            f"{energy.separation} has no bias per well; use the same patterns with Softmax, "
            "whose wells can be shaped"
        )
    if hasattr(memory, "shapeable"):
        return memory.shapeable()
    raise CapabilityError(
        f"{type(memory).__name__} has no knob per pattern; Continuous, Dense with Softmax and the quadratic "
        "memories can be shaped"
    )


def _checked_target(target: object, count: int, kind: str) -> tuple[Float[Tensor, " p"], bool]:
    """Return the target and whether it counts uses: whole numbers, one of them above 1."""
    wanted = as_tensor(target, "target").double().reshape(-1).cpu()
    if len(wanted) != count:
        raise InputError(
            f"the target has {len(wanted)} sizes and the memory {count} patterns; give one for each"
        )
    if bool((wanted < 0).any()):
        raise InputError(f"the target holds {float(wanted.min()):g}; sizes are not negative")
    counted = bool((wanted == wanted.round()).all() and (wanted > 1).any())
    if kind == "radius":
        if bool((wanted > 1).any()) and not counted:
            raise InputError(f"the target holds {float(wanted.max()):g}; a radius is at most 1")
        return wanted, counted
    if float(wanted.sum()) == 0:
        raise InputError("the target is all zeros; at least one basin must have a size")
    share = wanted / wanted.sum()
    if not counted and not bool((share == 0).any()):
        return share, counted
    floor = 0.1 / count  # what is never used keeps a tenth of an equal share: a rare memory does not vanish
    return share.clamp_min(floor) / share.clamp_min(floor).sum(), counted


def _radii_of_use(uses: Float[Tensor, " p"], equal: Tensor) -> Float[Tensor, " p"]:
    """Return radii that follow use around the median radius under equal margins, never below half of it."""
    level = float(equal.double().median())
    relative = (uses / uses.mean()).pow(0.25).clamp(0.5, 1.5)
    return (level * relative).clamp_max(1.0)


def _volumes(
    memory: Any,
    wanted: Tensor,
    measure: _Measurement,
    tolerance: float,
    max_rounds: int,
    seed: int,
    progress: ProgressOption,
) -> tuple[Any, int, bool]:
    """Biases by the dual; where real descent deviates, aim the dual beside the target by what it missed."""
    energy = memory.landscape_energy
    beta = float(energy.separation.beta)
    if measure.cues is None:
        cues = memory.space.sample(20000, energy.units, generator=derived(seed, 1)).to(energy.patterns.device)
    else:
        cues = memory.space.check(measure.cues, "cues")
    o = (
        overlaps(energy.patterns, cues.to(energy.patterns.dtype if energy.norm else cues.dtype))
        .double()
        .cpu()
    )
    aim, b, best = wanted.clone(), None, (float("inf"), memory)
    count = measure.starts if measure.cues is None else len(cues)
    noise = (1.5 * (wanted * (1 - wanted) / count).sqrt()).clamp_min(tolerance / 4)
    with Progress(progress, max_rounds, "shaping volumes") as bar:
        for done in range(1, max_rounds + 1):
            b, _ = volume_biases(o, aim, beta, start=b)
            shaped = memory.reshaped(b)
            achieved, _ = measure(shaped, derived(seed, 2))
            error = float((achieved - wanted).abs().max())
            if error < best[0]:
                best = (error, shaped)
            if not bar.update():
                return best[1], done, False
            if bool(((achieved - wanted).abs() <= noise).all()):
                break  # what is left is the scatter of this measurement: to follow it would add it
            aim = aim * (wanted / achieved.double().clamp_min(0.2 / len(cues))).clamp(0.2, 5.0) ** 0.8
            aim = aim / aim.sum()
    return best[1], done, True


def _soft_radii(memory: Any, wanted: Tensor) -> tuple[Any, int, bool, float]:
    energy = memory.landscape_energy
    X = energy.patterns.double()
    correlation = (X @ X.T / energy.units).cpu()
    try:
        b, _ = radius_biases(correlation, energy.units, wanted)
        promised = 1.0
    except InfeasibleError as error:
        nearest = torch.as_tensor(error.nearest)
        promised = float((nearest / wanted.clamp_min(1e-12)).max())
        b, _ = radius_biases(correlation, energy.units, nearest)
    return memory.reshaped(b), 1, True, promised


def _margins(
    memory: Any,
    wanted: Tensor,
    measure: _Measurement,
    tolerance: float,
    max_rounds: int,
    seed: int,
    progress: ProgressOption,
) -> tuple[Any, int, bool]:
    """Damped secant steps on the logarithms of the margins, with common random numbers."""
    log_c = torch.zeros_like(wanted)
    slope = torch.full_like(wanted, 0.45)  # radius gained per unit of log margin, first guess
    best: tuple[float, Any] = (float("inf"), memory)
    previous: tuple[Tensor, Tensor] | None = None
    shaped = memory
    with Progress(progress, max_rounds, "shaping margins") as bar:
        for done in range(1, max_rounds + 1):
            shaped = shaped.reshaped(log_c.exp())
            achieved, interval = measure(shaped, derived(seed, 2))
            achieved = achieved.double()
            error = float((achieved - wanted).abs().max())
            nearer = error < best[0] - tolerance / 4
            if error < best[0]:
                best = (error, shaped)
            if not bar.update():
                return best[1], done, False
            if error <= tolerance / 2:
                break
            if measure.kind == "radius" and not nearer and _out_of_reach(wanted, interval, tolerance):
                break
            if previous is not None:
                moved = log_c - previous[0]
                measured = (achieved - previous[1]) / torch.where(moved.abs() < 0.02, 1.0, moved)
                usable = (moved.abs() >= 0.02) & (measured > 0.05) & (measured < 3.0)
                slope = torch.where(usable, 0.5 * slope + 0.5 * measured, slope)
            previous = (log_c.clone(), achieved)
            log_c = log_c + ((wanted - achieved) / slope).clamp(-0.7, 0.7)
            log_c = log_c - log_c.mean()  # only the ratios of margins matter
    return best[1], done, True


def _out_of_reach(wanted: Tensor, interval: Tensor, tolerance: float) -> bool:
    """Whether all radii are too small, or all too large: then no ratio of margins gives the target.

    At couplings of a given norm, margins as large as they can be are a Pareto optimum: were couplings found
    with a larger stability in every pattern, the margins could have been scaled up. A radius grows with the
    stability of its pattern, so other ratios widen some wells and narrow others, never all.
    """
    return bool((wanted > interval[:, 1] + tolerance).all() or (wanted < interval[:, 0] - tolerance).all())


def _result(
    shaped: Any,
    wanted: Tensor,
    achieved: Tensor,
    interval: Tensor,
    settings: dict[str, Any],
    tolerance: float,
    complete: bool,
) -> Design:
    low, high = interval[:, 0] - tolerance, interval[:, 1] + tolerance
    at_least = "promised" in settings  # the linear programme promises radii of at least the target
    met = (wanted <= high) if at_least else (wanted >= low) & (wanted <= high)
    budget = None
    if isinstance(shaped.landscape_energy, Couplings):
        budget = float(gardner.budget(shaped.stabilities.mean(1))) / settings["units"]
    if bool(met.all()):
        how = "reaches at least" if at_least else f"is within {tolerance:g} of"
        reason = f"Every {settings['kind']} {how} its target, beyond its interval."
    else:
        worst = int(((achieved - wanted).abs() * ~met).argmax())
        off = int((~met).sum())
        reason = (
            f"Pattern {worst} has {float(achieved[worst]):.3f} of {float(wanted[worst]):.3f}; {off} of "
            f"{len(met)} patterns are off their target. {_why(shaped, settings, budget)}"
        )
    return Design(shaped, wanted, achieved, interval, budget, bool(met.all()), reason, settings, complete)


def _why(shaped: Any, settings: dict[str, Any], budget: float | None) -> str:
    if budget is not None:
        if settings["kind"] == "volume":
            return "Volumes of quadratic memories are unstable, the winner takes most: ask for radii."
        return (
            f"The margins spend {budget:.2f} of the Gardner budget. Only their ratios are free: the level of "
            "all radii follows from the load, so store fewer or more patterns, or use a log-sum-exp memory."
        )
    if settings["kind"] == "radius":
        return (
            f"The linear programme guarantees {settings['promised']:.2f} of the radii; patterns that are "
            "closer than that cannot both have them."
        )
    return "More starts or rounds may close it; a beta too small for wells of their own cannot."
