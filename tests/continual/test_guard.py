"""The guard: answers to protected inputs do not move, whatever the optimiser and the type of layer."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from memscape.continual import Lateral, Singular, SubspaceGuard
from memscape.core.errors import InputError

OPTIMIZERS = {
    "sgd with momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "decaying adam": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.5),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
}


class Net(nn.Module):
    """A table, a grouped convolution, a norm, attention and lines: one of each kind."""

    def __init__(self, tied=False):
        super().__init__()
        self.table = nn.Embedding(20, 8)
        self.wide = nn.Conv1d(8, 8, 3, padding=1, groups=2)
        self.norm = nn.LayerNorm(8)
        self.attend = nn.MultiheadAttention(8, 2, batch_first=True)
        self.out = nn.Linear(8, 20, bias=not tied)
        if tied:
            self.out.weight = self.table.weight

    def forward(self, ids):
        x = self.table(ids)
        x = x + torch.relu(self.wide(x.transpose(1, 2))).transpose(1, 2)
        x = self.norm(x)
        x = x + self.attend(x, x, x, need_weights=False)[0]
        return self.out(x)


def seeded(build, seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build()


def trained(model, guard, optimizer, ids, steps=20):
    generator = torch.Generator().manual_seed(5)
    with guard.guarding(optimizer):
        for _ in range(steps):
            optimizer.zero_grad()
            goal = torch.randint(20, ids.shape, generator=generator)
            F.cross_entropy(model(ids).flatten(0, 1), goal.flatten()).backward()
            optimizer.step()


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("tied", [False, True])
def test_protected_answers_stay_and_others_move(name, tied):
    model = seeded(lambda: Net(tied).double(), 0).eval()
    generator = torch.Generator().manual_seed(1)
    old, new = (
        torch.randint(10, (1, 3), generator=generator),
        torch.randint(10, 20, (6, 5), generator=generator),
    )
    guard = SubspaceGuard(model, Singular(share=1.0))
    guard.protect([old])
    before, fresh = model(old).detach(), model(new).detach()
    trained(model, guard, OPTIMIZERS[name](model.parameters()), new)
    # a tied table is also the head: the logits of new tokens move with their rows
    kept = slice(0, 10) if tied else slice(None)
    assert torch.allclose(model(old)[..., kept], before[..., kept], atol=1e-5)
    assert not torch.allclose(model(new), fresh, atol=1e-2)


@settings(max_examples=15, deadline=None)
@given(st.integers(3, 10), st.integers(1, 2), st.booleans(), st.integers(0, 99))
def test_a_linear_layer_forgets_nothing_as_long_as_directions_are_left(width, count, bias, seed):
    generator = torch.Generator().manual_seed(seed)
    model = seeded(lambda: nn.Linear(width, 4, bias=bias), seed)
    tasks = [torch.randn(count, width, generator=generator) for _ in range(3)]
    guard, answers = SubspaceGuard(model, Singular(share=1.0)), []
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    with guard.guarding(optimizer):
        for x in tasks:
            for _ in range(5):
                optimizer.zero_grad()
                (model(x) - 3).square().sum().backward()
                optimizer.step()
            answers.append(model(x).detach())
            guard.protect([x])
    for x, answer in zip(tasks, answers, strict=True):
        assert torch.allclose(model(x), answer, atol=1e-4)


def test_without_a_set_to_protect_steps_are_as_they_were():
    ids = torch.arange(10).reshape(2, 5)
    models = [seeded(Net, 3) for _ in range(2)]
    for model, guarded in zip(models, [False, True], strict=True):
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
        if guarded:
            trained(model, SubspaceGuard(model), optimizer, ids, steps=3)
        else:
            with SubspaceGuard(nn.Linear(1, 1)).guarding(
                torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
            ):
                trained(model, SubspaceGuard(nn.Linear(1, 1)), optimizer, ids, steps=3)
    for mine, other in zip(*(m.parameters() for m in models), strict=True):
        assert torch.equal(mine, other)


def test_removing_the_guard_frees_the_steps():
    model = seeded(lambda: nn.Linear(4, 2), 0)
    guard, x = SubspaceGuard(model, Singular(share=1.0)), torch.ones(1, 4)
    guard.protect([x])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with guard.guarding(optimizer):
        pass
    before = model(x).detach()
    model(x).sum().backward()
    optimizer.step()
    assert not torch.allclose(model(x), before)


def test_a_bias_that_is_not_trained_costs_no_exactness():
    model = seeded(lambda: nn.Linear(5, 3), 0)
    model.bias.requires_grad_(False)
    x = torch.randn(2, 5, generator=torch.Generator().manual_seed(1))
    guard = SubspaceGuard(model, Singular(share=1.0))
    guard.protect([x])
    before = model(x).detach()
    optimizer = torch.optim.Adam([model.weight], lr=0.1)
    with guard.guarding(optimizer):
        for _ in range(5):
            optimizer.zero_grad()
            (model(torch.ones(1, 5)) - 9).square().sum().backward()
            optimizer.step()
    assert torch.allclose(model(x), before, atol=1e-5)


def test_rank_is_used_up_and_reported():
    model = nn.Sequential(nn.Linear(6, 5, bias=False), nn.ReLU(), nn.Linear(5, 2))
    guard = SubspaceGuard(model, {"0": Singular(rank=2), "*": Lateral(rank=1)}, generator=0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(2):
        guard.protect([torch.randn(50, 6, generator=generator)])
    assert guard.ranks() == {"0": (4, 6), "2": (2, 6)}
    assert "6 of 12 input directions" in repr(guard)


def test_a_reading_protects_what_it_makes_of_the_inputs():
    model = nn.Linear(4, 1, bias=False)
    guard = SubspaceGuard(model, Singular(share=1.0), reading=lambda rows: rows.mean(dim=1))
    guard.protect([torch.stack([torch.eye(4)[0], torch.eye(4)[1]])[None]])  # (1 row, 2 times, 4 units)
    assert torch.allclose(
        guard.layers[""].subspaces[0].basis.abs(), torch.tensor([[0.5**0.5, 0.5**0.5, 0, 0]])
    )


def test_mistakes_are_named():
    with pytest.raises(InputError, match="no layer that can be guarded"):
        SubspaceGuard(nn.ReLU())
    with pytest.raises(InputError, match="no basis fits the layer '0'"):
        SubspaceGuard(nn.Sequential(nn.Linear(2, 2)), {"5": Singular(rank=1)})
    with pytest.raises(InputError, match="no inputs to protect"):
        SubspaceGuard(nn.Linear(2, 2)).protect([])
    with pytest.raises(InputError, match="rank, share or both"):
        Singular()


def test_the_callback_of_transformers_guards_a_run():
    pytest.importorskip("transformers", reason="transformers is not installed: pip install '.[hub]'")
    model = seeded(lambda: nn.Linear(4, 2), 0)
    guard, x = SubspaceGuard(model, Singular(share=1.0)), torch.ones(1, 4)
    guard.protect([x])
    callback, optimizer = guard.callback(), torch.optim.SGD(model.parameters(), lr=0.1)
    before = model(x).detach()
    callback.on_train_begin(None, None, None, optimizer=optimizer)
    model(x).sum().backward()
    optimizer.step()
    assert torch.allclose(model(x), before, atol=1e-6)
    callback.on_train_end(None, None, None)
    optimizer.step()
    assert not torch.allclose(model(x), before)


def test_running_averages_do_not_move_what_is_protected():
    model = seeded(lambda: nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2)), 0)
    old, new = torch.randn(2, 20, 4, generator=torch.Generator().manual_seed(0))
    model(old)
    guard = SubspaceGuard(model, Singular(share=1.0))
    guard.protect([old[:2]])
    before = model.eval()(old[:2]).detach()
    optimizer = torch.optim.SGD(model.train().parameters(), lr=0.05)
    with guard.guarding(optimizer):
        for _ in range(20):
            optimizer.zero_grad()
            model.train()(new + 5).square().mean().backward()
            optimizer.step()
    assert model[1].training
    assert torch.allclose(model.eval()(old[:2]), before, atol=1e-4)


def test_what_is_no_number_is_named():
    guard = SubspaceGuard(seeded(lambda: nn.Linear(4, 2), 0))
    with pytest.raises(InputError, match="saw 4 NaN or infinite values of 5"):
        guard.protect([torch.full((1, 4), torch.nan)])
    with pytest.raises(InputError, match="rate is nan"):
        Lateral(2, rate=float("nan"))


@pytest.mark.parametrize("bias", [False, True])
def test_two_layers_with_one_matrix_keep_each_other(bias):
    model = seeded(lambda: nn.Sequential(nn.Linear(8, 8, bias), nn.Tanh(), nn.Linear(8, 8, bias)), 0)
    model[2].weight = model[0].weight
    old, new = torch.randn(2, 2, 8, generator=torch.Generator().manual_seed(0))
    guard = SubspaceGuard(model, Singular(share=1.0))
    guard.protect([old])
    before, optimizer = model(old).detach(), torch.optim.SGD(model.parameters(), lr=0.1)
    with guard.guarding(optimizer):
        for _ in range(20):
            optimizer.zero_grad()
            (model(new) - 1).square().mean().backward()
            optimizer.step()
    assert torch.allclose(model(old), before, atol=1e-5)
