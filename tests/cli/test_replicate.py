"""`memscape replicate`: what is listed, written, missed and refused."""

import dataclasses
import json


def test_a_claim_is_measured_and_written(run, tmp_path):
    result = run("replicate", "ags1985-critical-load", "--out", tmp_path, "--json")
    assert result.exit_code == 0
    (outcome,) = json.loads(result.stdout)["outcomes"]
    assert outcome["met"] is True
    assert json.loads((tmp_path / "ags1985-critical-load.json").read_text()) == outcome


def test_a_miss_is_marked_and_is_no_failure(run, tmp_path, monkeypatch):
    from memscape.replications import claim

    module = claim.claims("ags1985-critical-load")[0]
    strict = dataclasses.replace(module.claim, claimed=1.0)
    monkeypatch.setitem(claim._REGISTRY, strict.id, claim.Replication(strict, module.measure))
    result = run("replicate", "ags1985-critical-load", "--out", tmp_path)
    assert result.exit_code == 0
    assert "MISSED" in result.stdout
    assert json.loads((tmp_path / "ags1985-critical-load.json").read_text())["met"] is False


def test_the_list_runs_nothing(run, tmp_path):
    result = run("replicate", "hopfield1982", "--list", "--out", tmp_path, "--json")
    assert {entry["paper"] for entry in json.loads(result.stdout)} == {"hopfield1982"}
    assert list(tmp_path.iterdir()) == []
    assert "hopfield1982-capacity" in run("replicate", "--list", "--tier", "seconds").stdout


def test_mistakes_are_one_line(run, tmp_path):
    unknown = run("replicate", "hopfield1892", "--out", tmp_path)
    assert unknown.exit_code == 2
    assert "hopfield1982" in unknown.stderr
    assert run("replicate").exit_code == 2
    assert run("replicate", "--tier", "days").exit_code == 2
