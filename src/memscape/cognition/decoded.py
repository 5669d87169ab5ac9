"""What a tensor brain says of a scene: triples, and how likely each part of them was."""

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

ROLES = ("subject", "object", "predicate")
"""The order in which a triple is decoded; the third is read last, from both."""


@dataclass(frozen=True)
class Decoded:
    """Triples that were decoded.

    Attributes:
        triples: (..., 3) numbers of subject, object and predicate.
        probability: (..., 3) what the index layer gave to each when it was chosen.
    """

    triples: Int[Tensor, "... 3"]
    probability: Float[Tensor, "... 3"]

    def table(self, most: int = 10) -> str:
        """Return a line for each of the first triples."""
        rows = zip(
            self.triples.reshape(-1, 3)[:most].tolist(),
            self.probability.reshape(-1, 3).tolist(),
            strict=False,
        )
        return "\n".join(
            [
                "subject  object  predicate",
                *(f"{s:7d}  {o:6d}  {p:9d}   P {min(q):.3f}" for (s, o, p), q in rows),
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python values, ready for JSON."""
        return {"triples": self.triples.tolist(), "probability": self.probability.tolist()}

    def __repr__(self) -> str:
        return f"Decoded {self.triples.reshape(-1, 3).shape[0]} triples\n{self.table()}"
