"""Small memories of brains at work, each in a few lines; with a folder, their pictures too.

python examples/small_systems.py [folder]
"""

import sys
from pathlib import Path

import torch

import memscape as ms


def sparsey() -> dict:
    """Similar inputs get similar codes; a field that is full gives up."""
    X = ms.patterns.sparse(100, 400, active=40, generator=0)
    memories = {f"{count} stored": ms.memories.Sparsey(X[:count], generator=0) for count in (1, 10, 25)}
    new = ms.patterns.sparse(200, 400, active=40, generator=1)
    for name, memory in memories.items():
        stored, unseen = (float(memory.recognise(x).familiarity.mean()) for x in (memory.patterns, new))
        print(f"Sparsey, {name}: familiarity {stored:.2f} of stored inputs, {unseen:.2f} of new ones")
    return {"sparsey": ms.plot.code_similarity(memories)}


def ca3() -> dict:
    """Five ticks from a fragment to its memories; a cue learnt anew forgets."""
    memory = ms.memories.SpikingCA3(cues=5, units=10)
    memory.associate([0, 1], [[1, 1, 0, 0, 0, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0, 0, 0, 0, 0]])
    record = memory.recall_by_content([0, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    print("CA3, bit 1:", record)
    print("CA3, cue 0 learnt anew:", memory.associate(0, [0, 0, 0, 0, 0, 0, 0, 0, 1, 1]).read(0))
    return {"ca3": ms.plot.spike_raster(record)}


def phases() -> dict:
    """A new order replaces an old one where reading and writing take turns."""
    X = ms.patterns.independent(20, 500, generator=0)
    order = [0, *(1 + torch.randperm(19, generator=torch.Generator().manual_seed(0))).tolist()]
    found = {}
    for separation in (0.0, 1.0):
        memory = ms.memories.PhaseGated(500, rhythm=ms.mechanisms.Rhythm(separation)).store(X).store(X[order])
        found[f"separation {separation:g}"] = memory.replay(X[0], 19)
        right = (found[f"separation {separation:g}"].match == torch.tensor(order)).double().mean()
        print(f"Phases, separation {separation:g}: {right:.0%} of the new order replayed")
    return {"phases": ms.plot.replays(found)}


def graph() -> dict:
    """Answers from a graph, with the triples used, within the constraints."""
    places = ["Paris", "Rome"]
    known = ms.cognition.KnowledgeGraph(
        [
            ("Anna", "parent of", "Bert"),
            ("Bert", "lives in", "Paris"),
            ("Anna", "lives in", "Rome"),
            ("Paris", "in", "France"),
            ("Rome", "in", "Italy"),
        ],
        objects={"lives in": places},
    )
    brain = ms.cognition.GraphBrain(known, width=32, generator=0)
    brain.fit(steps=300, generator=0, progress=False)
    answers = brain.follow("Anna", "parent of", "lives in", "in")
    for answer in answers:
        print("Graph:", answer)
    print("Graph:", brain.ask("Bert", "parent of", None))
    return {"graph": ms.plot.evidence_bars(answers[-1])}


def tensor_brain() -> dict:
    """Perception, episodes and imagination from one index layer; an episode erased, perception untouched."""
    world = ms.cognition.scenes(entities=8, predicates=3, episodes=30, senses=20, generator=0)
    brain = ms.cognition.TensorBrain(8, 3, 30, width=32, senses=20, generator=0)
    brain.fit(world.triples, world.looks, steps=600, generator=0, progress=False)
    views = world.views(world.triples, 0.5, generator=1)
    seen = brain.perceive(views)
    right = (seen.triples == world.triples).all(-1).double().mean()
    print(f"Tensor brain: {right:.0%} of noisy scenes perceived")
    print("Tensor brain, episode 3:", brain.recall_episode(3))
    same = torch.equal(brain.erase(3).perceive(views).probability, seen.probability)
    print(f"Tensor brain: episode 3 erased, perception unchanged to the last bit: {same}")
    return {"tensor_brain": ms.plot.overlap_matrix(brain.rows[:8].detach())}


def workspaces() -> dict:
    """A controller chains increments to sums that it never saw; thoughts find what a rule is about."""
    from memscape.cognition.global_workspace import sums

    numbers, addends, totals = sums(9)
    order = torch.randperm(100, generator=torch.Generator().manual_seed(0))
    workspace = ms.cognition.GlobalWorkspace(19, 10, generator=0)
    known, new = order[:70], order[70:]
    workspace.fit(numbers[known], addends[known], totals[known], progress=False)
    right = (workspace(numbers[new], addends[new]).argmax(-1) == totals[new]).double().mean()
    print(f"Global workspace: {right:.0%} of 30 held-out sums right")
    with torch.no_grad():
        chain = workspace.chain(numbers[[42, 45, 49]], addends[[42, 45, 49]])
    world = ms.cognition.rule_world(12, generator=0)
    small = ms.cognition.Workspace(12, k=2, generator=0)
    small.fit(world, steps=1000, generator=0, progress=False)
    steps = world.steps(1000, generator=1)
    with torch.no_grad():
        thought = small.attend(steps.before)
    named = torch.zeros_like(steps.kept).scatter_(1, small.named(world)[thought.units], True)
    pairs = (named == steps.kept).all(-1).double().mean()
    print(f"Consciousness prior: the right pair of 12 latents in {pairs:.0%} of the steps")
    labels = ["4 + 2", "4 + 5", "4 + 9"]
    return {
        "workspace": ms.plot.gate_course(chain, rows=(0, 1, 2), labels=labels),
        "thoughts": ms.plot.attended_units(thought),
    }


SYSTEMS = (sparsey, ca3, phases, graph, tensor_brain, workspaces)


def main() -> None:
    """Run all of them, and write their pictures to the folder on the command line if there is one."""
    for system in SYSTEMS:
        pictures = system()
        for name, figure in pictures.items():
            if len(sys.argv) > 1:
                Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
                figure.savefig(Path(sys.argv[1]) / f"{name}.png", dpi=150)


if __name__ == "__main__":
    main()
