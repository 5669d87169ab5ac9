"""Run every benchmark, one after the other, each in a process of its own.

`python -m benchmarks [names] [--json FOLDER]`; each one alone: `python -m benchmarks.descent`.
"""

import argparse
import subprocess
import sys
from pathlib import Path

NAMES = ("descent", "retrieval", "storage", "census", "check", "survey", "sequence", "engrams", "ridge")


def main() -> int:
    """Run the named benchmarks and return 1 where one of them fails."""
    parser = argparse.ArgumentParser(description="Run benchmarks against peers.")
    parser.add_argument(
        "names", nargs="*", default=list(NAMES), help=f"which of {', '.join(NAMES)}; default all"
    )
    parser.add_argument("--json", type=Path, help="folder for one JSON file per benchmark")
    options = parser.parse_args()
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    failed = []
    for name in options.names:
        print(f"== {name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        if options.json is not None:
            options.json.mkdir(parents=True, exist_ok=True)
            command += ["--json", str(options.json / f"{name}.json")]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
