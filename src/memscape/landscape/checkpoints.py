"""What a survey has finished, in a file from which it goes on."""

import time
from pathlib import Path
from typing import Any

from memscape.core.errors import FileFormatError, InputError
from memscape.core.files import load_bundle, save_bundle
from memscape.landscape.tally import Tally

EVERY = 5.0
"""Seconds between two writes."""


class Checkpoint:
    """The file of one survey; where it exists already, its content is taken over.

    Args:
        path: the file.
        identity: what two surveys must share so that one can go on where the other ended.
        tally: what is filled from the file.

    Raises:
        FileFormatError: for a broken file, or one that holds something else.
        InputError: for the file of another survey.
    """

    def __init__(self, path: str | Path, identity: dict[str, Any], tally: Tally):
        self._path, self._identity = Path(path), identity
        self.seed: int | None = None
        self._written = time.monotonic()
        if not self._path.exists():
            return
        bundle = load_bundle(self._path)
        if bundle.kind != "survey":
            raise FileFormatError(
                f"{str(path)!r} holds a {bundle.kind}, not a survey under way; give another file"
            )
        held = bundle.parts["identity"]
        other = sorted(name for name in identity if held.get(name) != identity[name])
        if other:
            raise InputError(
                f"{str(path)!r} is the checkpoint of another survey, with other {', '.join(other)}; give "
                "another file"
            )
        self.seed = bundle.parts["seed"]
        tally.restore(bundle.tensors, bundle.parts)

    def write(self, tally: Tally, seed: int, *, at_once: bool) -> None:
        """Write what is finished, at once or where the last writing was long ago."""
        if not at_once and time.monotonic() - self._written < EVERY:
            return
        tensors, parts = tally.kept()
        save_bundle(
            self._path,
            kind="survey",
            card="Survey",
            tensors=tensors,
            parts=parts | {"identity": self._identity, "seed": seed},
        )
        self._written = time.monotonic()
