"""A system comes back from its file with the answers that it had, bit for bit."""

import pytest
import torch
from torch import nn

import memscape as ms
from memscape.cognition import (
    PMI,
    Anatomy,
    ContinuousThought,
    GlobalWorkspace,
    GraphBrain,
    KnowledgeGraph,
    LeakyNetwork,
    LearntModules,
    RelationReader,
    System,
    TensorBrain,
    Workspace,
)
from memscape.core.cards import registered
from memscape.core.errors import FileFormatError, InputError
from memscape.core.files import load_bundle, save_bundle
from memscape.tasks import ObjectQuestions

DRAWN = torch.Generator().manual_seed(0)
SEEN = torch.randn(4, 6, generator=DRAWN)
ROWS = torch.randn(3, 5, 8, generator=DRAWN)
SCENES = ObjectQuestions().sample(4, generator=0)
GRAPH = KnowledgeGraph([("Ada", "wrote", "Notes"), ("Babbage", "built", "Engine")])


def asked(brain: GraphBrain) -> torch.Tensor:
    answers = [brain.ask(s, p, None) for s, p in (("Ada", "wrote"), ("Babbage", "built"))]
    return torch.tensor([answer.evidence for answer in answers])


# name: a system with other sizes than its defaults, and a question whose answer is a tensor
SYSTEMS = {
    "TensorBrain": (
        lambda: TensorBrain(4, 2, 3, width=8, senses=3, generator=1),
        lambda brain: brain.decode(brain.sensory(SEEN)).probability,
    ),
    "GraphBrain": (lambda: GraphBrain(GRAPH, width=8, known=0.01, generator=1), asked),
    "GlobalWorkspace": (
        lambda: GlobalWorkspace(6, 6, hidden=5, steps=3, generator=1),
        lambda space: space.chain(SEEN, SEEN).result,
    ),
    "LearntModules": (
        lambda: LearntModules(6, 3, width=5, hidden=7, generator=1),
        lambda modules: modules.logits(modules.operate(modules.encode(SEEN))),
    ),
    "Workspace": (lambda: Workspace(6, k=3, generator=1), lambda space: space(SEEN, SEEN)),
    "LeakyNetwork": (
        lambda: LeakyNetwork(7, heads=2, inputs=6, memory=(1.0, 5.0), generator=1),
        lambda network: network(SEEN[None]),
    ),
    "PMI": (
        lambda: PMI(8, 5, k=3, summaries=2, heads=2, retention=0.5, generator=1),
        lambda memory: memory(ROWS)[0],
    ),
    "RelationReader": (
        lambda: RelationReader(PMI(8, 5, generator=2), width=8, hidden=9, heads=2, rounds=3, generator=1),
        lambda reader: reader(SCENES),
    ),
    "RelationReader, no memory": (
        lambda: RelationReader(width=8, heads=2, generator=1),
        lambda reader: reader(SCENES),
    ),
    "ContinuousThought": (
        lambda: ContinuousThought(
            5, 8, 3, questions=2, ticks=3, anatomy=Anatomy(9, 8, 4, 3, 2, 4), generator=1
        ),
        lambda machine: machine(ROWS),
    ),
}


def moved(system: nn.Module) -> nn.Module:
    """A system whose numbers are no longer those that its seed draws."""
    drawn = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weights in system.parameters():
            weights.add_(0.1 * torch.rand(weights.shape, generator=drawn).to(weights))
    return system


def test_every_system_of_the_room_is_here():
    kept = {name for name in ms.catalogue() if issubclass(registered(name), System)}
    assert {name.partition(",")[0] for name in SYSTEMS} == kept


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_loaded_system_answers_bit_for_bit_as_the_saved_one(name, tmp_path):
    make, ask = SYSTEMS[name]
    system, path = moved(make()), tmp_path / "system.safetensors"
    system.save(path)
    for loaded in (type(system).load(path), ms.load(path)):
        assert type(loaded) is type(system)
        assert loaded._settings() == system._settings()
        assert repr(loaded) == repr(system)
        state = system.state_dict()
        assert all(torch.equal(t, state[n]) for n, t in loaded.state_dict().items())
        assert torch.equal(ask(loaded), ask(system))
        assert all(weights.requires_grad for weights in loaded.parameters())


def test_the_type_of_the_numbers_is_kept(tmp_path):
    system = Workspace(6, generator=0).double()
    system.save(tmp_path / "w.safetensors")
    assert Workspace.load(tmp_path / "w.safetensors").map.dtype == torch.float64


def test_a_loaded_system_learns_on_as_the_saved_one(tmp_path):
    world, path = ms.cognition.rule_world(6, generator=0), tmp_path / "system.safetensors"
    workspace = Workspace(6, generator=0)
    workspace.fit(world, steps=5, generator=0)
    workspace.save(path)
    loaded = Workspace.load(path)
    for each in (workspace, loaded):
        each.fit(world, steps=5, generator=1)
    assert torch.equal(loaded.map, workspace.map)


def test_the_file_of_another_system_is_refused_by_name(tmp_path):
    Workspace(4, generator=0).save(tmp_path / "w.safetensors")
    with pytest.raises(FileFormatError, match=r"holds a Workspace, not a PMI; memscape\.load"):
        PMI.load(tmp_path / "w.safetensors")
    ms.memories.Hebbian(ms.patterns.independent(2, 20, generator=0)).save(tmp_path / "m.safetensors")
    with pytest.raises(FileFormatError, match="holds a Hebbian"):
        PMI.load(tmp_path / "m.safetensors")
    with pytest.raises(FileNotFoundError):
        PMI.load(tmp_path / "nothing.safetensors")


def test_tensors_that_do_not_fit_and_files_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    Workspace(4, generator=0).save(path)
    held = load_bundle(path)
    save_bundle(path, kind="system", card="Workspace", tensors={"map": held.tensors["map"]}, parts=held.parts)
    with pytest.raises(FileFormatError, match="do not fit its settings"):
        Workspace.load(path)
    save_bundle(path, kind="memory", card="Workspace", tensors=held.tensors, parts=held.parts)
    with pytest.raises(FileFormatError, match="not a system"):
        Workspace.load(path)


def test_an_operation_of_ones_own_is_given_again(tmp_path):
    path = tmp_path / "g.safetensors"
    modules = moved(LearntModules(6, 3, width=6, generator=0))
    workspace = moved(GlobalWorkspace(6, 6, operation=modules.operate, generator=1))
    workspace.save(path)
    for read in (ms.load, GlobalWorkspace.load):
        with pytest.raises(FileFormatError, match=r"LearntModules.operate.*load\(path, operation=...\)"):
            read(path)
    loaded = GlobalWorkspace.load(path, operation=modules.operate)
    assert torch.equal(loaded.chain(SEEN, SEEN).result, workspace.chain(SEEN, SEEN).result)
    GlobalWorkspace(6, 6, generator=1).save(path)
    with pytest.raises(InputError, match="the shift"):
        GlobalWorkspace.load(path, operation=modules.operate)


def test_an_operation_that_is_a_module_comes_back_with_its_weights(tmp_path):
    path = tmp_path / "g.safetensors"
    workspace = moved(GlobalWorkspace(6, 6, operation=nn.Linear(6, 6), generator=1))
    workspace.save(path)
    loaded = GlobalWorkspace.load(path, operation=nn.Linear(6, 6))
    assert torch.equal(loaded.chain(SEEN, SEEN).result, workspace.chain(SEEN, SEEN).result)


def test_files_of_brains_from_before_their_seed_was_written_are_read(tmp_path):
    path, brain = tmp_path / "b.safetensors", moved(TensorBrain(4, 2, 3, width=8, generator=1))
    settings = {name: value for name, value in brain._settings().items() if name != "generator"}
    tensors = dict(brain.state_dict())
    save_bundle(path, kind="system", card="TensorBrain", tensors=tensors, parts={"settings": settings})
    assert torch.equal(TensorBrain.load(path).rows, brain.rows)
