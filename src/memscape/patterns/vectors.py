"""Texts as patterns: character n-grams hashed into vectors, so that a line is found from a piece of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import as_tensor, require_count, require_memory
from memscape.core.errors import DtypeError, InputError
from memscape.core.random import derived


@dataclass(frozen=True)
class NGrams:
    """Unit-length vectors of texts: their character n-grams, hashed with signs into `units` coordinates.

    $x_i = \\sum_g c_g\\,\\sigma(g)\\,[h(g) = i] / |x|$, $c_g$ how often the n-gram g occurs, h and the sign
    sigma from MurmurHash3, so that every machine and session computes the same vectors. A piece of a line has
    its n-grams among the line's, and so a cosine with it of about the root of its share.

    Args:
        size: the shortest and the longest n-gram, in characters.
        units: n, the length of the vectors; n-grams that share a coordinate blur.

    Source: Weinberger et al. 2009 (feature hashing); computed by scikit-learn's `HashingVectorizer`.

    >>> code = NGrams(size=(2, 4), units=2048)
    >>> lines = code.encode(["so much depends upon", "a red wheel barrow", "glazed with rain water"])
    >>> int((code.encode(["red wheel"]) @ lines.T).argmax())
    1
    """

    size: tuple[int, int] = (2, 4)
    units: int = 2048

    def __post_init__(self) -> None:
        shortest, longest = (require_count(length, "size") for length in self.size)
        if longest < shortest:
            raise InputError(f"size is {self.size}; it is (shortest, longest) n-gram")
        require_count(self.units, "units")

    def encode(self, texts: Sequence[str]) -> Float[Tensor, "p n"]:
        """Return one vector of length 1 for each text; upper and lower case are the same.

        Raises:
            DtypeError: for one string in place of a sequence, or for anything but strings in it.
            InputError: for no texts, or a text without an n-gram (shorter than the shortest).
            SizeError: if the vectors would not fit into memory.

        Cost: O(characters) + O(pn) time, 4pn bytes.
        """
        from sklearn.feature_extraction.text import HashingVectorizer

        texts = _checked(texts)
        require_memory(
            8 * len(texts) * self.units, f"{len(texts)} vectors of {self.units}", "use fewer units"
        )
        hashing = HashingVectorizer(analyzer="char", ngram_range=tuple(self.size), n_features=self.units)
        vectors = torch.from_numpy(hashing.transform(texts).toarray()).to(torch.float32)
        empty = (vectors == 0).all(dim=1).nonzero().flatten().tolist()
        if empty:
            raise InputError(
                f"text {empty[0]}, {texts[empty[0]]!r}, has no n-gram of {self.size[0]} to {self.size[1]} "
                f"characters ({len(empty)} such texts); leave it out, or use shorter n-grams"
            )
        return vectors


@dataclass(frozen=True)
class SignProjection:
    """+-1 patterns of real vectors: the signs of `units` random projections.

    $\\xi_i = \\mathrm{sign}(r_i \\cdot x)$ with normal $r_i$; two patterns overlap by $1 - 2\\theta/\\pi$ on
    average, theta being the angle between their vectors.

    Args:
        units: n, the number of projections.
        seed: of the projections; the same seed and width give the same code everywhere.

    Source: Goemans and Williamson 1995; Charikar 2002 (hyperplane hashing).

    >>> SignProjection(units=6, seed=0).encode([[1.0, 2.0], [-1.0, -2.0]]).sum(0).tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """

    units: int = 1024
    seed: int = 0

    def __post_init__(self) -> None:
        require_count(self.units, "units")
        require_count(self.seed, "seed", low=0)

    def encode(self, vectors: object) -> Float[Tensor, "... n"]:
        """Return the +-1 patterns (..., units) of real vectors (..., d).

        Raises:
            InputError: for NaN, a number in place of a vector, or a vector of zeros, which has no direction.
            SizeError: if the projections would not fit into memory.

        Cost: O(pdn) time, 12dn bytes.
        """
        x = as_tensor(vectors, "vectors")
        if x.ndim == 0 or bool((x == 0).all(-1).any()):
            raise InputError(f"vectors of shape {tuple(x.shape)} holds one of zeros, which has no direction")
        x = x.to(torch.float64)  # a sum so near 0 that its sign hangs on the order of the terms is then rare
        width = x.shape[-1]
        require_memory(12 * width * self.units, f"{self.units} projections of {width} numbers", "use fewer")
        directions = torch.randn(width, self.units, generator=derived(self.seed, width))
        return torch.where(x @ directions.to(x) < 0, -1.0, 1.0)


@dataclass(frozen=True)
class BipolarNGrams:
    """+-1 patterns of texts: the `SignProjection` of their `NGrams`.

    Args:
        units: n, the number of units of a pattern.
        ngrams: the vectors whose signs are taken.
        seed: of the projections.

    >>> code = BipolarNGrams(units=1024)
    >>> lines = code.encode(["so much depends upon", "a red wheel barrow", "glazed with rain water"])
    >>> lines.unique().tolist(), int((code.encode(["red wheel"]) @ lines.T).argmax())
    ([-1.0, 1.0], 1)
    """

    units: int = 1024
    ngrams: NGrams = field(default_factory=NGrams)
    seed: int = 0

    def __post_init__(self) -> None:
        SignProjection(self.units, self.seed)

    def encode(self, texts: Sequence[str]) -> Float[Tensor, "p n"]:
        """Return one +-1 pattern for each text; see `NGrams.encode` for the errors.

        Cost: O(p d n) time for vectors of d coordinates.
        """
        return SignProjection(self.units, self.seed).encode(self.ngrams.encode(texts))


def _checked(texts: Sequence[str]) -> list[str]:
    if isinstance(texts, str):
        raise DtypeError("texts is one string; give a sequence, such as [text] or text.splitlines()")
    texts = list(texts)
    if not texts:
        raise InputError("texts is empty; at least one text is needed")
    wrong = next((i for i, text in enumerate(texts) if not isinstance(text, str)), None)
    if wrong is not None:
        raise DtypeError(f"text {wrong} is {type(texts[wrong]).__name__}; every text is a str")
    return texts
