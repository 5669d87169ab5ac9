"""Working memories at work: what blurs, what fades, what is kept; with a folder, their pictures too.

python examples/working_memory.py [folder]
"""

import sys
from pathlib import Path

import torch

import memscape as ms
from memscape.tasks import working_memory as wm


def spans() -> dict:
    """More to hold is held worse; from a store that decays, what came last is recalled best."""
    fading, lasting = wm.HebbStore(16, retention=0.8, noise=0.1), wm.HebbStore(16, noise=0.1)
    found = {name: wm.span(fading, name, generator=0) for name in wm.TASKS}
    for name, one in found.items():
        print(f"{name}: accuracy {one.accuracy[0]:.2f} with 2 to hold, {one.accuracy[-1]:.2f} with 8")
    chosen = ("serial-recall-style", "spatial-updating-style", "change-detection-style")
    on = wm.task("serial-recall-style", size=9)
    places = {
        name: wm.by_position(store, on, count=1000, generator=0)
        for name, store in (("retention .8", fading), ("no decay", lasting))
    }
    for name, one in places.items():
        print(f"Serial recall, {name}: the last of nine items {one.recency:+.2f} against the middle one")
    short = wm.task("serial-recall-style", size=3)
    course = wm.learning_curve(wm.RecurrentReader(short, 64, generator=0), short, generator=0, progress=False)
    print(
        f"A recurrent network after {course.steps} steps: {course.watched[-1][1]['accuracy']:.2f} of 3 items"
    )
    return {
        "spans": ms.plot.memory_spans({name: found[name] for name in chosen}),
        "positions": ms.plot.serial_positions(places),
        "learning": ms.plot.learning_curves({"3 items": course}),
    }


def timescales() -> dict:
    """One question learnt after the other is forgotten; all at once, they are kept."""
    found = {}
    for heads in ("single", "multi"):
        network = ms.cognition.LeakyNetwork(64, heads=4, generator=0)
        plan = ms.mechanisms.Curriculum(start=2, heads=heads)
        found[heads] = network.fit(ms.tasks.NDMS, plan, generator=0, progress=False)
        kept = network.accuracy(ms.tasks.NDMS, (2, 3, 4), generator=1)
        print(
            f"Timescales, {heads}: N = {found[heads].reached} after {len(found[heads].losses)} steps; "
            f"accuracy at N = 2 to 4 {kept.mean():.2f}, mean time constant {network.timescales.mean():.2f}"
        )
    return {"timescales": ms.plot.time_constants(found)}


def relations() -> dict:
    """Two memories behind a Transformer layer answer questions about objects."""
    task = ms.tasks.ObjectQuestions(objects=4)
    memory = ms.cognition.PMI(32, k=4, generator=0)
    reader = ms.cognition.RelationReader(memory, objects=4, width=32, hidden=64, generator=0)
    reader.fit(task, steps=400, generator=0, progress=False)
    print("PMI:", reader.answered(task, generator=1))
    without = reader.answered(task, alpha=1.0, generator=1)
    print(f"PMI without its long-term memory: {without.relational:.3f} of relations")
    with torch.no_grad():
        held = reader.read(task.sample(1, generator=2))[1]
    return {"slots": ms.plot.slot_writers(held)}


SYSTEMS = (spans, timescales, relations)


def main() -> None:
    """Run all of them, and write their pictures to the folder on the command line if there is one."""
    for system in SYSTEMS:
        for name, figure in system().items():
            if len(sys.argv) > 1:
                Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
                figure.savefig(Path(sys.argv[1]) / f"{name}.png", dpi=150)


if __name__ == "__main__":
    main()
