"""The suite runs on one thread; what is said of threads is said with two."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_laws_about_threads_hold_with_two():
    files = [str(HERE / name) for name in ("test_descent.py", "test_dense.py")]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "threads and not two",
        *files,
    ]
    end = subprocess.run(
        command,
        env=os.environ | {"NUMBA_NUM_THREADS": "2"},
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert end.returncode == 0, end.stdout[-3000:]
    assert "4 passed" in end.stdout
