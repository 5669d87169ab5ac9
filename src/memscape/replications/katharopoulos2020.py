"""Katharopoulos et al., Transformers are RNNs (2020): linear attention."""

from typing import Any

from torch.nn.functional import elu

from memscape.replications.claim import Measured, claim
from memscape.replications.heads import apart, drawn, outputs
from memscape.replications.recall_training import best_of, recall_claim
from memscape.sequence import MemorySpec
from memscape.sequence.objectives import Dot
from memscape.sequence.parts import NormalisedRead

NORMALISED = MemorySpec(objective=Dot(), read=NormalisedRead(), keys="positive", rate="one")


@claim(
    "recurrent",
    where="section 3.4, equations 16 to 20",
    statement="Causal linear attention with features elu(x) + 1 is a recurrent network with a matrix and a "
    "vector as its state: largest difference to the quadratic form, token by token and in chunks.",
    claimed=0.0,
    tolerance=1e-10,
    unit="per entry",
)
def recurrent(seed: int, *, tokens: int = 130, width: int = 16) -> Measured:
    """Return the largest difference between the two recurrent paths and the quadratic form."""
    given = drawn(seed, tokens, width, width)
    q, k = elu(given.q) + 1, elu(given.k) + 1
    weights = (q[0, :, 0] @ k[0, :, 0].T).tril()
    quadratic = weights / weights.sum(-1, keepdim=True) @ given.v[0, :, 0]
    rows: list[dict[str, Any]] = [
        {
            "path": path,
            "difference": apart(outputs(NORMALISED, q, k, given.v, path=path)[0][0, :, 0], quadratic),
        }
        for path in ("scan", "chunk")
    ]
    law = f"{tokens} tokens, normal, float64"
    return Measured(max(row["difference"] for row in rows), None, width, 0, law, seed, rows)


@claim(
    "state",
    where="section 3.4, constant memory per step",
    statement="The state does not grow with the tokens read: its bytes after 4,096 tokens over those "
    "after 64.",
    claimed=1.0,
    unit="ratio",
)
def state(seed: int, *, short: int = 64, long: int = 4096, width: int = 16) -> Measured:
    """Return the ratio of the sizes of the state after many and after few tokens."""
    sizes = []
    for tokens in (short, long):
        given = drawn(seed, tokens, width, width)
        held = outputs(NORMALISED, given.q.abs(), given.k.abs(), given.v, size=64)[1]
        sizes.append(sum(x.untyped_storage().nbytes() for x in held.values()))
    rows = [{"tokens": t, "bytes": size} for t, size in zip((short, long), sizes, strict=True)]
    return Measured(sizes[1] / sizes[0], None, width, 0, "normal, float64", seed, rows)


@recall_claim(
    "linear attention without normaliser, no worse than the delta rule where pairs are far fewer than the "
    "width",
    0.9,
    where="recall with several queries, our bar",
)
def recall(seed: int, **settings: Any) -> Measured:
    """Return the accuracy of two trained layers on recall with several queries; see `recall_training`."""
    return best_of("linear", seed, **settings)
