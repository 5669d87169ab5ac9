"""The documentation is run: every block, every link, every command."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted({ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")})
BLOCK = re.compile(r"(?P<skip><!-- skip: [^>]+ -->\n)?^```python\n(?P<code>.*?)^```$", re.M | re.S)
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(path: Path) -> list[tuple[int, str]]:
    """Line number and text of each Python block that is not marked as a fragment."""
    text = path.read_text(encoding="utf-8")
    found = (hit for hit in BLOCK.finditer(text) if not hit["skip"])
    return [(text.count("\n", 0, hit.start("code")), hit["code"]) for hit in found]


@pytest.mark.parametrize("path", [path for path in PAGES if blocks(path)], ids=name)
def test_every_python_block_runs(path, tmp_path, monkeypatch):
    """The blocks of a page run in their order in one namespace, as a reader would type them."""
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    for line, code in blocks(path):
        exec(compile("\n" * line + code, name(path), "exec"), namespace)


def test_the_readme_has_an_example():
    assert blocks(ROOT / "README.md")


def test_a_fragment_that_is_not_run_says_why():
    reasons = [
        hit["skip"]
        for path in PAGES
        for hit in BLOCK.finditer(path.read_text(encoding="utf-8"))
        if hit["skip"]
    ]
    assert all(len(reason.split()) > 4 for reason in reasons)


def slug(heading: str) -> str:
    """The anchor that a heading gets, as GitHub and Python-Markdown make it."""
    plain = re.sub(r"[`*_]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", plain))


def anchors(path: Path) -> set[str]:
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.M)}


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_internal_link_leads_somewhere(path):
    broken = []
    for hit in LINK.finditer(FENCE.sub("", path.read_text(encoding="utf-8"))):
        target, _, anchor = hit["target"].partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        place = (path.parent / target).resolve() if target else path
        if not place.exists() or (anchor and place.suffix == ".md" and anchor not in anchors(place)):
            broken.append(hit["target"])
    assert broken == []


def test_the_memories_to_choose_from_exist():
    """The second column of the first table of how-to-choose.md names classes of memscape.memories."""
    import memscape.memories

    table = (ROOT / "docs" / "how-to-choose.md").read_text(encoding="utf-8").split("## A dynamics")[0]
    chosen = re.findall(r"^\|[^|]+\| `(\w+)` \|", table, re.M)
    assert len(chosen) > 3
    assert [choice for choice in chosen if not hasattr(memscape.memories, choice)] == []


def test_every_memory_can_be_chosen():
    from memscape import memories

    page = (ROOT / "docs" / "how-to-choose.md").read_text(encoding="utf-8")
    named = {name for name, each in vars(memories).items() if hasattr(each, "card")}
    assert sorted(name for name in named if f"`{name}`" not in page) == []


def test_every_page_is_in_the_navigation():
    menu = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in PAGES if (ROOT / "docs") in path.parents]
    assert [page for page in pages if f'"{page}"' not in menu] == []


def test_every_room_has_an_api_page():
    rooms = [path.parent.name for path in (ROOT / "src" / "memscape").glob("*/__init__.py")]
    written = {path.stem for path in (ROOT / "docs" / "api").glob("*.md")}
    assert sorted(set(rooms) - written) == []


def test_every_make_target_is_in_its_help():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"^\.PHONY: (.+)$", text, re.M)[1].split()) - {"help"}
    assert targets == set(re.findall(r"^([a-z-]+):.*## ", text, re.M))


def test_every_command_and_option_is_documented():
    """docs/cli.md names each command and each of its options."""
    if (application := command_line()) is None:
        return
    page = ROOT / "docs" / "cli.md"
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    missing = []
    for command, options in application.items():
        section = re.search(
            rf"^#+ `?memscape {re.escape(command)}`?\n(.*?)(?=^#+ `?memscape |\Z)", text, re.M | re.S
        )
        shown = section[1] if section else ""
        missing += (
            [command] if section is None else [f"{command} {o}" for o in options if f"`{o}`" not in shown]
        )
    assert missing == []


def command_line() -> dict[str, list[str]] | None:
    """Each command of memscape with its options and arguments; None until memscape.cli has a `main`."""
    import typer

    import memscape.cli as cli

    if not hasattr(cli, "main"):
        return None
    root = typer.main.get_command(cli.app)
    return {
        title: _options(command)
        for title, command in getattr(root, "commands", {}).items()
        if not command.hidden
    }


def _options(command) -> list[str]:
    taken = (parameter for parameter in command.params if parameter.name != "help" and not parameter.hidden)
    return [next((flag for flag in p.opts if flag.startswith("--")), p.opts[0].upper()) for p in taken]
