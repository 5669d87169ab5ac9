"""Modules learnt from labels bear mixing, and a controller chains them to sums that were held out."""

from functools import cache

import pytest
import torch

from memscape.cognition import GlobalWorkspace, LearntModules
from memscape.core.errors import InputError


def views(labels: torch.Tensor, seed: int) -> torch.Tensor:
    """Noisy views of 5 classes, 12 numbers each."""
    means = torch.randn(5, 12, generator=torch.Generator().manual_seed(0))
    return means[labels] + 0.3 * torch.randn(len(labels), 12, generator=torch.Generator().manual_seed(seed))


@cache
def learnt() -> LearntModules:
    labels = torch.arange(5).repeat(40)
    modules = LearntModules(12, 5, width=32, hidden=32, generator=0)
    modules.fit(views(labels, 1), labels, steps=200, generator=0)
    return modules.requires_grad_(False)


def test_after_k_operations_the_class_k_further_on_is_named():
    labels, modules = torch.arange(5).repeat(20), learnt()
    code = modules.encode(views(labels, 2))
    for k in range(7):
        right = modules.logits(code).argmax(-1) == (labels + k) % 5
        assert float(right.double().mean()) >= 0.95
        code = modules.operate(code)


def test_a_mixture_of_codes_is_a_mixture_of_answers_before_and_after_an_operation():
    modules = learnt()
    code = modules.encode(views(torch.tensor([1, 3]), 3))
    mixed = 0.3 * code[:1] + 0.7 * code[1:]
    for content, parts in ((mixed, code), (modules.operate(mixed), modules.operate(code))):
        torch.testing.assert_close(content.sum(-1), torch.ones(1))
        shares = modules.logits(parts).exp()
        torch.testing.assert_close(modules.logits(content).exp(), 0.3 * shares[:1] + 0.7 * shares[1:])


def test_sums_that_were_held_out_are_right_for_views_that_were_held_out():
    modules = learnt()
    a, b = torch.cartesian_prod(torch.arange(5), torch.arange(5)).T
    order = torch.randperm(25, generator=torch.Generator().manual_seed(0))
    known, new = order[:18], order[18:]
    workspace = GlobalWorkspace(32, 5, operation=modules.operate, hidden=24, steps=7, generator=1)
    seen = modules.encode(views(a[known], 4))
    workspace.fit(seen, torch.eye(5)[b[known]], ((a + b) % 5)[known], readout=modules.logits, steps=400)
    with torch.no_grad():
        result = workspace.chain(modules.encode(views(a[new], 5)), torch.eye(5)[b[new]]).result
    assert float((modules.logits(result).argmax(-1) == ((a + b) % 5)[new]).double().mean()) >= 0.8


@pytest.mark.parametrize(
    "call",
    [
        lambda: LearntModules(12, 5, width=4),
        lambda: LearntModules(0, 5),
        lambda: learnt().encode(torch.zeros(1, 11)),
        lambda: learnt().encode(torch.full((1, 12), float("nan"))),
        lambda: learnt().fit(torch.zeros(2, 12), torch.tensor([0, 5])),
        lambda: learnt().fit(torch.zeros(2, 12), torch.tensor([0])),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(InputError):
        call()
