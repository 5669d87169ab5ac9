"""Checking one's own vectors: what is said of them is what a direct count says."""

import math
import os
import signal
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import memscape as ms
from memscape.core.errors import DtypeError, InputError, MemscapeWarning
from memscape.landscape.abstention import best_threshold
from memscape.landscape.confusion import chance_of, cosine_for, cue_noise
from memscape.landscape.cue_cells import asked_again
from memscape.landscape.forecasting import none_at, none_of, rates, recall_forecast
from memscape.landscape.nearness import best_two, nearer, sharpness_of
from memscape.landscape.tolerance import tolerance

check = ms.landscape.check


def unit(x):
    return x / x.norm(dim=-1, keepdim=True)


def drawn(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def world(p, n, cues, *, noise=0.8, strangers=0.2, topics=10, seed=0):
    """Vectors gather in topics; cues are noisy ones; some are about topics that were never stored."""
    g = torch.Generator().manual_seed(seed)
    centres = unit(torch.randn(2 * topics, n, generator=g))
    topic = torch.randint(topics, (p,), generator=g)
    x = unit(centres[topic] + unit(torch.randn(p, n, generator=g)))
    own = torch.randint(p, (cues,), generator=g)
    q = x[own] + noise * unit(torch.randn(cues, n, generator=g))
    s = int(strangers * cues)
    other = torch.randint(topics, (s,), generator=g) + topics
    far = unit(centres[other] + unit(torch.randn(s, n, generator=g)))
    q[:s] = far + noise * unit(torch.randn(s, n, generator=g))
    own[:s] = -1
    return x, unit(q), own


@pytest.fixture(scope="module")
def some():
    x, q, own = world(600, 32, 400)
    return x, q, own, check(x, q, own, generator=0)


def test_recall_is_that_of_a_search_for_the_nearest(some):
    x, q, own, report = some
    known = own >= 0
    hits = (q @ x.T).argmax(1)[known] == own[known]
    assert report.settings["held_out"] == 160
    low, high = report.recall_interval.tolist()
    assert low <= report.recall <= high
    # the held-out half and all of the cues: two samples of the same
    assert report.recall == pytest.approx(float(hits.double().mean()), abs=0.1)
    today = report.forecast.at(600)
    assert today == pytest.approx(float(hits.double().mean()), abs=1e-9)


def test_mistakes_are_the_wrong_winners(some):
    x, q, own, report = some
    winner = (q @ x.T).argmax(1)
    wrong = [(int(a), int(b)) for a, b in zip(own, winner, strict=True) if a >= 0 and a != b]
    assert sum(count for _, _, count in report.mistakes) == len(wrong)
    assert {(a, b) for a, b, _ in report.mistakes} == set(wrong)


def test_basins_under_the_cues_are_the_winners(some):
    x, q, _, report = some
    winner = torch.bincount((q @ x.T).argmax(1), minlength=600)
    torch.testing.assert_close(report.basin.fraction * 400, winner.double())
    assert bool((report.basin.interval[:, 0] <= report.basin.fraction).all())
    assert report.basin.unseen == pytest.approx(float((winner == 1).sum()) / 400)


def test_pairs_are_those_above_the_threshold(some):
    x, _, _, report = some
    cosine = x @ x.T
    wanted = {(i, j) for i, j in (cosine > report.confusable.threshold).nonzero().tolist() if i < j}
    assert {tuple(pair) for pair in report.confusable.pairs.tolist()} == wanted
    assert wanted
    rows = [row for cluster in report.confusable.clusters for row in cluster]
    assert sorted(rows) == sorted({row for pair in wanted for row in pair})


def test_beta_puts_half_of_the_median_cue_on_its_best_vector(some):
    x, q, _, report = some
    share = torch.softmax(report.beta * (q[:128] @ x.T).double(), 1).amax(1)
    assert float(share.quantile(0.5)) == pytest.approx(0.5, abs=1e-3)
    assert report.attention[1] == pytest.approx(0.5, abs=1e-3)
    assert check(x, q, beta=7.0, generator=0).beta == 7.0


def test_the_same_seed_gives_the_same_report(some):
    x, q, own, report = some
    assert check(x, q, own, generator=0).to_dict() == report.to_dict()


def test_lengths_play_no_part_but_are_spoken_of(some):
    x, q, own, report = some
    scaled = x * torch.linspace(0.5, 2, 600)[:, None]
    with pytest.warns(MemscapeWarning, match=r"not normalised.*0\.5 and 2"):
        other = check(scaled, 3 * q, own, generator=0)
    assert other.recall == report.recall
    assert other.threshold == pytest.approx(report.threshold, abs=1e-5)


def test_without_labels_nobody_speaks_of_recall(some):
    x, q, _, _ = some
    report = check(x, q, generator=0)
    assert math.isnan(report.recall)
    assert math.isnan(report.abstention_error.wrong)
    assert report.forecast.kind == "winner stability"
    assert "recall" not in report.forecast.table()
    assert report.to_dict()["recall"] is None


def test_without_labels_strangers_are_cues_without_their_best_vector(some):
    """Of duplicates of the best vector, none is left."""
    x, q, _, _ = some
    twice = torch.cat([x, x[:300]])
    report = check(twice, q, generator=0)
    top = (q @ x.T).topk(2).values
    strangers = report.abstention_error.stranger_scores
    assert len(strangers) == 200
    assert all(float((top[:, 1] - s).abs().min()) < 1e-5 for s in strangers)
    known = report.abstention_error.known_scores
    assert all(float((top[:, 0] - s).abs().min()) < 1e-5 for s in known)


def test_duplicates_are_one_vector():
    x, q, own = world(300, 32, 200, seed=3)
    near = unit(x[:20] + 0.01 * unit(drawn(20, 32, seed=4)))
    copies = torch.cat([x, x[:50], near])
    report = check(copies, q, own, generator=0)
    assert report.settings["distinct"] == 300
    sets = report.confusable.duplicates
    assert [0, 300, 350] in sets
    assert [49, 349] in sets
    assert len(sets) == 50
    # a label that names the copy is as right as one that names the first
    moved = torch.where((own >= 0) & (own < 50), own + 300, own)
    assert check(copies, q, moved, generator=0).recall == report.recall
    assert check(x, q, own, generator=0).forecast.at(300) == pytest.approx(report.forecast.at(300))


def test_the_chance_of_a_confusable_pair_is_how_often_its_cues_go_astray():
    """Two vectors among many, asked with isotropic noise: sigma / m is recovered, and the chance follows."""
    n, noise = 64, 1.0
    x = unit(drawn(200, n, seed=0))
    own = torch.arange(200).repeat(5)
    q = unit(x[own] + noise * drawn(1000, n, seed=1) / n**0.5)
    found = cue_noise(x, q, own, 0.999)
    assert found == pytest.approx(noise / n**0.5, rel=0.05)
    c = cosine_for(0.05, found)
    a = x[0]
    b = unit(c * a + (1 - c**2) ** 0.5 * unit(x[1] - (x[1] @ a) * a))
    cues = unit(a + noise * drawn(20_000, n, seed=2) / n**0.5)
    astray = float((cues @ b > cues @ a).double().mean())
    assert astray == pytest.approx(0.05, abs=0.01)
    assert chance_of(c, found) == pytest.approx(0.05)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**31))
def test_no_threshold_errs_less(known, strangers, seed):
    a, b = drawn(known, seed=seed) + 1, drawn(strangers, seed=seed + 1)

    def error(t):
        return float((a < t).double().mean() + (b >= t).double().mean())

    best = error(best_threshold(a, b))
    grid = torch.cat([a, b, a + 1e-5, b + 1e-5])
    assert best <= min(error(float(t)) for t in grid) + 1e-9


def test_both_errors_of_abstention_lie_in_their_intervals_on_fresh_cues():
    """Thresholds from 200 cues; 4,000 fresh ones say what the rates are. 24 intervals of 95 %."""
    inside = 0
    for seed in range(12):
        x, q, own = world(150, 24, 4200, strangers=0.5, topics=4, seed=seed)
        # the first half are strangers: take some of each
        rows = torch.cat([torch.arange(100), torch.arange(2100, 2200)])
        report = check(x, q[rows], own[rows], generator=seed)
        fresh = torch.ones(4200, dtype=torch.bool)
        fresh[rows] = False
        best = (q @ x.T).amax(1)
        silent = float((best[fresh & (own >= 0)] < report.threshold).double().mean())
        answered = float((best[fresh & (own < 0)] >= report.threshold).double().mean())
        e = report.abstention_error
        inside += int(e.silent_interval[0] <= silent <= e.silent_interval[1])
        inside += int(e.answered_interval[0] <= answered <= e.answered_interval[1])
    assert inside >= 20  # fewer have a chance below .3 % at 95 % coverage


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.data())
def test_subsets_are_counted_not_simulated(total, data):
    load = data.draw(st.integers(0, total))
    counts = torch.tensor(data.draw(st.lists(st.integers(0, total), min_size=1, max_size=5)))
    wanted = [stats.hypergeom.pmf(0, total, int(k), load) for k in counts]
    torch.testing.assert_close(none_of(counts, total, load), torch.tensor(wanted), check_dtype=False)


@pytest.mark.parametrize("mean", [0.02, 0.2, 1.0])
def test_rates_are_recovered_from_counts(mean):
    g = torch.Generator().manual_seed(0)
    rate = -mean * torch.rand(20_000, generator=g).log()  # exponential: the answer is 1 / (1 + g mean)
    counts = torch.poisson(rate, generator=g).long()
    share = rates(counts)
    for growth in (1.0, 2.0):
        assert float(none_at(share, growth)[0]) == pytest.approx(1 / (1 + growth * mean), abs=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_recall_at_twice_the_load_is_forecast_within_three_points(seed):
    """The second half of the vectors was never seen by the forecast."""
    x, q, own = world(2000, 24, 4000, strangers=0.0, noise=1.0, seed=seed)
    first = own < 1000
    report = check(x[:1000], q[first], own[first], generator=seed)
    later = float(((q @ x.T).argmax(1) == own)[first].double().mean())
    assert report.forecast.at(1000) - later > 0.03  # there is something to foresee
    assert report.forecast.at(2000) == pytest.approx(later, abs=0.03)
    assert report.forecast.error < 0.05


def test_smaller_loads_are_those_of_random_subsets(some):
    x, q, own, report = some
    known = own >= 0
    cues, right = q[known], own[known]
    hits = []
    for seed in range(30):
        kept = torch.randperm(600, generator=torch.Generator().manual_seed(seed))[:150]
        scores = cues @ x.T
        mask = torch.full((600,), -math.inf)
        mask[kept] = 0
        scores = scores + mask
        scores[torch.arange(len(cues)), right] = (cues * x[right]).sum(1)
        hits.append(float((scores.argmax(1) == right).double().mean()))
    assert report.forecast.at(150) == pytest.approx(sum(hits) / 30, abs=0.02)


def test_forecast_errors_are_zero_where_nothing_is_ever_confused():
    counts = torch.zeros(100, 16, dtype=torch.int64)
    forecast = recall_forecast(counts, 999, torch.arange(100) < 50, seed=0)
    assert forecast.share == pytest.approx([1.0] * 7, abs=0.01)
    assert forecast.open
    assert forecast.room == 3000


def test_few_cues_forecast_little():
    """Two cues that never fail say next to nothing, however often they are resampled."""
    forecast = recall_forecast(torch.zeros(2, 4, dtype=torch.int64), 99, torch.tensor([True, False]), seed=0)
    assert float(forecast.interval[:, 0].max()) < 0.5


def test_a_cue_that_is_asked_again_is_as_near_as_before():
    x = unit(drawn(50, 20, seed=0))
    q = unit(x + 0.3 * drawn(50, 20, seed=1))
    again = asked_again(q, x, seed=0)
    torch.testing.assert_close((again * x).sum(1), (q * x).sum(1))
    torch.testing.assert_close(again.norm(dim=1), torch.ones(50))
    assert float((again * q).sum(1).amax()) < 1 - 1e-4


def test_a_vector_wins_above_its_tolerance_and_loses_below():
    x = unit(drawn(300, 20, seed=0))
    rows = torch.arange(40)
    found = tolerance(x, rows, torch.Generator().manual_seed(7))
    noise = torch.randn(40, 20, generator=torch.Generator().manual_seed(7))
    own = x[rows]
    noise = unit(noise - (noise * own).sum(1, keepdim=True) * own)

    def wins(cosine):
        cosine = cosine.float()[:, None]
        q = cosine * own + (1 - cosine**2).sqrt() * noise
        return (q @ x.T).argmax(1) == rows

    assert bool(wins(found.cosine + 1e-3).all())
    assert not bool(wins(found.cosine - 1e-3).any())
    assert found.interval[0] <= found.median <= found.interval[1]
    assert found.share_at(1.0) == 1


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 50), st.integers(1, 20), st.integers(2, 8), st.integers(0, 2**31))
def test_parts_say_what_all_products_say(p, b, folds, seed):
    x, q = drawn(p, 5, seed=seed).double(), drawn(b, 5, seed=seed + 1).double()
    products = q @ x.T
    best, second, winner = best_two(q, x)
    torch.testing.assert_close(torch.stack([best, second], 1), products.topk(2).values)
    assert torch.equal(winner, products.argmax(1))
    above = products.median(1).values + 1e-9
    counts = nearer(q, x, above, folds, besides=winner)
    assert torch.equal(counts.sum(1), (products > above[:, None]).sum(1) - (best > above).long())


def test_a_given_beta_is_kept():
    x = torch.eye(4)
    beta, attention = sharpness_of(x, x, 2.0)
    assert beta == 2.0
    torch.testing.assert_close(attention, torch.full((3,), 1 / (1 + 3 * math.exp(-2.0))), check_dtype=False)


def test_without_cues_they_are_made_and_the_report_says_so():
    x, _, _ = world(100, 16, 10)
    with pytest.warns(MemscapeWarning, match="no cues were given"):
        report = check(x, generator=0)
    assert report.settings["cues"] == 100
    assert "made by noise" in report.table()


def test_few_cues_give_wide_intervals_and_a_word_about_them():
    x, q, own = world(100, 16, 200)
    with pytest.warns(MemscapeWarning, match="20 cues"):
        few = check(x, q[100:120], own[100:120], generator=0)
    many = check(x, q, own, generator=0)
    width = [float(r.recall_interval.diff()) for r in (few, many)]
    assert width[0] > 2 * width[1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: torch.cat([x, torch.zeros(2, 16)]), "2 vectors hold only zeros"),
        (lambda x: torch.cat([x, torch.full((3, 16), 0.25)]), "3 vectors are constant"),
        (lambda x: unit(x + 3), "common direction"),
    ],
)
def test_odd_vectors_are_spoken_of(change, words):
    x, q, _ = world(100, 16, 60)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        report = check(change(x), q, generator=0)
    assert any(words in str(w.message) for w in said)
    assert any(words in note for note in report.notes)


def test_cues_that_are_the_vectors_themselves_are_spoken_of():
    x, _, _ = world(100, 16, 60)
    with pytest.warns(MemscapeWarning, match="stored vectors themselves"):
        check(x, x, generator=0)


X, Q, OWN = world(50, 16, 40)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((X, Q[:, :8]), "16 units and cues 8"),
        ((X[0], Q), "table"),
        ((X[:3], Q), "at least 4"),
        ((X[:1].repeat(9, 1), Q), "1 distinct"),
        ((X, Q[:1]), "1 cue"),
        ((X, torch.cat([Q, torch.zeros(1, 16)])), "only zeros"),
        ((X.clone().fill_(math.nan), Q), "NaN"),
        ((X, Q, OWN[:-1]), "one for each"),
        ((X, Q, OWN + 0.5), "whole"),
        ((X, Q, torch.full((40,), 50)), "0 to 49"),
        ((X, Q, torch.full((40,), -1)), "fewer than 2 cues"),
        ((X, None, OWN), "without cues"),
    ],
)
def test_what_cannot_be_checked_is_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        check(*arguments, generator=0)


@pytest.mark.parametrize(
    "wrong",
    [{"beta": 0.0}, {"chance": 0.7}, {"duplicate": 1.5}, {"allowed": -1.0}, {"most": 0}, {"level": 2.0}],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        check(X, Q, generator=0, **wrong)


def test_text_is_refused():
    with pytest.raises(DtypeError, match="real numbers"):
        check([["a", "b"]], Q)


def test_ctrl_c_returns_what_is_finished():
    x, q, own = world(5000, 8, 50)
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    stopped = []

    def progress(done, total, text):
        if done == 2 and not stopped:
            stopped.append(total)
            os.kill(os.getpid(), signal.SIGINT)

    try:
        report = check(x, q, own, generator=0, progress=progress)
    finally:
        signal.signal(signal.SIGINT, before)
    assert stopped
    assert not report.complete
    assert report.recall > 0


def test_too_many_pairs_are_cut_and_it_is_said():
    x, q, own = world(300, 8, 100, noise=2.0)
    with pytest.warns(MemscapeWarning, match="the 10 most alike"):
        report = check(x, q, own, most=10, generator=0)
    assert len(report.confusable.pairs) <= 10
    assert report.confusable.found > 10


def test_the_object_explains_itself(some):
    text = repr(some[3])
    for words in ("What it confuses", "I don't know", "forecast", "no more than a search"):
        assert words in text
