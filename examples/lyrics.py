"""Complete a line of a poem from a piece of it, and say so when the piece belongs to no line.

    python examples/lyrics.py
    python examples/lyrics.py "immortal hand" "frame thy fearful"

Each line becomes a vector of its character n-grams, the vectors become wells, and a snippet rolls into the
well of its line.
"""

import sys

import memscape as ms

TYGER = """Tyger Tyger, burning bright,
In the forests of the night;
What immortal hand or eye,
Could frame thy fearful symmetry?
In what distant deeps or skies.
Burnt the fire of thine eyes?
On what wings dare he aspire?
What the hand, dare seize the fire?
And what shoulder, & what art,
Could twist the sinews of thy heart?
And when thy heart began to beat,
What dread hand? & what dread feet?
What the hammer? what the chain,
In what furnace was thy brain?
What the anvil? what dread grasp,
Dare its deadly terrors clasp!
When the stars threw down their spears
And water'd heaven with their tears:
Did he smile his work to see?
Did he who made the Lamb make thee?""".splitlines()  # William Blake, 1794

SNIPPETS = ("burning brig", "twist the sin", "stars threw", "made the la", "seize the fire", "quarterly tax")


def complete(lines: list[str], snippets: list[str]) -> list[tuple[str | None, ms.Verdict]]:
    """Return for each snippet its line and the verdict; None where the memory does not know one."""
    code = ms.patterns.NGrams(size=(2, 4), units=4096)
    memory = ms.memories.Continuous(code.encode(lines), beta=20.0)  # sharp: a well for each line
    recall = memory.recall(code.encode(snippets))
    return [
        (lines[match] if match >= 0 and verdict == ms.Verdict.RECALLED else None, ms.Verdict(verdict))
        for match, verdict in zip(recall.match.tolist(), recall.verdict.tolist(), strict=True)
    ]


def main() -> None:
    """Print what the memory makes of the snippets on the command line, or of a few of our own."""
    snippets = sys.argv[1:] or list(SNIPPETS)
    for snippet, (line, verdict) in zip(snippets, complete(TYGER, snippets), strict=True):
        print(f"{snippet!r:>18}  ->  {line or '(no line)'}   [{verdict.name}]")


if __name__ == "__main__":
    main()
