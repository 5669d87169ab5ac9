"""A network that has learned digits: all engrams make it up, and few directions carry each one."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from memscape import engrams
from memscape.patterns import digits
from memscape.training import Minibatches, train


def trained(widths, x, y, epochs, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.ReLU())]
    model = nn.Sequential(*layers[:-1])
    places = Minibatches(torch.arange(len(x)), 64, seed)

    def loss(module, batch, generator):
        return nn.functional.cross_entropy(module(x[batch]), y[batch])

    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    steps = epochs * (len(x) // 64)
    train(model, loss, places, optimizer=optimizer, steps=steps, generator=seed, progress=False)
    return model


def collected(model, x, y):
    return engrams.collect(model, [(x, y)], concept=lambda batch: batch[1], progress=False)


@cache
def case():
    """A network in float64, its statistics on what it learned, and rows that it never saw."""
    images, y = digits()
    x = images.flatten(1)
    model = trained((64, 64, 32, 10), x[:1200], y[:1200], 12).double()
    return model, collected(model, x[:1200].double(), y[:1200]), (x[1200:].double(), y[1200:])


def accuracy(model, x, y):
    with torch.no_grad():
        return float((model(x).argmax(1) == y).double().mean())


def on_the_data(matrix, second_moments):
    """The size of what a matrix answers to the inputs that were seen."""
    return float((matrix @ second_moments * matrix).sum().clamp_min(0).sqrt())


def test_the_published_estimator_leaves_nothing_of_any_layer_on_the_data():
    """Completeness, in function space: the ten engrams together, against the weights."""
    model, stats, _ = case()
    parts = [stats.engram(range(5), solver="pinv"), stats.engram(range(5, 10), solver="pinv")]
    whole = parts[0] + parts[1]
    for name, site in stats.sites.items():
        weight, total = model.get_parameter(site.weight).detach(), stats.inputs[site.source].total(False)[0]
        left = weight - whole.delta(name).dense()[0]
        assert on_the_data(left, total) <= 1e-3 * on_the_data(weight, total)


@pytest.mark.parametrize("options", [{"solver": "pinv"}, {}], ids=["pinv", "ridge"])
def test_engrams_of_disjoint_concepts_add_up_on_a_trained_network(options):
    _, stats, _ = case()
    one_by_one = [stats.engram(c, **options) for c in (1, 4, 7)]
    united = collected_as_one(case(), {1, 4, 7}).engram(1, **options)
    for name in stats.sites:
        total = sum(engram.delta(name).dense() for engram in one_by_one)
        assert (united.delta(name).dense() - total).norm() <= 1e-9 * total.norm()


def collected_as_one(made, concepts):
    """The statistics of the same rows with some labels taken together."""
    images, y = digits()
    joined = torch.where(torch.isin(y[:1200], torch.tensor(sorted(concepts))), 1, 0)
    return collected(made[0], images.flatten(1)[:1200].double(), joined)


def test_pinv_is_the_published_formula():
    """W Sigma+ pinv(Sigma), cut at 1e-6 of the largest eigenvalue, without the bias; by numpy."""
    model, stats, _ = case()
    engram = stats.engram(3, solver="pinv")
    for name, site in stats.sites.items():
        moments = stats.inputs[site.source]
        total, own = moments.total(False)[0].numpy(), moments.concepts[3].full(False)[0].numpy()
        weight = model.get_parameter(site.weight).detach().numpy()
        wanted = weight @ own @ np.linalg.pinv(total, rcond=1e-6, hermitian=True)
        found = engram.delta(name).dense()[0].numpy()
        assert np.linalg.norm(found - wanted) <= 1e-8 * np.linalg.norm(wanted)


def test_a_digit_is_erased_composed_and_put_back():
    model, stats, (x, y) = case()
    own = y == 3
    assert accuracy(model, x, y) > 0.85
    with stats.engram(3).erased(model):
        assert accuracy(model, x[own], y[own]) <= 0.15
        assert accuracy(model, x[~own], y[~own]) >= 0.85
    pair = stats.engram(3) + stats.engram(7)
    both = own | (y == 7)
    with engrams.composed(model, pair, null="zero"):
        assert accuracy(model, x[both], y[both]) >= 0.85
        assert accuracy(model, x[~both], y[~both]) <= 0.1


def test_nested_edits_end_in_any_way_and_leave_every_bit():
    model, stats, _ = case()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with stats.engram(0).erased(model):
        outer = {name: value.clone() for name, value in model.state_dict().items()}
        with pytest.raises(KeyError), stats.engram(1).erased(model), engrams.composed(model, stats.engram(2)):
            raise KeyError
        assert all(torch.equal(value, outer[name]) for name, value in model.state_dict().items())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("rank", [1, 4])
def test_few_directions_carry_an_engram(rank):
    """Cut to few directions of each layer it erases as much as the whole one."""
    model, stats, (x, y) = case()
    for concept in (0, 3, 8):
        own = y == concept
        kept = {}
        for name, engram in {"all": stats.engram(concept), "few": stats.engram(concept, rank=rank)}.items():
            with engram.erased(model):
                kept[name] = accuracy(model, x[own], y[own]), accuracy(model, x[~own], y[~own])
        assert kept["few"][0] <= kept["all"][0] + 0.05
        assert kept["few"][1] >= kept["all"][1] - 0.05


@pytest.mark.slow
def test_a_rank_4_file_of_wide_layers_is_small_and_erases_as_much(tmp_path):
    """Within 5 points of the whole engram, from a file of at most 2 % of the model."""
    images, y = digits()
    x = nn.functional.interpolate(images[:, None], size=(24, 24), mode="bilinear").flatten(1)
    model = trained((576, 600, 600, 600, 10), x[:1200], y[:1200], 4)
    stats = collected(model, x[:1200], y[:1200])
    size = sum(p.numel() * p.element_size() for p in model.parameters())
    test_x, test_y = x[1200:], y[1200:]
    for concept in range(10):
        own, path = test_y == concept, tmp_path / "e.safetensors"
        stats.engram(concept, rank=4).save(path)
        assert path.stat().st_size <= 0.02 * size
        with stats.engram(concept).erased(model):
            whole = accuracy(model, test_x[own], test_y[own]), accuracy(model, test_x[~own], test_y[~own])
        with engrams.Engram.load(path).erased(model):
            small = accuracy(model, test_x[own], test_y[own]), accuracy(model, test_x[~own], test_y[~own])
        assert small[0] <= whole[0] + 0.05
        assert small[1] >= whole[1] - 0.05
