"""The map says one thing in one place, and the pages repeat it word for word."""

import re
from pathlib import Path

import pytest

from memscape.core.errors import InputError
from memscape.replications.systems import DOORS, STATES, System, fresh, main, page, parse, systems, table

ROOT = Path(__file__).parents[2]
PLANNED = {
    "id": "x",
    "name": "X",
    "paper": "A paper",
    "door": "memories",
    "part": "part",
    "state": "planned",
    "claim": "It works.",
    "bar": "It works here.",
}


def test_every_system_of_the_literature_has_one_row():
    rows = systems()
    assert len(rows) == 50
    assert len({row.id for row in rows}) == len({row.name for row in rows}) == 50
    numbers = [row.arxiv for row in rows if row.arxiv]
    assert len(numbers) == len(set(numbers))


def test_ids_are_slugs_and_paper_numbers_have_arxiv_form():
    for row in systems():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", row.id), row.id
        assert re.fullmatch(r"(\d{4}\.\d{4,5})?", row.arxiv), row.id


def test_rows_stand_in_the_order_of_the_rooms():
    places = [DOORS.index(row.door) for row in systems()]
    assert places == sorted(places)


@pytest.mark.parametrize("name", sorted(PLANNED))
def test_a_row_that_lacks_a_text_is_refused(name):
    with pytest.raises(InputError, match=name):
        System(**{**PLANNED, name: " "})


@pytest.mark.parametrize("state", sorted(set(STATES) - {"planned"}))
def test_nothing_is_called_measured_without_a_measurement_and_a_command(state):
    with pytest.raises(InputError, match="measurement, command"):
        System(**{**PLANNED, "state": state})


@pytest.mark.parametrize("state", ["partial", "missed"])
def test_what_falls_short_says_what_is_missing(state):
    proof = {"measurement": "1 of 2", "command": "memscape replicate x"}
    with pytest.raises(InputError, match="misses"):
        System(**{**PLANNED, **proof, "state": state})
    assert System(**{**PLANNED, **proof, "state": state, "misses": "the other one"}).state == state


def test_a_plan_has_no_measurement():
    with pytest.raises(InputError, match="planned but has a measurement"):
        System(**{**PLANNED, "measurement": "9 of 10"})


@pytest.mark.parametrize(
    ("change", "message"),
    [({"state": "done"}, "done"), ({"door": "attic"}, "attic")],
)
def test_unknown_states_and_rooms_are_refused(change, message):
    proof = {"measurement": "1", "command": "c"}
    with pytest.raises(InputError, match=message):
        System(**{**PLANNED, **proof, **change})


def test_the_file_is_checked_for_repeated_ids_and_unknown_fields():
    row = "[[system]]\n" + "\n".join(f'{name} = "{text}"' for name, text in PLANNED.items()) + "\n"
    assert parse(row) == (System(**PLANNED),)
    with pytest.raises(InputError, match="more than one row"):
        parse(row + row)
    with pytest.raises(InputError, match="colour"):
        parse(row + 'colour = "red"\n')


def test_both_tables_hold_every_row():
    assert table("markdown").count("\n") == 51
    assert table("text").count("\n") == 50
    for row in systems():
        assert row.name in table("text")
        assert row.claim in page()
        assert row.bar in page()
    with pytest.raises(InputError, match="html"):
        table("html")


def test_the_pages_show_the_map_as_it_is():
    for path, text in fresh(ROOT).items():
        stale = f"{path.name} is stale; run python -m memscape.replications.systems --write"
        assert path.read_text(encoding="utf-8") == text, stale


def test_writing_fills_the_space_between_the_markers_and_nothing_else(tmp_path):
    (tmp_path / "docs").mkdir()
    for name in ("README.md", "docs/map.md", "docs/claims.md"):
        markers = "<!-- map: written from systems.toml -->\nobsolete lines\n<!-- map: end -->"
        (tmp_path / name).write_text(f"before\n{markers}\nafter\n")
    main(["--write", "--root", str(tmp_path)])
    for name in ("README.md", "docs/map.md"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert text.startswith("before\n")
        assert text.endswith("\nafter\n")
        assert "obsolete lines" not in text
        assert systems()[0].name in text
    assert all(path.read_text(encoding="utf-8") == text for path, text in fresh(tmp_path).items())


def test_a_page_without_markers_is_a_clear_error(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        fresh(tmp_path)
    (tmp_path / "README.md").write_text("no markers")
    with pytest.raises(InputError, match="markers"):
        fresh(tmp_path)
