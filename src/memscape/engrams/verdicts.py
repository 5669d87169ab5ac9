"""What an audit found: one line per network, and what may be said of the engram."""

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any

SUPPRESSED = 0.5
"""Below this share of what it was, the accuracy on the concept counts as suppressed."""

_SHOWN = {
    "forget": "forget",
    "retain": "retain",
    "test": "test",
    "tug_of_war": "ToW",
    "divergence_forget": "KL forget",
    "divergence_retain": "KL retain",
    "membership": "MIA",
    "probe": "probe",
    "rounded": "int8",
    "relearned": "relearn",
    "seconds": "seconds",
}


@dataclass(frozen=True)
class Finding:
    """What was measured of one network; NaN where it was not.

    Attributes:
        name: "as trained", "engram erased", "oracle" (never saw the concept), "random rows erased", a
            baseline.
        forget, retain, test: accuracies on the rows to lose, the rows to keep, and test rows.
        tug_of_war: product over the three of 1 - |accuracy - the oracle's| (Zhao et al. 2024); 1 is the
            oracle.
        divergence_forget, divergence_retain: KL(oracle || network) in nats, mean over rows.
        membership: AUC by which losses tell the concept's learned rows from unseen ones; the oracle's is
            ideal.
        probe: AUC of a linear probe for the concept on what the last layer sees.
        rounded: forget accuracy after rounding to int8.
        relearned: steps to 90 % forget accuracy; infinite where the steps did not suffice.
        curve: forget accuracy after 0, 1, 2, ... steps of relearning.
        seconds: CPU time to make the network from the trained one; 0 for that one.
    """

    name: str
    forget: float
    retain: float
    test: float
    tug_of_war: float = math.nan
    divergence_forget: float = math.nan
    divergence_retain: float = math.nan
    membership: float = math.nan
    probe: float = math.nan
    rounded: float = math.nan
    relearned: float = math.nan
    curve: tuple[float, ...] = ()
    seconds: float = math.nan


@dataclass(frozen=True)
class Audit:
    """What erasing an engram did, beside the network as it was, one that never saw the concept, and controls.

    Attributes:
        findings: one per network, by name.
        concepts: what was erased, with factors.
        settings: alpha, seed, sizes of the sets, and whatever a repetition needs.
        complete: False where Ctrl-C ended it.
        notes: what was left out, and why.
    """

    findings: dict[str, Finding]
    concepts: dict[str, float]
    settings: dict[str, Any] = field(default_factory=dict)
    complete: bool = True
    notes: tuple[str, ...] = ()

    @property
    def suppressed(self) -> bool:
        """Whether the concept's accuracy fell below half of what it was."""
        return self["engram erased"].forget <= SUPPRESSED * self["as trained"].forget

    @property
    def sentence(self) -> str:
        """What may be said, and no more."""
        before, after = self["as trained"], self["engram erased"]
        named = ", ".join(self.concepts)
        state = "is suppressed at the read-out, never deleted" if self.suppressed else "is still read out"
        if before.forget <= SUPPRESSED * before.retain:
            state = "was hardly read out before it was erased, so nothing follows for it"
        said = (
            f"{named} {state}: accuracy on it {before.forget:.3f} -> {after.forget:.3f}, on the rest "
            f"{before.retain:.3f} -> {after.retain:.3f}."
        )
        if oracle := self.findings.get("oracle"):
            said += f" A network that never saw it has {oracle.forget:.3f} and {oracle.retain:.3f}."
            if not math.isnan(oracle.relearned):
                said += f" Relearning takes {_steps(after)} steps, for the oracle {_steps(oracle)}."
        elif not math.isnan(after.relearned):
            said += f" Relearning takes {_steps(after)} steps."
        return said + (
            f" A linear probe still finds it (AUC {after.probe:.3f})." if after.probe > 0.9 else ""
        )

    def __getitem__(self, name: str) -> Finding:
        return self.findings[name]

    def table(self) -> str:
        """Return one line per network, a column per measure; - was not measured."""
        keys = [key for key in _SHOWN if any(not math.isnan(getattr(f, key)) for f in self.findings.values())]
        head = ["network", *(_SHOWN[key] for key in keys)]
        rows = [[f.name, *(_cell(key, getattr(f, key), f) for key in keys)] for f in self.findings.values()]
        widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
        return "\n".join(
            "  ".join(
                [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
            )
            for row in [head, *rows]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        rest = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "findings"}
        return rest | {
            "sentence": self.sentence,
            "findings": {name: asdict(finding) for name, finding in self.findings.items()},
            "notes": list(self.notes),
        }

    def __repr__(self) -> str:
        end = [] if self.complete else ["ended early by Ctrl-C"]
        return "\n".join(
            [self.sentence if "engram erased" in self.findings else "", self.table(), *self.notes, *end]
        )


def _steps(finding: Finding) -> str:
    return (
        f"{finding.relearned:.0f}"
        if math.isfinite(finding.relearned)
        else f"more than {len(finding.curve) - 1}"
    )


def _cell(key: str, value: float, finding: Finding) -> str:
    if math.isnan(value):
        return "-"
    if key == "relearned":
        return _steps(finding).replace("more than ", ">")
    return f"{value:.2f}" if key == "seconds" else f"{value:.3f}"
