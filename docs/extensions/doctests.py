"""Doctests that stand in a docstring without a heading become code on the API pages, not quotations."""

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^(?P<indent>[ ]*)>>> .*(?:\n(?![ ]*$).*)*", re.M)


class Doctests(griffe.Extension):
    """Put a fence around every run of lines from `>>>` to the next blank line."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite the docstring of one object, called for each one that is loaded."""
        if obj.docstring:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(text: str) -> str:
    """Return `text` with its doctests as fenced blocks.

    >>> fenced(">>> 1 + 1\\n2")
    '```pycon\\n>>> 1 + 1\\n2\\n```'
    """
    return EXAMPLE.sub(lambda hit: f"{hit['indent']}```pycon\n{hit[0]}\n{hit['indent']}```", text)
