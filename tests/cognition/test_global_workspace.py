"""The global workspace: a controller that has seen some sums chains the same operation to new ones."""

import pytest
import torch

from memscape.cognition import GlobalWorkspace
from memscape.cognition.global_workspace import shifted, sums
from memscape.core.errors import InputError


def test_sums_that_were_held_out_are_right():
    seen, instruction, answers = sums(5)
    order = torch.randperm(36, generator=torch.Generator().manual_seed(0))
    known, new = order[:26], order[26:]
    workspace = GlobalWorkspace(11, 6, hidden=24, steps=8, generator=1)
    history = workspace.fit(seen[known], instruction[known], answers[known], steps=600)
    assert float(history.losses[-1]) < 0.05
    right = workspace(seen[new], instruction[new]).argmax(-1) == answers[new]
    assert float(right.double().mean()) >= 0.9
    steps = (workspace.chain(seen, instruction).spoken == 1).sum(-1).double()
    b = instruction.argmax(-1)
    rank = torch.corrcoef(torch.stack([steps[b >= 1], b[b >= 1].double()]))[0, 1]
    assert float(rank) >= 0.8  # as many operations as the instruction says


def test_gates_lie_in_the_simplex_and_the_result_is_what_output_heard():
    seen, instruction, _ = sums(3)
    workspace = GlobalWorkspace(7, 4, generator=0)
    chain = workspace.chain(seen, instruction)
    assert (chain.gates >= 0).all()
    torch.testing.assert_close(chain.gates.sum(-1), torch.ones(16, 12))
    content, result = torch.zeros(16, 7), torch.zeros(16, 7)
    for g in chain.gates.unbind(1):
        result = result + g[:, 2:] * content
        content = g[:, :1] * seen + g[:, 1:2] * shifted(content) + g[:, 2:] * content
    torch.testing.assert_close(chain.result, result)
    assert "Chain of 12 steps for 16 inputs" in repr(chain)


def test_the_controller_is_small_and_drawn_from_its_seed():
    first, second = (GlobalWorkspace(19, 10, generator=4) for _ in range(2))
    assert sum(p.numel() for p in first.parameters()) == 6115
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    state = torch.random.get_rng_state()
    GlobalWorkspace(19, 10, generator=4)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize(
    "call",
    [
        lambda: GlobalWorkspace(0, 1),
        lambda: GlobalWorkspace(3, 1, steps=0),
        lambda: GlobalWorkspace(3, 3).fit(torch.eye(3), torch.eye(3), torch.tensor([0, 1, 3])),
        lambda: GlobalWorkspace(3, 3).fit(torch.eye(3), torch.eye(3), torch.tensor([0, 1])),
        lambda: GlobalWorkspace(3, 2).chain(torch.zeros(1, 4), torch.zeros(1, 2)),
        lambda: GlobalWorkspace(3, 2).chain(torch.full((1, 3), float("nan")), torch.zeros(1, 2)),
        lambda: GlobalWorkspace(3, 2).chain(torch.zeros(2, 3), torch.zeros(1, 2)),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(InputError):
        call()
