"""Spaces: which values the units of a state can take, how states are compared, damaged and drawn."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float, Num
from torch import Tensor

from memscape.core.arrays import as_tensor, require_count, require_fraction, working_dtype
from memscape.core.errors import InputError, SpaceError
from memscape.core.random import Generator, resolve


class Space(ABC):
    """What a unit can be. Spaces are frozen values: two of the same kind and size compare equal."""

    discrete: bool
    damages: tuple[str, ...]
    """The kinds of damage that `corrupt` knows here; the first is the space's own."""

    @abstractmethod
    def check(self, x: object, what: str = "patterns", *, zeros: bool = False) -> Tensor:
        """Return `x` as a float tensor (..., n), or raise `SpaceError` where a value lies outside the space.

        `zeros` also admits 0 where it is no value of its own: no opinion in a pattern, unknown in a cue.
        """

    @abstractmethod
    def project(self, x: Float[Tensor, "... n"]) -> Float[Tensor, "... n"]:
        """Return the nearest state of the space."""

    @abstractmethod
    def overlap(self, states: Float[Tensor, "b n"], patterns: Num[Tensor, "p n"]) -> Float[Tensor, "b p"]:
        """Return the overlap of every state with every pattern; 1 is equality."""

    @abstractmethod
    def sample(self, count: int, size: int, *, generator: Generator = None) -> Float[Tensor, "count size"]:
        """Return random states, the law under which basin volumes are measured."""

    @abstractmethod
    def _damaged(self, x: Tensor, amount: float, damage: str, generator: torch.Generator) -> Tensor: ...

    def corrupt(
        self, x: object, amount: float, *, damage: str | None = None, generator: Generator = None
    ) -> Float[Tensor, "... n"]:
        """Return `x` (..., n) damaged, each row on its own.

        `damage` is one of `self.damages` (None: the first). "flip" changes exactly round(amount * n) distinct
        units; "move" moves exactly round(amount * active) active units elsewhere, fewer only where the free
        units run out; "mask" sets exactly round(amount * n) distinct units to 0, unknown (in SparseBinary
        that share of the active ones);
        "noise" adds independent normal numbers of standard deviation `amount` (in units of the root mean
        square of `x`); "rotate" mixes in normal noise at constant length, so that the overlap with the
        original is 1 - 2 * amount on average, as after `flip`.
        """
        kind = self.damages[0] if damage is None else damage
        if kind not in self.damages:
            raise InputError(
                f"damage {kind!r} is unknown in {self}; it knows {', '.join(map(repr, self.damages))}"
            )
        high = float("inf") if kind == "noise" else 1.0
        amount = require_fraction(amount, f"the amount of damage ({kind})", high=high)
        x = self.check(x, "patterns", zeros=True)
        if x.ndim == 0:
            raise InputError("patterns is a single number; its last axis holds the units")
        return self._damaged(x, amount, kind, resolve(generator))


def _distinct(rows: int, size: int, count: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Return a bool mask (rows, size) with exactly `count` random True entries in each row."""
    mask = torch.zeros(rows, size, dtype=torch.bool)
    if count:
        mask.scatter_(1, torch.rand(rows, size, generator=generator).topk(count, dim=1).indices, True)
    return mask.to(device)


def _masked(x: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    flat = x.reshape(-1, x.shape[-1])
    lost = _distinct(len(flat), flat.shape[1], round(amount * flat.shape[1]), generator, x.device)
    return flat.masked_fill(lost, 0).reshape(x.shape)


def _normal(x: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x)


def _rms(x: Tensor) -> Tensor:
    return x.double().square().mean(-1, keepdim=True).sqrt().to(x.dtype)


def _cosine(states: Tensor, patterns: Tensor) -> Tensor:
    tiny = torch.finfo(states.dtype).tiny
    a = states / states.norm(dim=-1, keepdim=True).clamp_min(tiny)
    return a @ (patterns / patterns.norm(dim=-1, keepdim=True).clamp_min(tiny)).T


@dataclass(frozen=True)
class Bipolar(Space):
    """Units that are -1 or +1.

    A pattern may hold 0 (no opinion), a cue may hold 0 (unknown), a state may not. `overlap` is $\\xi \\cdot
    s / n$.

    >>> Bipolar().check([[1, -1, 1]])
    tensor([[ 1., -1.,  1.]])
    """

    discrete = True
    damages = ("flip", "mask")

    def check(self, x: object, what: str = "patterns", *, zeros: bool = False) -> Tensor:
        x = as_tensor(x, what)
        if x.dtype == torch.bool:
            return x.to(torch.float32) * 2 - 1
        x = x.to(working_dtype(x))
        small = x.to(torch.int8)  # one byte a unit: the common case is checked in a fraction of the time
        allowed_values = int(small.min()) >= -1 and int(small.max()) <= 1 and (zeros or bool(small.all()))
        if allowed_values and bool((small == x).all()):
            return x
        bad = (x.abs() != 1) & (x != 0) if zeros else x.abs() != 1
        if bool(bad.any()):
            first = float(x[bad][0])
            allowed = "-1, +1 or 0 (no opinion)" if zeros else "-1 or +1"
            hint = ""
            if bool(((x == 0) | (x == 1)).all()):
                hint = "; turn 0/1 data into -1/+1 with 2 * x - 1"
            elif bool((x != x.round()).any()):
                hint = "; vectors of real numbers go into a Continuous memory"
            raise SpaceError(
                f"{what} holds {first:g} ({int(bad.sum())} such values); here a unit is {allowed}{hint}"
            )
        return x

    def project(self, x: Float[Tensor, "... n"]) -> Float[Tensor, "... n"]:
        return torch.where(x < 0, -torch.ones_like(x), torch.ones_like(x))

    def overlap(self, states: Float[Tensor, "b n"], patterns: Num[Tensor, "p n"]) -> Float[Tensor, "b p"]:
        return states @ patterns.to(states.dtype).T / states.shape[-1]

    def sample(self, count: int, size: int, *, generator: Generator = None) -> Float[Tensor, "count size"]:
        bits = torch.randint(2, (count, size), generator=resolve(generator), dtype=torch.int8)
        return bits.to(torch.float32).mul_(2).sub_(1)

    def _damaged(self, x: Tensor, amount: float, damage: str, generator: torch.Generator) -> Tensor:
        if damage == "mask":
            return _masked(x, amount, generator)
        flat = x.reshape(-1, x.shape[-1])
        lost = _distinct(len(flat), flat.shape[1], round(amount * flat.shape[1]), generator, x.device)
        return torch.where(lost, 0 - flat, flat).reshape(x.shape)  # 0 - 0 is 0, -0 would be -0.0


@dataclass(frozen=True)
class Binary(Space):
    """Units that are 0 or 1. `overlap` is the share of equal units, scaled so that a complement has -1.

    >>> Binary().overlap(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    tensor([[ 1., -1.]])
    """

    discrete = True
    damages = ("flip", "mask")

    def check(self, x: object, what: str = "patterns", *, zeros: bool = False) -> Tensor:
        x = as_tensor(x, what)
        x = x.to(working_dtype(x))
        bad = (x != 0) & (x != 1)
        if bool(bad.any()):
            raise SpaceError(
                f"{what} holds {float(x[bad][0]):g} ({int(bad.sum())} such values); here a unit is 0 or 1"
            )
        return x

    def project(self, x: Float[Tensor, "... n"]) -> Float[Tensor, "... n"]:
        return (x > 0.5).to(x.dtype)

    def overlap(self, states: Float[Tensor, "b n"], patterns: Num[Tensor, "p n"]) -> Float[Tensor, "b p"]:
        return (2 * states - 1) @ (2 * patterns.to(states.dtype) - 1).T / states.shape[-1]

    def sample(self, count: int, size: int, *, generator: Generator = None) -> Float[Tensor, "count size"]:
        return torch.randint(2, (count, size), generator=resolve(generator), dtype=torch.int8).to(
            torch.float32
        )

    def _damaged(self, x: Tensor, amount: float, damage: str, generator: torch.Generator) -> Tensor:
        if damage == "mask":
            return _masked(x, amount, generator)
        flat = x.reshape(-1, x.shape[-1])
        lost = _distinct(len(flat), flat.shape[1], round(amount * flat.shape[1]), generator, x.device)
        return torch.where(lost, 1 - flat, flat).reshape(x.shape)


@dataclass(frozen=True)
class SparseBinary(Space):
    """Units that are 0 or 1 of which `active` are 1 in a pattern.

    `overlap` is the shared active units / `active`.
    """

    active: int
    discrete = True
    damages = ("move", "mask")

    def __post_init__(self) -> None:
        require_count(self.active, "active")

    def check(self, x: object, what: str = "patterns", *, zeros: bool = False) -> Tensor:
        x = Binary().check(x, what)
        counts = x.sum(-1)
        if not zeros and bool((counts != self.active).any()):
            wrong = int(counts[counts != self.active].flatten()[0])
            raise SpaceError(f"a row of {what} has {wrong} active units; here each has exactly {self.active}")
        return x

    def project(self, x: Float[Tensor, "... n"]) -> Float[Tensor, "... n"]:
        return torch.zeros_like(x).scatter_(-1, x.topk(self.active, dim=-1).indices, 1.0)

    def overlap(self, states: Float[Tensor, "b n"], patterns: Num[Tensor, "p n"]) -> Float[Tensor, "b p"]:
        return states @ patterns.to(states.dtype).T / self.active

    def sample(self, count: int, size: int, *, generator: Generator = None) -> Float[Tensor, "count size"]:
        if self.active > size:
            raise InputError(f"active is {self.active} but there are only {size} units")
        return _distinct(count, size, self.active, resolve(generator), torch.device("cpu")).to(torch.float32)

    def _damaged(self, x: Tensor, amount: float, damage: str, generator: torch.Generator) -> Tensor:
        if damage == "move":  # a cue with fewer active units than its pattern can lose some, not move them
            self.check(x, "patterns to be damaged by 'move'")
        flat = x.reshape(-1, x.shape[-1])
        noise = torch.rand(flat.shape, generator=generator).to(x.device)
        moved = round(amount * self.active)
        if damage == "move":
            moved = min(moved, flat.shape[1] - self.active)
        lost = torch.zeros_like(flat, dtype=torch.bool)
        if moved:
            lost.scatter_(1, torch.where(flat > 0, noise, -1.0).topk(moved, dim=1).indices, True)
        damaged = flat.masked_fill(lost, 0)
        if damage == "move" and moved:
            free = torch.where(flat > 0, -1.0, noise).topk(moved, dim=1).indices
            damaged.scatter_(1, free, 1.0)
        return damaged.reshape(x.shape)


@dataclass(frozen=True)
class Real(Space):
    """Real-valued units. `overlap` is the cosine; random states are independent N(0, scale**2) units.

    `scale` is the root mean square of the stored patterns' units.
    """

    scale: float = 1.0
    discrete = False
    damages = ("rotate", "noise", "mask")

    def check(self, x: object, what: str = "patterns", *, zeros: bool = False) -> Tensor:
        x = as_tensor(x, what)
        return x.to(working_dtype(x))

    def project(self, x: Float[Tensor, "... n"]) -> Float[Tensor, "... n"]:
        return x

    def overlap(self, states: Float[Tensor, "b n"], patterns: Num[Tensor, "p n"]) -> Float[Tensor, "b p"]:
        return _cosine(states, patterns.to(states.dtype))

    def sample(self, count: int, size: int, *, generator: Generator = None) -> Float[Tensor, "count size"]:
        return torch.randn(count, size, generator=resolve(generator)) * self.scale

    def _damaged(self, x: Tensor, amount: float, damage: str, generator: torch.Generator) -> Tensor:
        if damage == "mask":
            return _masked(x, amount, generator)
        noise = _normal(x, generator) * _rms(x)
        if damage == "noise":
            return x + amount * noise
        cosine = 1 - 2 * amount
        return cosine * x + max(0.0, 1 - cosine**2) ** 0.5 * noise


@dataclass(frozen=True)
class Sphere(Space):
    """Real-valued states of length `radius`.

    `overlap` is the cosine; random states are uniform on the sphere.
    """

    radius: float = 1.0
    discrete = False
    damages = ("rotate", "mask")

    def check(self, x: object, what: str = "patterns", *, zeros: bool = False) -> Tensor:
        x = as_tensor(x, what)
        x = x.to(working_dtype(x))
        norm = x.norm(dim=-1)
        if not zeros and bool(((norm - self.radius).abs() > 1e-4 * self.radius).any()):
            raise SpaceError(
                f"{what} holds a vector of length {float(norm.flatten()[0]):.4g}; here every vector has "
                f"length {self.radius:g} (normalise first, or use Real)"
            )
        return x

    def project(self, x: Float[Tensor, "... n"]) -> Float[Tensor, "... n"]:
        return x * (self.radius / x.norm(dim=-1, keepdim=True).clamp_min(torch.finfo(x.dtype).tiny))

    def overlap(self, states: Float[Tensor, "b n"], patterns: Num[Tensor, "p n"]) -> Float[Tensor, "b p"]:
        return _cosine(states, patterns.to(states.dtype))

    def sample(self, count: int, size: int, *, generator: Generator = None) -> Float[Tensor, "count size"]:
        return self.project(torch.randn(count, size, generator=resolve(generator)))

    def _damaged(self, x: Tensor, amount: float, damage: str, generator: torch.Generator) -> Tensor:
        if damage == "mask":
            return _masked(x, amount, generator)
        self.check(x, "patterns to be rotated")  # masked ones are shorter, and have no place on the sphere
        noise = _normal(x, generator)
        direction = x / self.radius
        noise = self.project(noise - (noise * direction).sum(-1, keepdim=True) * direction)
        cosine = 1 - 2 * amount
        return cosine * x + max(0.0, 1 - cosine**2) ** 0.5 * noise
