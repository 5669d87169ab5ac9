"""Who can write no folder where numba keeps compiled code can still use every kernel."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import memscape

OWN = """
import json
from numba import njit
from memscape.kernels.noise import stream
import memscape.kernels.walks

@njit(cache=True)
def own(x):
    return x + 1

print(json.dumps([int(stream(3, 1, 2)), stream.stats.cache_path, own(1), own.stats.cache_path]))
"""


@pytest.fixture
def sealed(tmp_path):
    """A copy of the package and a home where not even root can cache: plain files stand in the way."""
    package = Path(memscape.__file__).parent
    copy = tmp_path / "library" / "memscape"
    for part in ("core", "kernels"):
        shutil.copytree(package / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        (copy / part / "__pycache__").touch()
    shutil.copy(package / "__init__.py", copy)
    (tmp_path / "home").touch()
    (tmp_path / "tmp").mkdir()
    (tmp_path / "script.py").write_text(OWN)
    return tmp_path


def use(folder, **more):
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"} | {
        "HOME": str(folder / "home"),
        "LOCALAPPDATA": str(folder / "home"),
        "XDG_CACHE_HOME": str(folder / "home"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(folder / "library"),
        "TMPDIR": str(folder / "tmp"),
    }
    run = [sys.executable, str(folder / "script.py")]
    end = subprocess.run(run, env=environment | more, capture_output=True, text=True, check=False)
    assert end.returncode == 0, end.stderr
    value, kept, two, own = json.loads(end.stdout)
    from memscape.kernels.noise import stream

    assert (value, two) == (int(stream(3, 1, 2)), 2)
    usual = Path(more.get("NUMBA_CACHE_DIR", folder))
    assert Path(own).parent == usual, "a caller's own function is cached where it always was"
    return kept and Path(kept), end.stderr


def private(folder):
    return folder / "tmp" / f"memscape-{memscape.__version__}-numba-{os.getuid()}"


posix = pytest.mark.skipif(os.name != "posix", reason="modes and user numbers")


@posix
def test_code_is_kept_in_a_folder_of_the_user_alone(sealed):
    kept, said = use(sealed)
    assert kept.parent == private(sealed)
    assert private(sealed).stat().st_mode & 0o777 == 0o700
    assert len(list(kept.glob("noise.stream-*.nbc"))) == 1
    assert said.count("MemscapeWarning") == 1
    assert "set NUMBA_CACHE_DIR" in said
    assert use(sealed)[0] == kept
    assert len(list(kept.glob("noise.stream-*.nbc"))) == 1


@posix
@pytest.mark.parametrize("hindrance", ["file", "open to others", "link"])
def test_without_such_a_folder_nothing_is_kept(sealed, hindrance):
    """Code is loaded from the folder: one that another user may have prepared is not used."""
    if hindrance == "file":
        private(sealed).touch()
    elif hindrance == "link":
        (sealed / "elsewhere").mkdir(mode=0o700)
        private(sealed).symlink_to(sealed / "elsewhere")
    else:
        private(sealed).mkdir()
        private(sealed).chmod(0o755)
    kept, said = use(sealed)
    assert kept is None
    assert said.count("MemscapeWarning") == 1
    assert "made again by each process" in said


def test_a_folder_that_the_user_names_is_used_without_a_word(sealed):
    kept, said = use(sealed, NUMBA_CACHE_DIR=str(sealed / "tmp"))
    assert kept.parent == sealed / "tmp"
    assert "MemscapeWarning" not in said
