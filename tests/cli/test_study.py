"""The demo's study: its numbers follow from the library, its sentences from its numbers."""

import json
import shutil
import subprocess
from dataclasses import replace

import pytest
import torch
from PIL import Image

import memscape as ms
from memscape.cli import findings
from memscape.cli.inputs import Pictures
from memscape.cli.measure import damaged, sampled, study
from memscape.cli.panels import report
from memscape.cli.study import LOWER_HALF, REFERENCE, Plan
from memscape.core.errors import InputError

PLAN = Plan(loads=(3, 12), damages=(0.0, 0.2, 0.4), cues=12, wells=4, trials=4, starts=20, seed=5)


def digits(count):
    """Digits at four grey levels: 256 units."""
    images, labels = ms.patterns.digits(count)
    code = ms.patterns.Thermometer(4)
    names = tuple(str(int(label)) for label in labels)
    source, command = f"ms.patterns.digits({count}).images", "memscape demo --seed 5"
    return Pictures(code.encode(images), names, code, (8, 8), "digits", source, command, labels, "Greys")


@pytest.fixture(scope="module")
def measured():
    said = []
    return study(digits(20), PLAN, said.append), said


@pytest.fixture(scope="module")
def found(measured):
    return measured[0]


@pytest.fixture(scope="module")
def page(found):
    return report(found)


def test_progress_names_each_part(measured):
    assert len(measured[1]) >= len(PLAN.loads) + 2


def test_every_memory_load_and_damage_is_measured_once(found):
    keys = [(cell.memory, cell.patterns, cell.damage) for cell in found.cells]
    assert len(set(keys)) == len(keys) == 4 * len(PLAN.loads) * (len(PLAN.damages) + 1)


def test_warnings_that_differ_in_numbers_stand_as_one(found):
    load = "{} patterns on 256 units is a load of {:.3g}; Hebb's rule holds up to 0.138"
    warned = (load.format(200, 0.781), "margins not met", load.format(36, 0.141), load.format(1797, 7.02))
    points = [point for panel in report(replace(found, warned=warned)).panels for point in panel.points]
    said = [point for point in points if "warned" in point]
    assert len(said) == 2
    assert "36 to 1797 patterns on 256 units is a load of 0.141 to 7.02;" in said[0]
    assert said[1] == "The library warned: margins not met."


def test_a_share_is_what_the_library_gives_directly(found):
    X = found.pictures.patterns[:12]
    rows = torch.arange(12)
    answer = ms.memories.Projection(X).recall(ms.patterns.flip(X, 0.4, generator=5), generator=5)
    cell = found.cell("Projection", 12, 0.4)
    assert cell.exact == int((answer.exact & (answer.match == rows)).sum())
    assert cell.flips == pytest.approx(float(answer.flips.double().mean()))


def test_intervals_hold_their_shares(found):
    assert all(cell.low <= cell.share <= cell.high for cell in found.cells)
    assert all(cell.exact <= cell.matched <= cell.cues for cell in found.cells)


def test_hebbs_rule_fails_on_digits_and_the_control_does_not(found):
    """Ten times below its capacity for independent patterns."""
    assert found.control[0].share == 1
    assert found.cell("Hebbian", 3, REFERENCE).share < found.cell("Projection", 3, REFERENCE).share


def test_the_overlaps_are_those_of_the_patterns(found):
    X = found.pictures.patterns
    overlaps = (X @ X.T / 256)[~torch.eye(20, dtype=torch.bool)]
    assert found.mean_overlap == pytest.approx(float(overlaps.mean()), rel=1e-5)
    assert found.rank == 20


def test_energy_never_rises_on_the_way(found):
    for fall in found.falls.values():
        energy = fall.trace.energy
        assert bool((energy.diff(dim=1) <= 1e-9 * energy.abs().max()).all())


def test_the_states_visited_are_one_more_than_the_flips(found):
    """A recall that only undoes the damage visits each damaged unit once."""
    assert found.visited[2] >= round(REFERENCE * 256) + 1


def test_every_cue_gets_one_verdict(found):
    for kinds in found.newcomers.counts.values():
        assert [sum(said.values()) for said in kinds.values()] == [
            12,
            min(12, 20 - found.newcomers.patterns),
            12,
        ]


def test_half_a_picture_is_its_lower_half():
    X = digits(2).patterns
    cue = damaged(X, LOWER_HALF, 0)
    assert torch.equal(cue[:, :128], X[:, :128])
    assert not cue[:, 128:].any()
    pixels = digits(2).decode(cue)
    assert pixels[:, 32:].isnan().all()
    assert not pixels[:, :32].isnan().any()


@pytest.mark.parametrize(("count", "cues"), [(3, 7), (50, 20), (20, 20)])
def test_cues_are_spread_evenly_over_the_patterns(count, cues):
    rows = sampled(count, cues)
    assert len(rows) == cues
    uses = torch.bincount(rows, minlength=count)
    assert int(uses.max()) - int(uses.min()) <= 1


def test_the_same_seed_gives_the_same_numbers(found):
    again = study(digits(20), PLAN, lambda text: None)
    one, two = (x.to_dict() | {"seconds": 0} for x in (found, again))
    assert one == two


def test_too_few_pictures_are_refused():
    with pytest.raises(InputError, match="at least 2"):
        Plan().within(1)


def test_the_numbers_are_json(found):
    assert json.loads(json.dumps(found.to_dict()))["cells"][0]["memory"] == "Hebbian"


def test_the_page_has_a_panel_per_question_and_starts_with_success(page):
    titles = [panel.title for panel in page.panels]
    assert titles[0] == "Success against damage and load"
    assert len(titles) == 7
    assert all(picture.alt for panel in page.panels for picture in panel.pictures)
    assert all(panel.command for panel in page.panels)


def test_the_page_is_one_file_that_loads_nothing(page, found):
    text = page.html()
    assert "http://" not in text
    assert "https://" not in text
    assert text.count("<img ") == text.count(' alt="') >= 7
    share = findings.with_interval(found.cell("Hebbian", 3, REFERENCE))
    numbers = ("of 2^256", f"{found.mean_overlap:.2f}", share)
    assert [number for number in numbers if number not in text] == []


def test_the_commands_in_the_page_run(page, found):
    """What each panel tells the reader to type gives a result; the radius is the one in the panel."""
    results = {}
    for panel in page.panels[1:]:
        *lines, last = panel.command.splitlines()
        names = {}
        exec("\n".join(lines), names)
        results[panel.title] = eval(last, names)
    assert float(results["How wide the wells are"]) == float(found.radii["Projection"].damage.median())
    assert results["Where random starts end"] == found.basins["Projection"].share


def altered(found, memory, **changes):
    """The study with other numbers for one memory at the reference damage."""
    cells = tuple(
        replace(cell, **changes) if (cell.memory, cell.damage) == (memory, REFERENCE) else cell
        for cell in found.cells
    )
    return replace(found, cells=cells)


def test_sentences_follow_the_numbers(found):
    none, all_of_them = {"exact": 0, "low": 0.0, "high": 0.1}, {"exact": 12, "low": 0.8, "high": 1.0}
    assert "Projection recalled none of them exactly" in " ".join(
        findings.reach(altered(found, "Projection", **none))
    )
    assert "Hebbian recalled at least 90 %" in " ".join(
        findings.reach(altered(found, "Hebbian", **all_of_them))
    )
    assert "no clear difference" in " ".join(findings.correlation(altered(found, "Hebbian", **all_of_them)))
    assert "in common" in " ".join(findings.correlation(altered(found, "Hebbian", **none)))
    assert "No better at any load: Projection" in " ".join(
        findings.repairs(altered(found, "Projection", **none))
    )


def test_capacity_is_mentioned_only_where_it_is_exceeded(found):
    assert findings.above_capacity(found) == []
    assert "above the capacity" in findings.above_capacity(replace(found, rank=4))[0]


def test_explore_writes_a_page_about_the_users_pictures(run, album, tmp_path):
    out = tmp_path / "new" / "page.html"
    result = run("explore", album, "--size", 8, "--threshold", 0.5, "--quick", "--out", out, "--json")
    assert result.exit_code == 0, result.stderr
    numbers = json.loads(result.stdout)
    assert numbers["report"] == str(out)
    assert numbers["units"] == 64
    assert numbers["plan"]["loads"][-1] == 8
    assert "recalling with 8 pictures stored" in result.stderr
    assert "--threshold 0.5" in out.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_quick_demo_shows_what_breaks_hebbs_rule(run, tmp_path):
    result = run("demo", "--quick", "--out", tmp_path / "report.html")
    assert result.exit_code == 0, result.stderr
    assert "Hebbian recalled none of them exactly" in result.stdout
    assert "of 2^1024 states" in result.stdout


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs the browser chromium")
@pytest.mark.parametrize("width", [1200, 500])
def test_a_browser_shows_the_page(page, tmp_path, width):
    """Rendered without a network, the page fills its width with more than one colour."""
    path = page.save(tmp_path / "report.html")
    picture = tmp_path / "page.png"
    options = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    )
    command = [
        "chromium",
        *options.split(),
        f"--screenshot={picture}",
        f"--window-size={width},3000",
        path.as_uri(),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    shown = Image.open(picture).convert("L")
    assert shown.size == (width, 3000)
    assert len(set(shown.crop((0, 600, width, 3000)).tobytes())) > 50
