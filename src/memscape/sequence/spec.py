"""A sequence memory as data: which parts, and the small choices that papers leave implicit."""

import hashlib
import json
from dataclasses import dataclass, field, fields, replace
from typing import Any

from memscape.core.arrays import require_count
from memscape.core.errors import FileFormatError, InputError
from memscape.sequence import objectives as goals
from memscape.sequence import parts

PARTS = {
    cls.__name__: cls
    for cls in (
        *(parts.MatrixStore, parts.MLPStore, parts.WindowStore, parts.BankStore),
        *(goals.Dot, goals.L2, goals.Lp, goals.Huber, goals.LayerNormL2),
        *(parts.Keep, parts.Decay, parts.LqNorm, parts.Simplex, parts.ElasticNet),
        *(parts.GradientStep, parts.Momentum, parts.MeanGradient, parts.NewtonSchulz, parts.Implicit),
        *(parts.Ridge, parts.LinearRead, parts.NormalisedRead, parts.ResidualRead, parts.SoftmaxRead),
        *(parts.HopfieldRead, parts.LocalLinearRead, parts.EnergyRead),
    )
}
"""Every part by name: what a file may name."""

CHOICES = {
    "grad_at": ("decayed", "previous", "chunk"),
    "rate": ("sigmoid", "double", "width", "one", "step", "channel"),
    "keys": ("unit", "positive", "plain"),
    "short": ("silu", "linear", "none"),
    "finish": ("norm", "gated_norm", "plain"),
}


@dataclass(frozen=True)
class MemorySpec:
    """Which memory: its five parts, and where its gradient is taken.

    Args:
        store: `MatrixStore`, `MLPStore`, `WindowStore` or `BankStore`.
        objective: what a write minimises.
        retention: what stays of the past.
        learner: how the gradient becomes a write.
        read: how a query becomes an output.
        grad_at: the memory at which the gradient is taken: "decayed" (after this token's decay), "previous"
            (before it) or "chunk" (the last chunk's end; then `chunk` is part of the model).
        chunk: tokens per chunk of "chunk".
        rate: the write strength: "sigmoid" of a gate, "double" that in (0, 2), "width" sigmoid / K, "one",
            "step" (the step size that also sets the decay, Mamba-2), "channel" (a vector, for the low-rank
            form).
        keys: "unit" (length 1), "positive" (elu + 1) or "plain" queries and keys.
        short: what follows the short convolution: "silu", "linear" (nothing), or "none" for no convolution.
        finish: "norm" of each head's output, "gated_norm" with a SiLU gate, or "plain".

    Raises:
        InputError: for parts that do not go together.

    >>> MemorySpec()
    MemorySpec(MatrixStore, L2, Keep, GradientStep, LinearRead; gradient at decayed, rate sigmoid, unit keys)
    """

    store: parts.Store = field(default_factory=parts.MatrixStore)
    objective: goals.Objective = field(default_factory=goals.L2)
    retention: parts.Retention = field(default_factory=parts.Keep)
    learner: parts.Learner = field(default_factory=parts.GradientStep)
    read: parts.Read = field(default_factory=parts.LinearRead)
    grad_at: str = "decayed"
    chunk: int = 16
    rate: str = "sigmoid"
    keys: str = "unit"
    short: str = "silu"
    finish: str = "norm"

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} is {getattr(self, name)!r}; give one of {', '.join(allowed)}")
        require_count(self.chunk, "chunk")
        _require_fit(self)

    @property
    def engine(self) -> str:
        """Which arithmetic runs it: "matrix", "low_rank", "ridge", "inner", "window", "energy" or "bank"."""
        if isinstance(self.store, parts.BankStore):
            return "bank"
        if isinstance(self.store, parts.WindowStore):
            return "energy" if isinstance(self.read, parts.EnergyRead) else "window"
        if isinstance(self.learner, parts.Ridge):
            return "ridge"
        if self.rate == "channel":
            return "low_rank"
        if not _linear_in_state(self):
            return "inner"
        if isinstance(self.objective, goals.Dot) or self.grad_at == "decayed" or not self.retention.gated:
            return "matrix"
        return "low_rank"

    @property
    def lag(self) -> int:
        """Tokens between two looks of the gradient at the memory: `chunk`, or 1."""
        return self.chunk if self.grad_at == "chunk" else 1

    @property
    def hash(self) -> str:
        """Sixteen hex digits that two equal specs share."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Return the spec as plain values, for files."""
        plain: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            named = type(value).__name__ in PARTS
            plain[each.name] = {"name": type(value).__name__} | vars(value) if named else value
        return plain

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> "MemorySpec":
        """Return the spec that `to_dict` described; unknown parts are refused."""
        settings: dict[str, Any] = {}
        for name, value in plain.items():
            settings[name] = value
            if isinstance(value, dict):
                rest = {key: each for key, each in value.items() if key != "name"}
                if value.get("name") not in PARTS:
                    raise FileFormatError(
                        f"the part {value.get('name')!r} is unknown; known: {', '.join(PARTS)}"
                    )
                settings[name] = PARTS[value["name"]](**rest)
        return cls(**settings)

    def but(self, **changes: Any) -> "MemorySpec":
        """Return the same spec with some fields changed.

        >>> MemorySpec().but(rate="double").rate
        'double'
        """
        return replace(self, **changes)

    def __repr__(self) -> str:
        named = (self.store, self.objective, self.retention, self.learner, self.read)
        shown = ", ".join(_short(part) for part in named)
        lag = f"chunk start (every {self.chunk})" if self.grad_at == "chunk" else self.grad_at
        return f"MemorySpec({shown}; gradient at {lag}, rate {self.rate}, {self.keys} keys)"


def _short(part: object) -> str:
    """Return a part's name with the settings that are not the default."""
    changed = [f"{k}={v!r}" for k, v in vars(part).items() if getattr(type(part), k, None) != v]
    return type(part).__name__ + (f"({', '.join(changed)})" if changed else "")


def _linear_in_state(spec: MemorySpec) -> bool:
    return (
        spec.store == parts.MatrixStore()
        and isinstance(spec.objective, goals.Dot | goals.L2)
        and isinstance(spec.retention, parts.Keep | parts.Decay)
        and isinstance(spec.learner, parts.GradientStep | parts.Implicit)
        and isinstance(spec.read, parts.LinearRead | parts.NormalisedRead)
        and (isinstance(spec.objective, goals.Dot) or spec.grad_at != "chunk")
    )


def _require_fit(spec: MemorySpec) -> None:
    """Raise `InputError` for parts that do not go together, with what would."""
    window = (parts.SoftmaxRead, parts.HopfieldRead, parts.LocalLinearRead, parts.EnergyRead)
    tokens, bank = isinstance(spec.store, parts.WindowStore), isinstance(spec.store, parts.BankStore)
    if isinstance(spec.read, window) != (tokens or bank):
        raise InputError(
            f"{type(spec.read).__name__} does not read a {type(spec.store).__name__}; softmax, Hopfield, "
            "local linear and energy reads go with a WindowStore, the others with a matrix or MLP"
        )
    if bank and not isinstance(spec.read, parts.SoftmaxRead):
        raise InputError(f"a BankStore is read by SoftmaxRead, not {type(spec.read).__name__}")
    if tokens or bank:
        return
    scalar = not (isinstance(spec.retention, parts.Decay) and spec.retention.shape == "channel")
    if isinstance(spec.learner, parts.Ridge):
        plain = (
            spec.store == parts.MatrixStore()
            and isinstance(spec.retention, parts.Keep | parts.Decay)
            and scalar
        )
        if not (plain and isinstance(spec.objective, goals.L2) and isinstance(spec.read, parts.LinearRead)):
            raise InputError("Ridge takes MatrixStore(), L2(), Keep or scalar Decay, and LinearRead")
    elif spec.rate == "channel":
        if not (_linear_in_state(spec) and isinstance(spec.objective, goals.L2) and not scalar):
            raise InputError(
                'rate="channel" takes MatrixStore(), L2(), Decay("channel"), GradientStep, LinearRead'
            )
    elif not _linear_in_state(spec) and not scalar:
        raise InputError(
            'Decay("channel") goes with a matrix that is linear in its state; use Decay("scalar")'
        )
    if isinstance(spec.read, parts.NormalisedRead) and not (
        _linear_in_state(spec) and isinstance(spec.objective, goals.Dot) and spec.keys == "positive"
    ):
        raise InputError('NormalisedRead divides by a sum of keys: it takes Dot() and keys="positive"')
    if isinstance(spec.learner, parts.Implicit) and not (
        isinstance(spec.objective, goals.L2) and spec.store == parts.MatrixStore()
    ):
        raise InputError("Implicit is the proximal step of MatrixStore() under L2()")
    if isinstance(spec.learner, parts.MeanGradient) and (
        spec.grad_at != "chunk" or spec.retention != parts.Keep()
    ):
        raise InputError('MeanGradient averages over a chunk: it takes grad_at="chunk" and Keep()')
    if spec.rate == "step" and not isinstance(spec.retention, parts.Decay):
        raise InputError('rate="step" is the step size of a gated decay: give retention=Decay("scalar")')
    if spec.rate == "step" and spec.retention != parts.Decay():
        raise InputError('rate="step" takes Decay("scalar"), gated')
