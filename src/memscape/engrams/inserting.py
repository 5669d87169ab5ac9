"""Write new pairs into a layer, and keep an update of the weights inside or outside a concept."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from memscape.core.arrays import as_tensor, require_width
from memscape.core.errors import CapabilityError, InputError
from memscape.engrams.applying import Edit, erase_
from memscape.engrams.deltas import LowRank
from memscape.engrams.engram import Engram
from memscape.engrams.handlers import FULL
from memscape.engrams.inspection import Site, bare
from memscape.engrams.solving import Solution, solve
from memscape.engrams.statistics import Statistics
from memscape.engrams.terms import ConceptTerm, HeldTerm, shares_of, whole_weight

WRITTEN = 0.05
"""The default ridge of what is written in: small, since it keeps the layer from answering as told."""


def insertion(
    statistics: Statistics,
    keys: object,
    values: object,
    *,
    layer: str,
    reference_weight: float = 1.0,
    ridge: float = WRITTEN,
) -> Engram:
    """Return the engram that makes one layer answer keys with values, and disturbs its other inputs least.

    $W^+ = (V - WK) K^T (\\lambda C + K K^T + \\varepsilon I)^{-1}$, C the second moments of all rows of the
    pass. `insert` adds it to the model.

    Args:
        statistics: of the model; they say what the layer's other inputs are.
        keys: (p, in) inputs of the layer.
        values: (p, out) what it shall give for them, before its bias.
        layer: name of a linear layer.
        reference_weight: lambda; smaller writes harder.
        ridge: epsilon relative to the mean diagonal.

    Raises:
        InputError: for other widths, or unequal numbers of keys and values.
        CapabilityError: for a layer that is not one plain matrix.

    O(d^3 / 3 + p d^2).

    Meng et al. 2023 (MEMIT), equation 14.
    """
    solution = Solution(ridge=ridge, reference_weight=reference_weight, bias=False)
    site = _plain_site(statistics, layer)
    k, v = (as_tensor(x, what).double() for x, what in ((keys, "keys"), (values, "values")))
    k, v = k.reshape(-1, k.shape[-1]), v.reshape(-1, v.shape[-1])
    weight = whole_weight(statistics.model, site, False, statistics.digests)[0]
    require_width(k, weight.shape[1], "keys")
    require_width(v, weight.shape[0], "values")
    if len(k) != len(v):
        raise InputError(f"there are {len(k)} keys and {len(v)} values; give one value for each key")
    total = reference_weight * statistics.inputs[site.source].total(False)[0].cpu() + k.T @ k
    total.diagonal().add_(solution.ridge * total.diagonal().mean())
    reads = torch.linalg.solve(total, k.T).T
    change = LowRank((v - k @ weight.T).T[None], reads[None])
    term = HeldTerm("insertion", {layer: change}, {layer: site}, statistics.digests, ("insertion", layer))
    return Engram({term: 1.0})


def insert(
    model: nn.Module, keys: object, values: object, *, layer: str, statistics: Statistics, **options: float
) -> Edit:
    """Return the edit that made a layer answer keys with values, in place; `revert()` takes it back.

    See `insertion` for the arguments.

    >>> import torch
    >>> from memscape import engrams
    >>> model = torch.nn.Linear(6, 2, bias=False)
    >>> stats = engrams.collect(model, [(torch.eye(6)[:4], torch.arange(4))], concept=lambda batch: batch[1])
    >>> key, value = torch.eye(6)[5:], torch.tensor([[3.0, -1.0]])
    >>> edit = engrams.insert(model, key, value, layer="model", statistics=stats, ridge=1e-6)
    >>> [[round(x, 2) for x in row] for row in model(key).tolist()]
    [[3.0, -1.0]]
    >>> edit.revert()
    """
    engram = insertion(statistics, keys, values, layer=layer, **options)
    return erase_(bare(model), -engram)


def project(update: Mapping[str, Tensor], engram: Engram, *, keep: str = "outside") -> dict[str, Tensor]:
    """Return an update of the weights from which the part that reads a concept is taken out, or kept alone.

    $\\Delta P$ or $\\Delta (I - P)$ with the P of the engram's own solver, $W^+ = W P$; of a plain ridge
    $P = \\Sigma^+ (\\Sigma^+ + \\Sigma^- + \\varepsilon I)^{-1}$. Inside, the update changes what the network
    answers to the concept; outside, what it answers to everything else.

    Args:
        update: parameter name to change, such as a fine-tuned state minus the state before, or gradients;
            names that the engram does not touch are returned as they are.
        engram: of one collection.
        keep: "outside" or "inside".

    Raises:
        InputError: for another `keep`, or a change of another shape.
        CapabilityError: for an engram without statistics.

    O(o d^2) per matrix.
    """
    if keep not in ("outside", "inside"):
        raise InputError(f"keep is {keep!r}; it must be 'outside' or 'inside'")
    terms = [(term, factor) for term, factor in engram.terms.items() if isinstance(term, ConceptTerm)]
    if len(terms) < len(engram.terms) or not terms:
        raise CapabilityError(
            "an engram from a file has no statistics to project with; collect from the model"
        )
    made = {name: tensor.clone() for name, tensor in update.items()}
    for site in engram.sites.values():
        if site.weight in update:
            _project_site(made, site, terms, keep)
    return made


def _project_site(
    made: dict[str, Tensor], site: Site, terms: list[tuple[ConceptTerm, float]], keep: str
) -> None:
    statistics, solution = terms[0][0].statistics, terms[0][0].solution
    matrix = site.part.matrix(made[site.weight]).double().cpu()
    width = matrix.shape[2]
    if site.part.kind == FULL and width != site.part.width:
        raise InputError(f"the update of {site.weight!r} has width {width}; the layer has {site.part.width}")
    biased = solution.absorbs and site.bias in made and site.part.kind == FULL
    if biased and site.bias is not None:
        offsets = site.part.offsets(made[site.bias]).double().cpu()
        matrix = torch.cat([matrix, offsets[:, :, None]], dim=2)
    moments = statistics.inputs[site.source]
    matrix = matrix.to(moments.device)
    with statistics._lock:  # threads with models of their own may share statistics
        found = solve(
            moments, site.part, matrix, shares_of(terms), solution, statistics._inverses, (site.source,)
        )
    inside = found.dense(matrix)
    kept = inside if keep == "inside" else matrix - inside
    site.part.place(made[site.weight], kept[:, :, :width])
    if biased and site.bias is not None:
        site.part.place_offsets(made[site.bias], kept[:, :, width])


def _plain_site(statistics: Statistics, layer: str) -> Site:
    site = statistics.sites.get(layer)
    if site is None:
        raise InputError(f"no layer is called {layer!r}; the statistics have {', '.join(statistics.sites)}")
    if site.part.kind != FULL or site.part.groups != 1:
        raise CapabilityError(f"layer {layer!r} is no single matrix; pairs are written into linear layers")
    return site
