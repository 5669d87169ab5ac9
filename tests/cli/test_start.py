"""The command line is there at once: help loads nothing that is heavy."""

import json
import subprocess
import sys

import pytest

MEASURE = """
import json, resource, sys
from memscape.cli import main
sys.argv = ["memscape", *{words!r}]
try:
    main()
except SystemExit as end:
    code = end.code or 0
used = resource.getrusage(resource.RUSAGE_SELF)
ours = sorted(name for name in sys.modules if name.startswith("memscape"))
seen = {{"code": code, "cpu": used.ru_utime, "all": sorted(sys.modules), "ours": ours}}
print(json.dumps(seen), file=sys.stderr)
"""


def started(*words):
    code = MEASURE.format(words=words)
    end = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return end.stdout, json.loads(end.stderr.splitlines()[-1])


@pytest.mark.parametrize("words", [("--help",), ("demo", "--help"), ("--version",)])
def test_nothing_heavy_is_loaded(words):
    _, seen = started(*words)
    assert seen["code"] == 0
    assert {"torch", "numpy", "numba", "matplotlib", "rich", "jinja2"} & set(seen["all"]) == set()
    others = {name for name in seen["ours"] if not name.startswith("memscape.cli")}
    assert others <= {"memscape", "memscape.core", "memscape.core.version"}


def test_help_takes_a_blink_of_cpu_time():
    """.3 s is the aim; the bound leaves room for a slow machine, and the best of three is taken."""
    assert min(started("--help")[1]["cpu"] for _ in range(3)) < 0.6


def test_help_names_every_command():
    text, _ = started("--help")
    for command in ("demo", "explore", "store", "recall", "list", "info"):
        assert f"\n  {command} " in text


def test_the_package_runs_as_the_command_does():
    end = subprocess.run([sys.executable, "-m", "memscape", "--version"], capture_output=True, text=True)
    assert end.returncode == 0
    assert end.stdout == started("--version")[0]


def test_a_reader_that_has_seen_enough_is_no_mistake():
    words = [sys.executable, "-m", "memscape", "list", "--papers"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        run.stdout.close()
        assert run.stderr.read() == ""
