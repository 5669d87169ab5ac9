"""Texts as patterns: unit length, the same on every machine, a line found from a piece of it."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape import patterns
from memscape.core.errors import DtypeError, InputError, SizeError
from memscape.patterns import BipolarNGrams, NGrams, SignProjection

LINES = [
    "Shall I compare thee to a summer's day?",
    "Thou art more lovely and more temperate:",
    "Rough winds do shake the darling buds of May,",
    "And summer's lease hath all too short a date;",
    "Sometime too hot the eye of heaven shines,",
    "And often is his gold complexion dimm'd;",
    "And every fair from fair sometime declines,",
    "By chance or nature's changing course untrimm'd;",
    "But thy eternal summer shall not fade,",
    "Nor lose possession of that fair thou ow'st;",
    "Nor shall death brag thou wander'st in his shade,",
    "When in eternal lines to time thou grow'st:",
    "So long as men can breathe or eyes can see,",
    "So long lives this, and this gives life to thee.",
]
TEXTS = st.lists(st.text(min_size=2, max_size=40), min_size=1, max_size=5)


@pytest.mark.parametrize("code", [NGrams(), BipolarNGrams(units=2048)])
def test_every_line_is_found_from_its_second_half_and_its_first(code):
    stored = code.encode(LINES)
    for half in (slice(20), slice(20, None)):
        found = (code.encode([line[half] for line in LINES]) @ stored.T).argmax(1)
        assert found.tolist() == list(range(len(LINES)))


@given(TEXTS, st.integers(64, 500))
def test_ngrams_are_unit_vectors(texts, units):
    try:
        x = NGrams(units=units).encode(texts)
    except InputError:
        return  # signed n-grams of a short text can cancel, spaces can merge: refused, not returned as zeros
    assert x.shape == (len(texts), units)
    assert x.dtype == torch.float32
    assert x.norm(dim=1).tolist() == pytest.approx([1.0] * len(texts), abs=1e-5)


@given(TEXTS)
def test_a_text_is_encoded_alike_alone_and_in_company(texts):
    code = NGrams(units=4096)
    try:
        together = code.encode(texts)
    except InputError:
        return
    assert torch.equal(together, torch.cat([code.encode([text]) for text in texts]))


def test_upper_and_lower_case_are_the_same():
    assert torch.equal(NGrams().encode(["Summer"]), NGrams().encode(["sUMMER"]))


def test_the_codes_are_the_same_in_every_session():
    """Python salts its own hash anew in every process; these codes are compared over processes."""
    program = (
        "from memscape.patterns import NGrams, BipolarNGrams\n"
        "x = NGrams(units=512).encode(['so much depends upon']); b = BipolarNGrams(64).encode(['so much'])\n"
        "print(x.nonzero()[:, 1].tolist(), b.int().tolist())"
    )
    environment = {"PYTHONHASHSEED": "1", "PATH": "", "OMP_NUM_THREADS": "1"}
    run = [sys.executable, "-c", program]
    said = subprocess.run(run, capture_output=True, text=True, check=True, env=environment).stdout
    x, b = NGrams(units=512).encode(["so much depends upon"]), BipolarNGrams(64).encode(["so much"])
    assert said.split("\n")[0] == f"{x.nonzero()[:, 1].tolist()} {b.int().tolist()}"


def test_overlap_of_signs_tells_the_angle():
    n = 40_000
    angles = torch.linspace(0.1, 3.0, 7, dtype=torch.float64)
    x = torch.stack([torch.cos(angles), torch.sin(angles)], dim=1)
    signs = SignProjection(units=n, seed=1).encode(torch.cat([torch.tensor([[1.0, 0.0]]).double(), x]))
    measured = patterns.correlation(signs)[0, 1:]
    assert float((measured - (1 - 2 * angles / torch.pi)).abs().max()) < 5 / n**0.5


@given(st.integers(1, 20), st.integers(1, 30), st.integers(0, 10), st.floats(0.01, 100))
def test_signs_forget_length_and_keep_direction(width, units, seed, scale):
    x = torch.randn(2, 3, width, generator=torch.Generator().manual_seed(seed))
    code = SignProjection(units=units, seed=seed)
    signs = code.encode(x)
    assert signs.shape == (2, 3, units)
    assert bool((signs.abs() == 1).all())
    assert torch.equal(signs, -code.encode(-x))
    assert torch.equal(signs, code.encode(x.double() * scale))


def test_another_seed_is_another_code():
    x = torch.randn(1, 10, generator=torch.Generator().manual_seed(0))
    a, b = SignProjection(1000, seed=0).encode(x), SignProjection(1000, seed=1).encode(x)
    assert abs(float((a * b).mean())) < 5 / 1000**0.5


@pytest.mark.parametrize("code", [NGrams(), BipolarNGrams()])
def test_what_is_no_text_is_refused(code):
    with pytest.raises(InputError, match="empty"):
        code.encode([])
    with pytest.raises(InputError, match="text 1, 'a'"):
        code.encode(["long enough", "a"])


def test_wrong_kinds_of_text_are_refused():
    from memscape.patterns.vectors import _checked

    with pytest.raises(DtypeError, match="one string"):
        NGrams().encode("a string is a sequence of strings")
    with pytest.raises(DtypeError, match="text 1 is bytes"):
        _checked.__wrapped__(["a", b"b"])


def test_vectors_without_direction_are_refused():
    for vectors in ([[0.0, 0.0], [1.0, 0.0]], 3.0, [[float("nan")]]):
        with pytest.raises(InputError):
            SignProjection().encode(vectors)


@pytest.mark.parametrize(
    "make",
    [
        lambda: NGrams(size=(3, 2)),
        lambda: NGrams(size=(0, 2)),
        lambda: NGrams(units=0),
        lambda: SignProjection(units=0),
        lambda: SignProjection(seed=-1),
        lambda: BipolarNGrams(units=-1),
    ],
)
def test_codes_that_mean_nothing_are_refused(make):
    with pytest.raises(InputError):
        make()


def test_what_would_not_fit_is_refused():
    with pytest.raises(SizeError):
        NGrams(units=2**31 - 1).encode(LINES * 1000)
    with pytest.raises(SizeError):
        SignProjection(units=10**12).encode([[1.0, 2.0]])
