"""The command line: `memscape demo`, `check`, `engram` and the others; `app` puts them together."""

from memscape.cli.app import app as app
from memscape.cli.app import main as main
