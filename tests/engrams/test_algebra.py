"""Engrams are vectors: what the theorems say of them, in double precision."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from memscape import engrams
from memscape.core.errors import InputError

SOLVERS = st.sampled_from([{"solver": "ridge"}, {"solver": "ridge", "bias": False}, {"solver": "pinv"}])


def change(engram, name):
    return engram.delta(name).dense()


def one_layer(x, labels, outputs=5, *, bias=False, seed=0):
    model = nn.Linear(x.shape[1], outputs, bias=bias, dtype=x.dtype)
    for p in model.parameters():
        p.data.copy_(torch.randn(p.shape, generator=torch.Generator().manual_seed(seed), dtype=p.dtype))
    stats = engrams.collect(model, [(x, labels)], concept=lambda batch: batch[1])
    return model, stats


@given(seed=st.integers(0, 99), options=SOLVERS)
@settings(max_examples=9)
def test_the_engram_of_a_union_is_the_sum_of_the_engrams(lab, seed, options):
    model = lab.network(7, 9, 4, seed=seed)
    stats = engrams.collect(model, lab.batches(90, 7, 4, seed=seed), concept=lab.label)
    a, b, c = (stats.engram(i, **options) for i in (0, 1, 3))
    # the union, collected as one concept
    joined = engrams.collect(
        model, lab.batches(90, 7, 4, seed=seed), concept=lambda batch: torch.where(batch[1] == 2, 2, 0)
    ).engram(0, **options)
    for name in a.sites:
        total = change(a, name) + change(b, name) + change(c, name)
        assert (change(joined, name) - total).norm() <= 1e-9 * total.norm()


def test_the_order_of_additions_cannot_be_seen(stats):
    a, b, c = (stats.engram(i) for i in range(3))
    for name in a.sites:
        assert torch.equal(change(a + b + c, name), change(c + (a + b), name))
        assert torch.equal(change(sum([b, c, a]), name), change(stats.engram([0, 1, 2]), name))


def test_what_is_added_can_be_subtracted(stats):
    a, b = stats.engram(0), stats.engram(1)
    assert (a + b - b).concepts == a.concepts
    for name in a.sites:
        assert torch.equal(change(a + b - b, name), change(a, name))
        assert torch.allclose(change(2 * a - a, name), change(a, name))
        assert float(change(a - a, name).abs().max()) == 0.0


@given(seed=st.integers(0, 99))
def test_all_engrams_together_are_the_weights_on_the_data(lab, seed):
    """Completeness, in function space: what is left reads nothing of the inputs that were seen."""
    x, y = lab.rows(60, 9, seed), torch.arange(60) % 3
    x[:, 6:] = x[:, :3]  # three directions never occur
    model, stats = one_layer(x, y, seed=seed)
    whole = stats.engram([0, 1, 2][:2], solver="pinv") + stats.engram(2, solver="pinv")
    left = x @ (model.weight.double() - change(whole, "model")[0]).T
    assert left.norm() <= 1e-3 * (x @ model.weight.T).norm()


@given(order=st.integers(1, 5), ridge=st.floats(0.01, 10), seed=st.integers(0, 99))
def test_a_ridge_keeps_what_its_formula_says(lab, order, ridge, seed):
    """Sum of all engrams = W (1 - (eps / (T + eps))^m): iterated Tikhonov regularisation of order m."""
    x, y = lab.rows(80, 6, seed), torch.arange(80) % 2
    model, stats = one_layer(x, y)
    total, eye = x.T @ x, torch.eye(6, dtype=x.dtype)
    eps = ridge * total.diagonal().mean() * eye
    whole = change(sum(stats.engram(c, ridge=ridge, order=order) for c in (0, 1)), "model")[0]
    left = torch.linalg.matrix_power(eps @ torch.linalg.inv(total + eps), order)
    wanted = model.weight @ (eye - left)
    assert (whole - wanted).norm() <= 1e-9 * wanted.norm()


@pytest.mark.parametrize("count", [3, 40], ids=["few rows", "a matrix"])
def test_each_order_solves_for_what_the_ones_before_left(lab, count):
    """The engram of order m + 1 is that of order m plus the ridge solution of its residual."""
    x, y = lab.rows(80, 12), (torch.arange(80) >= count).long()
    model, stats = one_layer(x, y, outputs=9)
    total, target = x.T @ x, model.weight.detach() @ x[y == 0].T @ x[y == 0]
    damped = total + 0.2 * total.diagonal().mean() * torch.eye(12, dtype=x.dtype)
    for order in (1, 2, 3):
        before, after = (change(stats.engram(0, ridge=0.2, order=m), "model")[0] for m in (order, order + 1))
        step = (target - before @ total) @ torch.linalg.inv(damped)
        assert (after - before - step).norm() <= 1e-9 * after.norm()


def test_a_truncated_engram_of_any_order_tends_to_the_whole_one(lab):
    x, y = lab.rows(60, 8), torch.arange(60) % 2
    _, stats = one_layer(x, y, outputs=8)
    whole = change(stats.engram(0, order=3), "model")[0]
    errors = [
        float((x @ (change(stats.engram(0, order=3, rank=rank), "model")[0] - whole).T).norm())
        for rank in (1, 3, 5, 7)
    ]
    assert errors == sorted(errors, reverse=True)
    assert torch.allclose(change(stats.engram(0, order=3, rank=8), "model")[0], whole, atol=1e-12)


def test_the_published_estimator_has_no_order(lab):
    x, y = lab.rows(60, 8), torch.arange(60) % 2
    _, stats = one_layer(x, y)
    one, two = (change(stats.engram(0, solver="pinv", order=m), "model") for m in (1, 2))
    assert torch.equal(one, two)
    with pytest.raises(InputError, match="order"):
        stats.engram(0, order=0)


@given(count=st.integers(2, 11), seed=st.integers(0, 99))
def test_it_is_the_projection_rule_memory(lab, count, seed):
    """With independent inputs it stores x -> Wx for the concept and x -> 0 for the others, exactly."""
    x, y = lab.rows(count, 12, seed), (torch.arange(count) >= count // 2).long()
    model, stats = one_layer(x, y, seed=seed)
    w = change(stats.engram(0, solver="pinv", rtol=1e-12), "model")[0]
    assert torch.allclose(x[y == 0] @ w.T, model(x[y == 0]), atol=1e-8)
    assert float((x[y == 1] @ w.T).detach().abs().max()) <= 1e-8


def test_specificity_is_soft():
    """Two equal inputs, one each side: the engram halves both. The published formula is least squares."""
    x = torch.ones(2, 1, dtype=torch.float64)
    model, stats = one_layer(x, torch.tensor([0, 1]), outputs=1)
    assert torch.allclose(change(stats.engram(0, solver="pinv"), "model")[0], model.weight / 2)


@given(seed=st.integers(0, 99))
def test_it_is_one_natural_gradient_step_on_the_concept_s_loss(lab, seed):
    """Gradient of |WX+|^2 / 2, preconditioned with the input factor of K-FAC."""
    x, y = lab.rows(50, 8, seed), torch.arange(50) % 2
    model, stats = one_layer(x, y, seed=seed)
    (gradient,) = torch.autograd.grad(0.5 * model(x[y == 0]).square().sum(), model.weight)
    step = gradient @ torch.linalg.inv(x.T @ x)
    assert (change(stats.engram(0, ridge=0.0), "model")[0] - step).norm() <= 1e-10 * step.norm()


@given(seed=st.integers(0, 99), weight=st.floats(0.1, 10))
def test_the_reference_weight_is_lambda(lab, seed, weight):
    x, y = lab.rows(50, 6, seed), torch.arange(50) % 2
    model, stats = one_layer(x, y, seed=seed)
    a, b = x[y == 0].T @ x[y == 0], x[y == 1].T @ x[y == 1]
    wanted = model.weight @ a @ torch.linalg.inv(a + weight * b)
    found = change(stats.engram(0, ridge=0.0, reference_weight=weight), "model")[0]
    assert (found - wanted).norm() <= 1e-9 * wanted.norm()


def test_engrams_that_do_not_add_up_are_not_added(stats, mlp, data, lab):
    with pytest.raises(InputError, match="do not add up"):
        stats.engram(0, reference_weight=3.0) + stats.engram(1, reference_weight=3.0)
    with pytest.raises(InputError, match="different totals, ridges or solvers"):
        stats.engram(0, ridge=0.1) + stats.engram(1, ridge=0.2)
    other = engrams.collect(mlp, data[:3], concept=lab.label)
    with pytest.raises(InputError, match="different totals"):
        stats.engram(0) + other.engram(1)
    union = stats.engram([0, 1], reference_weight=3.0)
    assert (2 * union).concepts == {"0 + 1": 2.0}


@pytest.mark.parametrize("options", [{}, {"solver": "pinv"}])
def test_the_reading_of_few_rows_equals_that_of_their_matrix(lab, options):
    """A concept of few rows is solved through the rows: the same engram, of lower rank."""
    x, y = lab.rows(300, 30), (torch.arange(300) >= 6).long()
    model, stats = one_layer(x, y, outputs=20)
    a, b = x[y == 0], x
    total = b.T @ b
    if not options:
        total = total + 0.05 * total.diagonal().mean() * torch.eye(30, dtype=x.dtype)
    delta = stats.engram(0, bias=False, ridge=0.05, order=1, **options).delta("model")
    assert delta.left.shape[2] == 6
    wanted = model.weight @ a.T @ a @ torch.linalg.inv(total)
    assert (delta.dense()[0] - wanted).norm() <= 1e-9 * wanted.norm()


@given(seed=st.integers(0, 99), rank=st.integers(1, 4))
def test_a_truncated_engram_is_the_best_of_its_rank_on_the_data(lab, seed, rank):
    x, y = lab.rows(60, 8, seed), torch.arange(60) % 2
    _, stats = one_layer(x, y, seed=seed)
    whole = change(stats.engram(0, ridge=1e-9), "model")[0]
    low = change(stats.engram(0, ridge=1e-9, rank=rank), "model")[0]
    plain = change(
        stats.engram(0, ridge=1e-9).compressed(rank).terms and stats.engram(0, ridge=1e-9), "model"
    )[0]
    u, s, v = torch.linalg.svd(plain, full_matrices=False)
    cut = u[:, :rank] * s[:rank] @ v[:rank]
    assert torch.linalg.matrix_rank(low) <= rank
    assert (x @ (low - whole).T).norm() <= (x @ (cut - whole).T).norm() * (1 + 1e-6)


def test_the_null_space_variant_never_touches_the_reference(lab):
    x, y = lab.rows(10, 12), (torch.arange(10) >= 4).long()
    model, stats = one_layer(x, y)
    w = change(stats.engram(0, solver="nullspace", rtol=1e-9), "model")[0]
    assert float((x[y == 1] @ w.T).detach().abs().max()) <= 1e-8
    assert torch.allclose(x[y == 0] @ w.T, model(x[y == 0]), atol=1e-6)


def test_a_part_of_an_engram_lives_in_some_layers(stats):
    part = stats.engram(0).only("2")
    assert list(part.sites) == ["2"]
    with pytest.raises(InputError, match="no layer is called"):
        stats.engram(0).only("head.*")
    with pytest.raises(InputError, match="different layers"):
        part + stats.engram(1)


def test_an_engram_explains_itself(stats):
    assert repr(stats.engram(0) + 2 * stats.engram(1)) == (
        "Engram(0 + 2 * 1; 3 matrices, computed when it is used)"
    )
    assert stats.engram(0).to_dict()["concepts"] == {"0": 1.0}
