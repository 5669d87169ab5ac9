"""The command line: `memscape demo`, `explore`, `store`, `recall`, `list`, `info`."""

from memscape.cli.app import app as app
from memscape.cli.app import main as main
