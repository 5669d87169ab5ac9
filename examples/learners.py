"""Three learners in under a minute: thinking in ticks, a learnt separation, errors that pass a window's edge.

python examples/learners.py [folder]
"""

import sys
from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import load_digits

import memscape as ms


def thought(steps: int = 400) -> dict:
    """Digits as 16 tokens; thinking ends when it is sure, and some digits take longer than others."""
    data = load_digits()
    images, labels = torch.tensor(data.images / 16).float(), torch.tensor(data.target)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    tokens = images.unfold(1, 2, 2).unfold(2, 2, 2).reshape(-1, 16, 4)[order]
    labels = labels[order]
    machine = ms.cognition.ContinuousThought(tokens=16, inputs=4, classes=10, generator=0)
    machine.fit(tokens[:1147], labels[:1147], steps=steps, generator=0, progress=False)
    enough = machine.enough(tokens[1147:1347], labels[1147:1347])
    full, halted = (machine.think(tokens[1347:], enough=limit) for limit in (None, enough))
    first = (full.logits[:, 0, 0].argmax(-1) == labels[1347:]).double().mean()
    right, early = (found.right(labels[1347:]).double().mean() for found in (full, halted))
    print(f"Thought: {first:.0%} of new digits right after 1 tick, {right:.0%} at the surest of 6")
    print(f"Thought: ending when {enough:.2f} sure saves {halted.saved:.0%} of the ticks; {early:.0%} right")
    return {"thought": ms.plot.certainty_course(full, enough=enough)}


def separation() -> dict:
    """A separation learnt from some patterns serves others of their kind."""
    X, Y = (ms.patterns.independent(300, 80, generator=seed) for seed in (0, 1))
    learnt = ms.memories.learn_separation(X, damage=0.25, generator=0, progress=False)
    shapes: dict[str, Any] = {
        "power 2": ms.mechanisms.RectifiedPower(2),
        "power 3": ms.mechanisms.RectifiedPower(3),
    }
    shapes |= {"learnt": learnt, "exponential": ms.mechanisms.Exponential(0.3)}
    cue = ms.patterns.flip(Y[:100], fraction=0.25, generator=2)
    for name, shape in shapes.items():
        recall = ms.memories.Dense(Y, separation=shape).recall(cue, generator=3)
        print(f"Separation, {name}: {recall.exact.double().mean():.0%} of 100 damaged patterns recalled")
    print("Separation:", learnt)
    return {"separation": ms.plot.separation_shapes(shapes, 80)}


def windows(steps: int = 700) -> dict:
    """What to write is decided 8 steps before the question; errors reach back 4."""
    from memscape.replications.fast_slow2020 import VALUES, Keeper, trials

    test = trials(1000, 1)
    for way in ("truncated", "synthetic", "full"):
        keeper = Keeper(0)
        ms.training.train(
            keeper,
            lambda module, given, drawn: keeper.loss(given, way),  # noqa: B023
            lambda step: trials(32, step + 2),
            optimizer=torch.optim.Adam(keeper.parameters(), lr=1e-2),
            steps=steps,
            generator=0,
            clip=1.0,
            progress=False,
        )
        right = (keeper(test).argmax(-1) == test.answers).double().mean()
        print(f"Windows, {way} gradient: {right:.0%} right, {1 / VALUES:.0%} by chance")
    return {}


def main() -> None:
    """Run all of them, and write their pictures to the folder on the command line if there is one."""
    for learner in (thought, separation, windows):
        for name, figure in learner().items():
            if len(sys.argv) > 1:
                Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
                figure.savefig(Path(sys.argv[1]) / f"{name}.png", dpi=150)


if __name__ == "__main__":
    main()
