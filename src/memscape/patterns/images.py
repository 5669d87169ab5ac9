"""Grey images as patterns: codes that turn pixels into +-1 units, and back."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import as_tensor, require_count, require_fraction, require_memory
from memscape.core.errors import InputError


@dataclass(frozen=True)
class Threshold:
    """One unit per pixel: +1 where the pixel is at least `level * top`, else -1.

    Args:
        level: in [0, 1], as a share of `top`.
        top: the value of a white pixel; `digits`, `load_images` and `load_idx` have 1.

    >>> code = Threshold(level=0.5)
    >>> units = code.encode([[0.0, 0.9], [0.5, 0.2]])
    >>> units, code.decode(units, (2, 2))
    (tensor([-1.,  1.,  1., -1.]), tensor([[0., 1.], [1., 0.]]))
    """

    level: float = 0.5
    top: float = 1.0

    def __post_init__(self) -> None:
        require_fraction(self.level, "level")
        _require_top(self.top)

    def encode(self, images: object) -> Float[Tensor, "... n"]:
        """Return the +-1 units (..., h * w) of images (..., h, w) with values in [0, top], row by row.

        Raises:
            InputError: for values outside [0, top], NaN, or fewer than two dimensions.

        Cost: O(pn) time.
        """
        x = _checked(images, self.top)
        return _signs((x >= self.level * self.top).flatten(-2))

    def decode(self, states: object, shape: tuple[int, int]) -> Float[Tensor, "... h w"]:
        """Return the images (..., h, w) of states (..., h * w): `top` at +1, 0 at -1.

        A unit at 0 (unknown) is shown as half of `top`.

        Raises:
            InputError: if the states have another width than h * w.

        Cost: O(pn) time.
        """
        return _on(states, shape, 1).squeeze(-1).mul_(self.top)


@dataclass(frozen=True)
class Thermometer:
    """`levels` units per pixel of which the first k are +1, k = round(levels * value / top).

    Similar grey values have similar codes, and damage to a few units moves a pixel by a few levels only.
    Images of levels + 1 equally spaced values (8x8 digits at `levels=16`) are decoded exactly.

    Args:
        levels: the number of units per pixel, at least 1.
        top: the value of a white pixel; `digits`, `load_images` and `load_idx` have 1.

    >>> code = Thermometer(levels=4)
    >>> units = code.encode([[0.0, 0.25, 1.0]])
    >>> units.reshape(3, 4).tolist()
    [[-1.0, -1.0, -1.0, -1.0], [1.0, -1.0, -1.0, -1.0], [1.0, 1.0, 1.0, 1.0]]
    >>> code.decode(units, (1, 3))
    tensor([[0.0000, 0.2500, 1.0000]])
    """

    levels: int = 16
    top: float = 1.0

    def __post_init__(self) -> None:
        require_count(self.levels, "levels")
        _require_top(self.top)

    def encode(self, images: object) -> Float[Tensor, "... n"]:
        """Return the +-1 units (..., h * w * levels) of images (..., h, w) with values in [0, top].

        The units of a pixel stand next to each other, pixels follow row by row.

        Raises:
            InputError: for values outside [0, top], NaN, or fewer than two dimensions.
            SizeError: if the units would not fit into memory.

        Cost: O(pn) time, 5pn bytes at the peak.
        """
        x = _checked(images, self.top)
        require_memory(5 * x.numel() * self.levels, f"{x.numel()} pixels of {self.levels} units", "use fewer")
        height = torch.floor(x.flatten(-2) * (self.levels / self.top) + 0.5)
        return _signs((height[..., None] > torch.arange(self.levels, device=x.device)).flatten(-2))

    def decode(self, states: object, shape: tuple[int, int]) -> Float[Tensor, "... h w"]:
        """Return the images (..., h, w) of states (..., h * w * levels), damaged ones too.

        A pixel is the number of its units at +1, wherever they stand, times top / levels: an inverted unit
        costs one level. A unit at 0 (unknown) counts as half.

        Raises:
            InputError: if the states have another width than h * w * levels.

        Cost: O(pn) time.
        """
        return _on(states, shape, self.levels).sum(-1).mul_(self.top / self.levels)


def _require_top(top: float) -> None:
    if not 0 < top < float("inf"):
        raise InputError(f"top is {top}; the value of a white pixel is positive, such as 1, 16 or 255")


def _checked(images: object, top: float) -> Tensor:
    """Return images (..., h, w) in float64, exact enough for levels to be rounded."""
    x = as_tensor(images, "images").to(torch.float64)
    if x.ndim < 2:
        raise InputError(f"images has shape {tuple(x.shape)}; it must be (..., height, width)")
    low, high = float(x.min()), float(x.max())
    slack = 1e-6 * top  # rounding: 0.3 in float32 is more than 0.3
    if low < -slack or high > top + slack:
        raise InputError(
            f"images holds values from {low:g} to {high:g}; this code takes [0, {top:g}]: set top={high:g} "
            "in the code or scale the images"
        )
    return x


def _signs(on: Tensor) -> Tensor:
    return on.to(torch.float32).mul_(2).sub_(1)


def _on(states: object, shape: tuple[int, int], levels: int) -> Tensor:
    """Return how far each unit is on, 0 to 1, as (..., h, w, levels)."""
    x = as_tensor(states, "states")
    height, width = (require_count(side, "a side of shape") for side in shape)
    if x.ndim == 0 or x.shape[-1] != height * width * levels:
        raise InputError(
            f"states has shape {tuple(x.shape)}; images of {height} x {width} pixels with {levels} units "
            f"each have {height * width * levels} units in the last axis"
        )
    on = x.to(torch.float32) if x.dtype == torch.bool else (x.to(torch.float32) + 1).div_(2)
    return on.reshape(*x.shape[:-1], height, width, levels)
