"""Rehearsal: which old task is shown again, by how long ago it was learned."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.core.random import Generator, resolve
from memscape.mechanisms.scheduling import lag_weights


class Schedule(ABC):
    """How likely a task is rehearsed by its lag: 1 for the one learned last. Schedules are frozen values."""

    @abstractmethod
    def weights(self, lags: Int[Tensor, " k"]) -> Float[Tensor, " k"]:
        """Return weights >= 0 of tasks of these lags, not all 0."""

    def probabilities(self, learned: int) -> Float[Tensor, " k"]:
        """Return the probability of each of the `learned` old tasks, the oldest first. O(k).

        >>> PowerLaw(1.0).probabilities(2)
        tensor([0.3333, 0.6667])
        """
        lags = torch.arange(require_count(learned, "learned"), 0, -1)
        weights = self.weights(lags).float()
        return weights / weights.sum()

    def counts(self, learned: int, total: int, *, generator: Generator = None) -> Int[Tensor, " k"]:
        """Return how many of `total` rehearsed rows each old task gives, drawn from its probability.

        >>> int(PowerLaw(1.0).counts(5, 300, generator=0).sum())
        300
        """
        chosen = torch.multinomial(
            self.probabilities(learned),
            require_count(total, "total"),
            replacement=True,
            generator=resolve(generator),
        )
        return torch.bincount(chosen, minlength=learned)


@dataclass(frozen=True)
class PowerLaw(Schedule):
    """$P(s) \\propto (t - s)^{-b}$: old tasks fade like human memories do (Gandhi et al. 2024)."""

    exponent: float = 1.0

    def __post_init__(self) -> None:
        _require_positive(self.exponent, "exponent")

    def weights(self, lags: Int[Tensor, " k"]) -> Float[Tensor, " k"]:
        return lag_weights(lags.float(), "power", self.exponent)


@dataclass(frozen=True)
class Fading(Schedule):
    """$P(s) \\propto e^{-b (t - s)}$: old tasks fade exponentially."""

    rate: float = 1.0

    def __post_init__(self) -> None:
        _require_positive(self.rate, "rate")

    def weights(self, lags: Int[Tensor, " k"]) -> Float[Tensor, " k"]:
        return lag_weights(lags.float(), "exponential", self.rate)


@dataclass(frozen=True)
class Recent(Schedule):
    """Only the task that was learned last."""

    def weights(self, lags: Int[Tensor, " k"]) -> Float[Tensor, " k"]:
        return lag_weights(lags.float(), "recent")


@dataclass(frozen=True)
class Uniform(Schedule):
    """All old tasks alike."""

    def weights(self, lags: Int[Tensor, " k"]) -> Float[Tensor, " k"]:
        return lag_weights(lags.float(), "uniform")


def _require_positive(value: float, name: str) -> None:
    if not 0 < value < float("inf"):
        raise InputError(f"{name} is {value}; it must be a positive number")


@dataclass(frozen=True)
class Rehearsal:
    """While a task is learned, `count` rows of older tasks are mixed in, chosen by a schedule.

    Args:
        schedule: `PowerLaw`, `Fading`, `Recent`, `Uniform`, or one of your own.
        count: rehearsed rows for each new task.
    """

    schedule: Schedule
    count: int

    def __post_init__(self) -> None:
        require_count(self.count, "count")

    def rows(
        self, sizes: Int[Tensor, " k"] | list[int], *, generator: Generator = None
    ) -> list[Int[Tensor, " r"]]:
        """Return for each old task (the oldest first) which of its rows are rehearsed; rows may repeat.

        Args:
            sizes: how many rows each old task has.
            generator: seed of the draw.

        >>> [len(rows) for rows in Rehearsal(Recent(), 4).rows([10, 10], generator=0)]
        [0, 4]
        """
        generator = resolve(generator)
        counts = self.schedule.counts(len(sizes), self.count, generator=generator)
        return [
            torch.randint(int(size), (int(count),), generator=generator)
            for size, count in zip(sizes, counts, strict=True)
        ]
