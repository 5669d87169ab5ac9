"""What a recall returns: where it ended, how, and what that means."""

from dataclasses import dataclass, fields
from enum import IntEnum

import torch
from torch import Tensor


class _Explained(IntEnum):
    """An enumeration whose members carry the sentence that a user reads."""

    sentence: str

    def __new__(cls, value: int, sentence: str) -> "_Explained":
        member = int.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member


class Status(_Explained):
    """How the descent ended."""

    CONVERGED = 0, "No unit wants to change: the state is a fixed point."
    TIED = 1, "No unit wants to change, but some have no preference: the state may lie on a plateau."
    TWO_CYCLE = 2, "The parallel update alternates between two states for ever; use an asynchronous order."
    UNFINISHED = 3, "Stopped after max_steps while units still changed; raise max_steps."
    SAMPLED = 4, "All sweeps at this temperature were made; the state is a sample, not a minimum."
    INTERRUPTED = 5, "Stopped by Ctrl-C before the end."


class Verdict(_Explained):
    """What to believe of a recall.

    The first that holds, in the order UNKNOWN, AMBIGUOUS, RECALLED, SPURIOUS.
    """

    RECALLED = 0, "A stored pattern was recalled."
    AMBIGUOUS = 1, "Two or more stored patterns fit about equally well."
    SPURIOUS = 2, "The cue resembled something stored, but the end state is none of the stored patterns."
    UNKNOWN = 3, "Nothing like this cue is stored."


class Kind(_Explained):
    """What kind of state the recall ended in, as seen from the stored patterns."""

    STORED = 0, "A stored pattern."
    INVERTED = 1, "The negative of a stored pattern."
    MIXTURE = 2, "The sign of a signed sum of 3, 5 or 7 stored patterns."
    SPURIOUS = 3, "Neither a stored pattern, nor its negative, nor a small mixture."


@dataclass(frozen=True)
class Trace:
    """The course of a recall.

    Attributes:
        states: (b, steps + 1, n), the cue first; int8 where units are +-1.
        energy: (b, steps + 1) float64.
    """

    states: Tensor
    energy: Tensor


@dataclass(frozen=True)
class Recall:
    """The result of `memory.recall(cue)`; every tensor has the batch shape of the cue in front.

    Attributes:
        state: (..., n) where the recall ended, in the memory's space.
        energy: (...) float64, the energy of `state` (of the last state whose overlaps were known, in real
            memories).
        steps: (...) sweeps, parallel updates, iterations or flips, as the dynamics count them.
        flips: (...) single-unit changes made (0 in real-valued memories).
        status: (...) int8 codes of `Status`.
        match: (...) index of the recalled pattern, -1 where no overlap reaches the threshold.
        exact: (...) bool, equal to the matched pattern, bit by bit (to 1e-4 rms in real-valued memories).
        kind: (...) int8 codes of `Kind`.
        overlap: (...) signed overlap with the nearest stored pattern.
        familiarity: (...) of the cue: 1 a stored pattern, 0 a random state.
        gap: (...) best well against the rest at the end, in units of energy.
        verdict: (...) int8 codes of `Verdict`.
        trace: the course, where asked for.
        settings: what a repetition needs: dynamics, seed, max_steps, thresholds, kernel.
        complete: False where Ctrl-C ended the recall early.
    """

    state: Tensor
    energy: Tensor
    steps: Tensor
    flips: Tensor
    status: Tensor
    match: Tensor
    exact: Tensor
    kind: Tensor
    overlap: Tensor
    familiarity: Tensor
    gap: Tensor
    verdict: Tensor
    trace: Trace | None
    settings: dict
    complete: bool = True

    def table(self, most: int = 20) -> str:
        """Return the first `most` recalls as lines of text."""
        head = "cue  verdict    match exact kind      overlap  fam.   gap      energy     steps flips status"
        flat = {
            f.name: getattr(self, f.name) for f in fields(self) if isinstance(getattr(self, f.name), Tensor)
        }
        flat = {k: v.reshape(-1) for k, v in flat.items() if k != "state"}
        lines = [head]
        for i in range(min(most, len(flat["match"]))):
            row = {k: v[i].item() for k, v in flat.items()}
            exact = "yes" if row["exact"] else "no"
            verdict, kind = Verdict(row["verdict"]).name, Kind(row["kind"]).name
            codes = f"{i:<4} {verdict:<10} {row['match']:<5} {exact:<5} {kind:<9}"
            values = (
                f"{row['overlap']:<8.3f} {row['familiarity']:<6.2f} {row['gap']:<8.4g} {row['energy']:<10.4g}"
            )
            lines.append(f"{codes} {values} {row['steps']:<5} {row['flips']:<5} {Status(row['status']).name}")
        if len(flat["match"]) > most:
            lines.append(f"... {len(flat['match']) - most} more")
        return "\n".join(lines)

    def to_dict(self) -> dict:
        """Return everything but the states as plain Python values (codes by name), ready for JSON."""
        names = {"status": Status, "kind": Kind, "verdict": Verdict}
        plain: dict = {"settings": self.settings, "complete": self.complete}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "state" or not isinstance(value, Tensor):
                continue
            values = value.reshape(-1).tolist()
            plain[field.name] = [names[field.name](v).name for v in values] if field.name in names else values
        return plain

    def save(self, path: str) -> None:
        """Write all tensors and settings to `path` (safetensors with a JSON header)."""
        from memscape.core.files import save_bundle

        tensors = {
            f.name: getattr(self, f.name) for f in fields(self) if isinstance(getattr(self, f.name), Tensor)
        }
        if self.trace is not None:
            tensors |= {"trace_states": self.trace.states, "trace_energy": self.trace.energy}
        save_bundle(path, kind="recall", card="Recall", tensors=tensors, parts=self.settings)

    def __repr__(self) -> str:
        verdicts = torch.bincount(self.verdict.reshape(-1).long(), minlength=len(Verdict)).tolist()
        total = self.verdict.numel()
        said = ", ".join(f"{count} {v.name}" for v, count in zip(Verdict, verdicts, strict=True) if count)
        lines = [f"Recall of {total} cue{'s' if total != 1 else ''}: {said}", *self.settings.get("notes", [])]
        if not self.complete:
            lines.append(Status.INTERRUPTED.sentence)
        return "\n".join([*lines, self.table(6)])
