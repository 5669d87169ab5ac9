"""The papers' layers as data: a name, and the parts that it is composed of."""

from memscape.core.errors import InputError
from memscape.sequence.objectives import L2, Dot, Huber, LayerNormL2, Lp
from memscape.sequence.parts import (
    BankStore,
    Decay,
    EnergyRead,
    HopfieldRead,
    Implicit,
    LinearRead,
    LocalLinearRead,
    LqNorm,
    MatrixStore,
    MeanGradient,
    MLPStore,
    Momentum,
    ResidualRead,
    Ridge,
    Simplex,
    SoftmaxRead,
    WindowStore,
)
from memscape.sequence.spec import MemorySpec

_TTT = MemorySpec(
    store=MatrixStore(bias=True),
    objective=LayerNormL2(),
    learner=MeanGradient(),
    read=ResidualRead(),
    grad_at="chunk",
    rate="width",
    keys="plain",
    short="linear",
)
_MIRAS = MemorySpec(
    store=MLPStore(residual=True, epsilon=1e-2), retention=Decay(), grad_at="chunk", finish="gated_norm"
)
_TOKENS = MemorySpec(
    store=WindowStore(),
    objective=Dot(),
    read=SoftmaxRead(),
    rate="one",
    keys="plain",
    short="linear",
    finish="plain",
)

PRESETS: dict[str, MemorySpec] = {
    "linear": MemorySpec(objective=Dot(), rate="one"),
    "retnet": MemorySpec(
        objective=Dot(), retention=Decay("scalar", "fixed"), rate="one", finish="gated_norm"
    ),
    "mamba2": MemorySpec(
        objective=Dot(),
        retention=Decay(),
        read=LinearRead(skip="value"),
        rate="step",
        keys="plain",
        finish="gated_norm",
    ),
    "gla": MemorySpec(objective=Dot(), retention=Decay("channel"), rate="one", finish="gated_norm"),
    "deltanet": MemorySpec(),
    "gated_deltanet": MemorySpec(retention=Decay(), finish="gated_norm"),
    "kda": MemorySpec(retention=Decay("channel"), finish="gated_norm"),
    "rwkv7": MemorySpec(
        retention=Decay("channel"),
        read=LinearRead(skip="bonus"),
        grad_at="previous",
        rate="channel",
        finish="gated_norm",
    ),
    "longhorn": MemorySpec(learner=Implicit(), keys="plain", finish="gated_norm"),
    "mesa": MemorySpec(retention=Decay(), learner=Ridge(), finish="gated_norm"),
    "ttt_linear": _TTT,
    "ttt_mlp": _TTT.but(store=MLPStore(bias=True)),
    "titans": MemorySpec(
        store=MLPStore(), retention=Decay(), learner=Momentum(), grad_at="chunk", finish="gated_norm"
    ),
    "moneta": _MIRAS.but(objective=Lp(3.0), retention=LqNorm(4.0)),
    "yaad": _MIRAS.but(objective=Huber()),
    "memora": _MIRAS.but(objective=L2(), retention=Simplex()),
    "softmax": _TOKENS,
    "lla": _TOKENS.but(read=LocalLinearRead()),
    "hopfield": _TOKENS.but(read=HopfieldRead(beta=8.0), keys="unit"),
    "energy": _TOKENS.but(read=EnergyRead(), short="none"),
    "gam": _TOKENS.but(store=BankStore(), read=SoftmaxRead(beta=1.0), short="linear"),
}
"""One spec per paper: `MemoryLayer(64, 2, "titans")`, or `PRESETS["titans"].but(chunk=32)` for a variant."""


def preset(name: str) -> MemorySpec:
    """Return the spec of a preset; an unknown name is an `InputError` that lists the known ones."""
    if name not in PRESETS:
        raise InputError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]
