"""The rules of the house that no other tool checks: names, sizes, imports, decorators."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "memscape"
FILES = sorted(SRC.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def where(path: Path, node: ast.AST | None = None) -> str:
    place = str(path.relative_to(ROOT))
    return f"{place}:{getattr(node, 'lineno', '?')}" if node else place


def room(path: Path) -> str:
    inside = path.relative_to(SRC).parts
    return inside[0] if len(inside) > 1 else ""


def imports(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Top-level package of each import, those inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.name.split(".")[0], node) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0], node


def importers(package: str) -> Iterator[tuple[Path, ast.AST]]:
    for path, tree in TREES.items():
        yield from ((path, node) for name, node in imports(tree) if name == package)


def test_there_is_something_to_check():
    assert len(FILES) > 5


def test_a_name_says_what_is_inside():
    vague = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [where(path) for path in FILES if vague & {path.stem, *path.relative_to(SRC).parts[:-1]}] == []


def test_two_folder_levels():
    assert [where(path) for path in FILES if len(path.relative_to(SRC).parts) > 2] == []


def test_no_file_over_500_lines():
    sizes = {where(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {name: lines for name, lines in sizes.items() if lines > 500} == {}


def test_compiled_functions_are_left_alone_by_the_shape_checker():
    """The checker wraps a function below its decorators, where numba would try to compile the wrapper."""
    bare = []
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                names = [_decorator(part) for part in node.decorator_list]
                compiled = [name for name in names if name in {"njit", "jit", "vectorize", "guvectorize"}]
                if compiled and names[-1] != "no_type_check":
                    bare.append(where(path, node))
    assert bare == []


def _decorator(node: ast.expr) -> str:
    target = node.func if isinstance(node, ast.Call) else node
    return target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")


def test_only_plot_and_above_draw():
    allowed = {"plot", "cli", "serve", "replications", "testing"}
    assert [where(*hit) for hit in importers("matplotlib") if room(hit[0]) not in allowed] == []


def test_only_the_command_line_knows_typer():
    assert [where(*hit) for hit in importers("typer") if room(hit[0]) != "cli"] == []


def test_only_progress_and_the_command_line_know_rich():
    progress = SRC / "core" / "progress.py"
    assert [where(*hit) for hit in importers("rich") if room(hit[0]) != "cli" and hit[0] != progress] == []


def test_rich_is_imported_when_it_is_needed():
    top = [
        (path, node) for path, node in importers("rich") if room(path) == "core" and node in TREES[path].body
    ]
    assert [where(*hit) for hit in top] == []


def test_input_is_refused_by_errors_not_by_asserts():
    found = [(p, n) for p, tree in TREES.items() for n in ast.walk(tree) if isinstance(n, ast.Assert)]
    assert [where(*hit) for hit in found] == []


def test_nothing_is_left_unimplemented():
    found = [(p, n) for p, tree in TREES.items() for n in ast.walk(tree) if isinstance(n, ast.Name)]
    assert [where(*hit) for hit in found if hit[1].id == "NotImplementedError"] == []


def test_annotations_are_real_objects():
    """Postponed annotations and typing.Self weaken the shape checker."""
    found = []
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module in {
                "__future__",
                "typing",
                "typing_extensions",
            }:
                found += [where(path, node) for name in node.names if name.name in {"annotations", "Self"}]
    assert found == []


def test_every_public_method_is_documented_where_it_is_declared():
    """A method that fills in an abstract one, ours or torch's, inherits its documentation."""
    methods = [
        (path, node)
        for path, tree in TREES.items()
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef) and not owner.name.startswith("_")
        for node in owner.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]
    declared = {node.name for _, node in methods if ast.get_docstring(node)} | set(dir(torch.nn.Module))
    assert [f"{where(path, node)} {node.name}" for path, node in methods if node.name not in declared] == []


def test_global_random_numbers_are_never_touched():
    seeding = {"manual_seed", "seed", "manual_seed_all", "set_rng_state", "set_state"}
    owners = {"torch", "np", "numpy", "random", "torch.random", "torch.cuda", "np.random", "numpy.random"}
    found = []
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in seeding
            ):
                found += [where(path, node)] if ast.unparse(node.func.value) in owners else []
    assert found == []


def test_torch_draws_only_from_a_given_generator():
    draws = {"rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial", "poisson"}
    found = []
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {f"torch.{name}" for name in draws}:
                given = {word.arg for word in node.keywords}
                found += [] if given & {"generator", None} else [where(path, node)]
    assert found == []


def test_nothing_is_pickled():
    found = [where(*hit) for name in ("pickle", "dill", "cloudpickle") for hit in importers(name)]
    for path, tree in TREES.items():
        calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
        found += [
            where(path, node) for node in calls if ast.unparse(node.func) in {"torch.load", "torch.save"}
        ]
    assert found == []


@pytest.mark.parametrize("heavy", ["torch", "numba", "matplotlib", "sklearn", "typer"])
def test_importing_the_library_is_instant(heavy):
    code = f"import sys, memscape; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_file_names_a_machine():
    home = re.compile(r"(?<![\w.])/(root|home|work|Users|opt)/")
    pages = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("*.toml"), ROOT / "Makefile"]
    tests = [path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]
    found = [
        where(path) for path in [*FILES, *tests, *pages] if home.search(path.read_text(encoding="utf-8"))
    ]
    assert sorted(found) == []
