"""Which memories learn to recall pairs from their context, and what the others have found instead.

python examples/recall_in_context.py [steps]
"""

import sys

import memscape as ms


def compare(task: ms.tasks.TokenTask, specs: list[str], steps: int) -> None:
    """Train two layers of each memory, and print how often they are right on new sequences."""
    print(f"{task}\nchance {task.chance:.3f}")
    for name, value in task.ceilings.items():
        print(f"the best that knows {name}: {value:.3f}")
    print(f"\n{'memory':<12}{'accuracy':>9}  {'95 %':<16}{'half right by step':>19}")
    for spec in specs:
        model = ms.sequence.LanguageModel(task.vocabulary, 32, num_layers=2, spec=spec, generator=0)
        found = ms.tasks.learn(model, task, steps=steps, every=25, count=200, generator=0)
        low, high = found.evaluation.interval
        step = found.crossed(0.5) or "never"
        print(f"{spec:<12}{found.evaluation.accuracy:>9.3f}  {f'{low:.3f} to {high:.3f}':<16}{step:>19}")


def main() -> None:
    """Compare three memories on four pairs."""
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 250
    compare(ms.tasks.MultiQueryRecall(pairs=4, symbols=32, length=32), ["linear", "deltanet", "gam"], steps)
    print("\nA gam layer moves content between tokens through its convolution alone: it cannot recall.")


if __name__ == "__main__":
    main()
