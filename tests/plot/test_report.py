"""The report: one file, everything inside, nothing that runs, every picture described."""

import base64
import re
from html.parser import HTMLParser

import pytest

from memscape import plot
from memscape.core.errors import InputError
from memscape.plot.report import data_uri


class Page(HTMLParser):
    """Collects the tags of a page and the text outside <style>."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self._open = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "source", "br"}:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += "" if "style" in self._open else data

    def all(self, *names):
        return [attrs for tag, attrs in self.tags if tag in names]


def drawn():
    return plot.overlap_matrix([[1.0, -1.0], [1.0, 1.0]], size=1.5)


@pytest.fixture
def figure():
    return drawn()


@pytest.fixture(scope="module")
def page():
    figure = drawn()
    picture = plot.Picture(figure, alt="Two overlaps", caption="Look.", narrow=figure)
    panel = plot.Panel(
        "Overlaps <&>",
        text=["They are <b>small</b>."],
        points=["one point"],
        pictures=[picture],
        numbers={"mean": "0.5"},
        tables=[plot.Table(["memory", "share"], [["Hebbian", "12 %"]], caption="Shares.")],
        command="memscape demo",
    )
    report = plot.Report("Title", lead=["Lead."], numbers={"patterns": "2"})
    return Page(report.add(panel).add(panel).add(panel).html())


def test_it_is_well_formed(page):
    assert page._open == []


def test_what_may_be_too_wide_is_a_region_with_a_name_that_the_keyboard_reaches(page):
    wide = [tag for tag in page.all("div", "pre") if "scroll" in tag.get("class", "").split()]
    assert len(wide) == 3 * len(page.all("section"))  # a table, the numbers and the command of each
    for tag in wide:
        assert (tag["role"], tag["tabindex"]) == ("region", "0")
        assert tag["aria-label"].strip()
    assert {"Shares.", "Command: Overlaps <&>"} <= {tag["aria-label"] for tag in wide}


def test_all_its_parts_are_there(page):
    for part in (
        "Title",
        "Lead.",
        "one point",
        "Look.",
        "0.5",
        "12 %",
        "Shares.",
        "memscape demo",
        "patterns",
    ):
        assert part in page.text


def test_what_is_given_is_text_never_markup(page):
    assert "They are <b>small</b>." in page.text
    assert page.all("b") == []


def test_it_loads_nothing(page):
    """Images are data, links stay on the page, and there are no scripts, frames, styles or fonts to fetch."""
    assert page.all("script", "link", "iframe", "object", "embed", "base") == []
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))
    assert all(source["srcset"].startswith("data:image/") for source in page.all("source"))
    assert all(link["href"].startswith("#") for link in page.all("a"))


def test_its_style_names_no_address(figure):
    text = plot.Report("t").html()
    assert re.findall(r"https?:|url\(|@import", text) == []


def test_every_image_has_an_alt_text_and_the_contents_lead_to_the_panels(page):
    assert [image["alt"] for image in page.all("img")] == ["Two overlaps"] * 3
    assert {link["href"][1:] for link in page.all("a")} == {s["id"] for s in page.all("section")}


def test_a_picture_without_an_alt_text_is_refused(figure):
    with pytest.raises(InputError, match="alt"):
        plot.Picture(figure, alt=" ")
    with pytest.raises(InputError, match="svg"):
        plot.Picture(figure, alt="x", format="bmp")


def test_a_ragged_table_is_refused():
    with pytest.raises(InputError, match="3 cells under 2"):
        plot.Table(["a", "b"], [["1", "2"], ["1", "2", "3"]])


@pytest.mark.parametrize(("format", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_the_same_numbers_give_the_same_bytes(format, magic):
    first = data_uri(drawn(), format)
    assert first == data_uri(drawn(), format)
    assert base64.b64decode(first.partition(",")[2]).startswith(magic)


def test_saving_makes_the_folder_and_replaces_the_old_page(tmp_path):
    path = tmp_path / "a" / "b" / "report.html"
    plot.Report("old").save(path)
    assert plot.Report("new").save(path) == path
    assert "<h1>new</h1>" in path.read_text(encoding="utf-8")
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]


def test_a_page_that_cannot_be_made_leaves_the_old_one(tmp_path, monkeypatch):
    path = plot.Report("old").save(tmp_path / "report.html")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("memscape.core.files.os.replace", full)
    with pytest.raises(OSError, match="No space"):
        plot.Report("new").save(path)
    assert "old" in path.read_text(encoding="utf-8")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
