"""Ways between wells of real-valued memories: strings of states that relax until they follow the valley."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from memscape.core.arrays import as_tensor, require_count, require_width
from memscape.core.errors import CapabilityError, InputError
from memscape.core.progress import Progress, ProgressOption
from memscape.mechanisms.distances import Distances
from memscape.mechanisms.energies import Separated

_RATE = 0.5  # of the way to where one recall step leads
_FINE = 8  # points of each piece of the string at which its energy is looked at
_TOGETHER = 64  # strings that relax side by side
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class String:
    """A relaxed way between two states of a real-valued memory.

    Attributes:
        images: (m, n) states along the way, equally far from each other, both ends included.
        energy: (m,) their energies.
        saddle: (n,) the highest state on the pieces between them.
        height: its energy: an upper bound of the lowest pass between the two ends.
        steps: how often the string was relaxed.
        moved: by how much (root mean square of a unit) the last step still moved an image at most.
        complete: False where Ctrl-C ended the relaxation.
    """

    images: Float[Tensor, "m n"]
    energy: Float[Tensor, " m"]
    saddle: Float[Tensor, " n"]
    height: float
    steps: int
    moved: float
    complete: bool = True

    @property
    def barrier(self) -> float:
        """What must be climbed from the first end."""
        return self.height - float(self.energy[0])

    def table(self, most: int = 20) -> str:
        """Return the energy along the string as lines of text; the way is counted from 0 to 1."""
        count = len(self.energy)
        shown = torch.linspace(0, count - 1, min(most, count)).round().long().unique().tolist()
        lines = ["way    energy"]
        return "\n".join(lines + [f"{i / (count - 1):<6.3f} {float(self.energy[i]):.6g}" for i in shown])

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the states as plain Python values, ready for JSON."""
        return {
            "energy": self.energy.tolist(),
            "height": self.height,
            "barrier": self.barrier,
            "steps": self.steps,
            "moved": self.moved,
            "complete": self.complete,
        }

    def __repr__(self) -> str:
        head = (
            f"String of {len(self.images)} states over {self.images.shape[1]} units: "
            f"pass at {self.height:.6g} (an upper bound), {self.barrier:.6g} over its start"
        )
        tail = f"{self.steps} steps, the last moved {self.moved:.2g}"
        return f"{head}\n{tail}{'' if self.complete else ', ended by Ctrl-C'}\n{self.table(6)}"


def string_between(
    memory: Any,
    start: object,
    end: object,
    *,
    images: int = 33,
    steps: int = 500,
    tolerance: float = 1e-6,
    progress: ProgressOption = None,
) -> String:
    """Return a relaxed string between two states of a real-valued memory; its top bounds the pass from above.

    Every image moves downhill, then the images are spread again at equal distances along the string; in the
    limit the string follows a path of least energy, and its highest state is a saddle. The top is looked
    for on the pieces between the images too, so it is a bound whether or not the string has come to rest.

    Args:
        memory: with an energy over real states.
        start, end: (n,) states, usually minima; they stay where they are.
        images: states of the string, at least 3.
        steps: relaxations at most.
        tolerance: root mean square movement of a unit at which the string is at rest.
        progress: a bar, a callable, or None. After Ctrl-C the string is returned as it is.

    Raises:
        CapabilityError: for a memory without an energy over real states.
        InputError: for fewer than 3 images, or states of another width.

    Cost: O(steps images p n).

    >>> import torch
    >>> import memscape as ms
    >>> memory = ms.memories.Continuous(torch.tensor([[2.0, 0.0], [0.0, 2.0]]), beta=1.0)
    >>> way = string_between(memory, [2.0, 0.0], [0.0, 2.0])
    >>> bool(way.height >= way.energy[0]), [round(v, 2) for v in way.saddle.tolist()]
    (True, [1.0, 1.0])

    E, Ren and Vanden-Eijnden 2007 (the simplified string method).
    """
    require_count(images, "images", low=3)
    require_count(steps, "steps", low=0)
    energy = _real_energy(memory)
    ends = torch.stack([as_tensor(end_, "an end").double().reshape(-1).cpu() for end_ in (start, end)])
    require_width(ends, energy.units, "an end")
    with Progress(progress, steps, "relaxing a string") as bar:
        string, done, moved = _relaxed(energy, ends[None], images, steps, tolerance, bar)
    saddle, height = _tops(energy, string)
    value = _values(energy, string)[0]
    return String(string[0], value, saddle[0], float(height[0]), done, moved, not bar.interrupted)


def string_passes(
    memory: Any,
    states: Tensor,
    pairs: Int[Tensor, "e 2"],
    *,
    images: int = 17,
    steps: int = 200,
    progress: ProgressOption = None,
) -> tuple[Float64[Tensor, " e"], Tensor, bool]:
    """Return the top of a relaxed string for each pair, that state (e, n), and whether all pairs were done.

    After Ctrl-C the first pairs are returned. Cost: O(e steps images p n).

    >>> import torch
    >>> import memscape as ms
    >>> memory = ms.memories.Continuous(torch.eye(3) * 3, beta=1.0)
    >>> passes, saddles, complete = string_passes(memory, torch.eye(3) * 3, torch.tensor([[0, 1], [1, 2]]))
    >>> bool((passes[0] - passes[1]).abs() < 1e-9), saddles.shape, complete
    (True, torch.Size([2, 3]), True)
    """
    energy = _real_energy(memory)
    ends = states.double().cpu()[pairs]
    saddles, heights = [states.double()[:0].cpu()], [torch.zeros(0, dtype=torch.float64)]
    with Progress(progress, len(pairs), "strings between wells") as bar:
        for part in ends.split(_TOGETHER):
            quiet = Progress(False, steps, "strings")
            string, _, _ = _relaxed(energy, part, images, steps, 1e-6, quiet)
            top, height = _tops(energy, string)
            saddles.append(top)
            heights.append(height)
            if not bar.update(len(part)):
                break
    done = torch.cat(heights)
    return done, torch.cat(saddles), len(done) == len(pairs)


def _real_energy(memory: Any) -> Any:
    if not hasattr(memory, "landscape_energy") and hasattr(memory, "as_memory"):
        memory = memory.as_memory()
    energy: Any = getattr(memory, "landscape_energy", None)
    if not isinstance(energy, Distances) and getattr(energy, "norm", 0.0) != 1.0:
        raise CapabilityError(
            f"{type(memory).__name__} has no energy over real states; strings are for Continuous memories, "
            "passes_between takes any"
        )
    if not len(energy.patterns):
        raise InputError("the memory is empty; store patterns first: memory.store(X)")
    return energy


def _values(energy: Separated | Distances, string: Tensor) -> Float64[Tensor, "k m"]:
    rows = string.reshape(-1, string.shape[-1]).to(energy.patterns.device)
    return energy.energy(rows).double().cpu().reshape(string.shape[:-1])


def _downhill(energy: Separated | Distances, string: Tensor) -> Tensor:
    """Return where one step of recall leads every image; the energy does not rise on the way there."""
    rows = string.reshape(-1, string.shape[-1]).to(energy.patterns.device)
    if isinstance(energy, Distances):
        target = energy.target(rows, energy.closeness(rows))
    else:
        target = rows - energy.gradient(rows)
    return target.double().cpu().reshape(string.shape)


def _relaxed(
    energy: Separated | Distances, ends: Tensor, images: int, steps: int, tolerance: float, bar: Progress
) -> tuple[Tensor, int, float]:
    """Return strings (k, images, n) between ends (k, 2, n), the steps made and the last movement."""
    along = torch.linspace(0, 1, images, dtype=torch.float64)[None, :, None]
    string = best = ends[:, :1] * (1 - along) + ends[:, 1:] * along
    top = _values(energy, string).amax(1)
    moved, done = math.inf, 0
    while done < steps:
        done += 1
        new = string.clone()
        new[:, 1:-1] += _RATE * (_downhill(energy, string[:, 1:-1]) - string[:, 1:-1])
        new = _spread(new)
        moved = float((new - string).square().mean(-1).sqrt().amax())
        string = new
        if moved <= tolerance or not bar.update():
            break
    better = _values(energy, string).amax(1) <= top
    return torch.where(better[:, None, None], string, best), done, moved


def _spread(string: Float64[Tensor, "k m n"]) -> Float64[Tensor, "k m n"]:
    """Return the strings with their images at equal distances along them."""
    lengths = (string[:, 1:] - string[:, :-1]).norm(dim=-1)
    place = torch.cat([torch.zeros_like(lengths[:, :1]), lengths.cumsum(1)], 1)
    count = string.shape[1]
    wanted = place[:, -1:] * torch.linspace(0, 1, count, dtype=torch.float64)
    right = torch.searchsorted(place, wanted).clamp(1, count - 1)
    low, high = place.gather(1, right - 1), place.gather(1, right)
    share = ((wanted - low) / (high - low).clamp_min(1e-300)).clamp(0, 1)[..., None]
    rows = torch.arange(len(string))[:, None]
    result = string[rows, right - 1] * (1 - share) + string[rows, right] * share
    result[:, 0], result[:, -1] = string[:, 0], string[:, -1]
    return result


def _tops(
    energy: Separated | Distances, string: Float64[Tensor, "k m n"]
) -> tuple[Tensor, Float64[Tensor, " k"]]:
    """Return the highest state of the pieces of each string and its energy."""
    share = torch.arange(_FINE, dtype=torch.float64)[:, None] / _FINE
    pieces = string[:, :-1, None] * (1 - share) + string[:, 1:, None] * share
    fine = torch.cat([pieces.flatten(1, 2), string[:, -1:]], 1)
    values = _values(energy, fine)
    at = values.argmax(1)
    rows = torch.arange(len(string))
    before, after = fine[rows, (at - 1).clamp_min(0)], fine[rows, (at + 1).clamp_max(fine.shape[1] - 1)]
    middle = fine[rows, at]
    # On either side of the highest point the string is straight: a golden section on each side.
    states, heights = [middle], [values[rows, at]]
    for other in (before, after):
        state = _golden(energy, middle, other)
        states.append(state)
        heights.append(_values(energy, state[:, None])[:, 0])
    best = torch.stack(heights).argmax(0)
    return torch.stack(states)[best, rows], torch.stack(heights)[best, rows]


def _golden(energy: Separated | Distances, first: Tensor, second: Tensor) -> Tensor:
    """Return the highest state between each two, by golden section."""
    low, high = (
        torch.zeros(len(first), 1, dtype=torch.float64),
        torch.ones(len(first), 1, dtype=torch.float64),
    )

    def height(share: Tensor) -> Tensor:
        return _values(energy, (first + share * (second - first))[:, None])

    for _ in range(30):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        up = height(right) > height(left)
        low, high = torch.where(up, left, low), torch.where(up, high, right)
    return first + (low + high) / 2 * (second - first)
