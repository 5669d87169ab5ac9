"""A claim is measured, written, shown and published in the same way whether it is met or missed."""

import json
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape.core.errors import FileFormatError, InputError
from memscape.replications import claim as claim_module
from memscape.replications.claim import TIERS, Claim, Measured, Replication, claims, papers
from memscape.replications.pages import CLAIMS, claims_body, filled, result_body
from memscape.replications.runner import Outcome, aligned, read, read_all, run, write
from memscape.replications.systems import fresh

ROOT = Path(__file__).parents[2]
CLAIM = Claim("x2020-half", "x2020", "eq. 1", "It is a half.", 0.5, 0.01, "share", "seconds")


def measured(value, rows=(), interval=None):
    return Measured(value, interval, 10, 2, "independent", 0, rows, "a note")


def replication(value, mark=""):
    return Replication(CLAIM, lambda seed: measured(value, [{"n": 10, "share": value}]), mark)


@given(st.floats(-10, 10), st.floats(0, 2), st.floats(-10, 10))
def test_a_claim_is_met_within_its_tolerance_on_the_side_that_it_names(claimed, tolerance, value):
    def met(relation):
        claim = Claim("x2020-a", "x2020", "w", "s", claimed, tolerance, "u", "seconds", relation)
        return claim.met(value)

    assert met("equal") == (met("at least") and met("at most")) or math.isclose(
        abs(value - claimed), tolerance
    )
    assert met("at least") or met("at most")
    assert not Claim("x2020-a", "x2020", "w", "s", claimed, tolerance, "u", "seconds").met(math.nan)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tier": "days"}, "tier"),
        ({"relation": "about"}, "relation"),
        ({"id": "y2020-half"}, "slug"),
        ({"statement": " "}, "statement"),
        ({"tolerance": -1.0}, "tolerance"),
    ],
)
def test_a_malformed_claim_is_refused(change, message):
    values = {name: getattr(CLAIM, name) for name in CLAIM.__dataclass_fields__}
    with pytest.raises(InputError, match=message):
        Claim(**{**values, **change})


def test_a_claim_is_measured_on_one_thread_whatever_the_machine_has():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        one = Replication(CLAIM, lambda seed: measured(torch.get_num_threads()))
        assert run([one], out=None, progress=False).found[0].measured.value == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_miss_is_written_and_shown(tmp_path):
    found = run([replication(0.9)], out=tmp_path, progress=False)
    assert found.missed == ("x2020-half",)
    assert "MISSED" in repr(found)
    assert "MISSED" in repr(found.found[0])
    data = json.loads((tmp_path / "x2020-half.json").read_text())
    assert (data["met"], data["measured"]["value"], data["claim"]["claimed"]) == (False, 0.9, 0.5)
    assert {"seconds", "version", "cores"} <= set(data)
    assert {"interval", "n", "p", "seed", "patterns", "rows"} <= set(data["measured"])
    assert "**missed**" in claims_body(read_all(tmp_path))


@pytest.mark.parametrize("value", [0.5, 0.9, math.nan])
def test_a_result_read_back_is_the_one_written(tmp_path, value):
    outcome = Outcome(CLAIM, measured(value, ({"n": 1},), (0.4, 0.6)), "", 1.5, "0.1", 2)
    again = read(write(outcome, tmp_path))
    assert (again.claim, again.met, again.measured.interval) == (CLAIM, outcome.met, (0.4, 0.6))
    assert again.measured.value == value or math.isnan(value)
    assert again.table() == outcome.table()


def test_a_file_that_is_no_result_is_refused(tmp_path):
    (tmp_path / "x.json").write_text('{"value": 1}')
    with pytest.raises(FileFormatError, match="memscape replicate"):
        read_all(tmp_path)


def test_a_run_ends_at_ctrl_c_with_what_is_finished():
    def stop(done, total, text):
        raise_signal()

    import signal

    def raise_signal():
        signal.raise_signal(signal.SIGINT)

    found = run([replication(0.5)] * 3, out=None, progress=stop)
    assert (len(found.found), found.complete) == (1, False)
    assert "ended early" in repr(found)


def test_unknown_names_are_refused_with_what_is_close():
    with pytest.raises(InputError, match="hopfield1982"):
        claims("hopfield1983")
    with pytest.raises(InputError, match="days"):
        claims(tier="days")


def test_a_tier_holds_all_that_is_quicker():
    counts = [len(claims(tier=tier)) for tier in TIERS[:3]]
    assert counts == sorted(counts)
    assert counts[-1] + len(claims(tier="gpu")) == len(claims())
    assert all(one.claim.tier == "seconds" for one in claims(tier="seconds"))


def test_every_paper_has_claims_and_every_claim_its_own_name():
    assert {one.claim.paper for one in claims()} == set(papers()) >= {"hopfield1982", "pusuluri2016"}
    assert [one.claim.id for one in claims("ags1985")] == [
        one.claim.id for one in claims() if one.claim.paper == "ags1985"
    ]
    taken = claims("ags1985-critical-load")[0]

    def other(seed):
        return measured(1.0)

    other.__module__ = taken.measure.__module__
    enter = claim_module.claim("critical-load", where="w", statement="s", claimed=1.0)
    with pytest.raises(InputError, match="own"):
        enter(other)


def test_every_result_belongs_to_a_claim_as_it_stands():
    """A changed claim needs a new measurement; a claim that is no more takes its file with it."""
    known = {one.claim.id: one.claim for one in claims()}
    stale = [id for id, outcome in read_all(ROOT / "results").items() if known.get(id) != outcome.claim]
    assert stale == [], "run `memscape replicate` for them, or remove their files"


def test_every_claim_of_seconds_or_minutes_has_a_result():
    missing = {one.claim.id for one in claims(tier="minutes")} - set(read_all(ROOT / "results"))
    assert missing == set(), "run `memscape replicate` for them"


def test_the_pages_show_the_results_as_they_are():
    for path, text in fresh(ROOT).items():
        stale = f"{path.name} is stale; run python -m memscape.replications.systems --write"
        assert path.read_text(encoding="utf-8") == text, stale
    text = (ROOT / CLAIMS).read_text(encoding="utf-8")
    assert all(one.claim.statement in text for one in read_all(ROOT / "results").values())


def test_a_block_of_a_page_is_filled_and_one_without_a_result_is_an_error():
    outcome = Outcome(CLAIM, measured(0.5, ({"n": 10, "share": 0.5},)))
    page = "before\n<!-- result: x2020-half -->\nold\n<!-- result: end -->\nafter\n"
    text = filled(page, {"x2020-half": outcome})
    assert result_body(outcome) in text
    assert "old" not in text
    assert filled(text, {"x2020-half": outcome}) == text
    with pytest.raises(InputError, match="x2020-half"):
        filled(page, {})


def test_an_application_is_shown_only_where_its_claim_is_met():
    assert result_body(Outcome(CLAIM, measured(0.5), "shown")).startswith("**Shown.**")
    assert result_body(Outcome(CLAIM, measured(0.9), "shown")).startswith("**Tried, missed.**")


def test_tables_line_up():
    assert aligned([]) == ""
    assert aligned([{"a": 1, "b": 0.123456}]).splitlines() == ["a  b", "1  0.1235"]
