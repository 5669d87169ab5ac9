"""The measurements of learners at small size: their tasks are what they say, and a seed fixes the number."""

import pytest
import torch

from memscape.replications import ctm2025, fast_slow2020, selectable_kan2024
from memscape.replications.fast_slow2020 import KEYS, VALUES, WAYS, Keeper, cosines, trials


def test_digits_come_as_patches_that_hold_all_pixels():
    from sklearn.datasets import load_digits

    tokens, labels = ctm2025.digits(0, 0)
    assert tokens.shape == (1797, 16, 4)
    pixels = tokens.view(-1, 4, 4, 2, 2).permute(0, 1, 3, 2, 4).reshape(-1, 64)
    theirs = torch.tensor(load_digits().data / 16).float()
    place = int((theirs == pixels[5]).all(1).nonzero()[0])
    assert int(labels[5]) == load_digits().target[place]


def test_a_short_run_of_the_thought_machine_measures_what_it_should():
    settings = {"seeds": 2, "steps": 4, "learnt": 64}
    full, last = ctm2025.named(1, **settings), ctm2025.ticks_matter(1, **settings)
    saved, cost = ctm2025.halting_saves(1, **settings), ctm2025.halting_costs_nothing(1, **settings)
    assert full.value == pytest.approx(sum(row["surest tick"] for row in full.rows) / 2)
    assert last.rows == full.rows == saved.rows
    assert 0 <= saved.value < 1
    assert cost.value == pytest.approx(sum(row["halted"] - row["surest tick"] for row in full.rows) / 2)


def test_parity_is_measured_on_all_inputs():
    found = ctm2025.parity(0, seeds=2, steps=2, length=3)
    assert all(0 <= row["all bits"] <= 1 for row in found.rows)
    assert "all 8 inputs" in found.note


def test_ratios_are_those_of_the_table():
    best, median = (
        measure(0, seeds=2, scale=0.005)
        for measure in (selectable_kan2024.best_single, selectable_kan2024.median_single)
    )
    families = list(selectable_kan2024.FAMILIES)
    for row, other in zip(best.rows, median.rows, strict=True):
        singles = sorted(row[name] for name in families)
        assert row["ratio"] == pytest.approx(row["selected"] / singles[0])
        assert other["ratio"] == pytest.approx(row["selected"] / singles[2])
    assert best.value == max(row["ratio"] for row in best.rows) >= median.value


def test_separations_are_compared_on_the_same_cues():
    settings = {"seeds": 1, "units": 30, "count": 10, "damage": 0.1}
    powers = selectable_kan2024.separation_powers(0, **settings)
    other = selectable_kan2024.separation_exponential(0, **settings)
    (row,) = powers.rows
    assert powers.rows == other.rows
    assert powers.value == pytest.approx(row["learnt"] - max(row[f"power {k}"] for k in (2, 3, 4, 6)))
    assert row["learnt"] > 0.8


def test_trials_ask_for_what_was_to_be_kept_whatever_came_after():
    given = trials(50, 3)
    kept = given.inputs[:, :KEYS]
    assert (given.inputs[..., -2].sum(-1) == KEYS).all()
    assert (kept[..., :KEYS].sum(1) == 1).all()  # each key once
    place = kept[torch.arange(50), :, given.asked].argmax(-1)
    assert torch.equal(kept[torch.arange(50), place, KEYS : KEYS + VALUES].argmax(-1), given.answers)
    assert torch.equal(given.inputs[:, -1, :KEYS].argmax(-1), given.asked)
    assert torch.equal(given.told(False)[1][:, : KEYS + VALUES], torch.zeros(50, KEYS + VALUES))


def test_all_ways_see_the_same_loss_and_only_the_whole_gradient_reaches_the_writing():
    given, found, reach = trials(20, 0), [], {}
    for way in WAYS:
        keeper = Keeper(0)
        loss = keeper.loss(given, way)
        loss.backward()
        found.append(float(loss.detach()))
        reach[way] = keeper.what.weight.grad is not None and bool(
            keeper.what.weight.grad[:, KEYS : KEYS + VALUES].any()
        )
    assert found == pytest.approx([found[0]] * len(WAYS))
    assert reach == {
        "full": True,
        "truncated": False,
        "synthetic": False,
        "untold": False,
    }  # nothing learnt yet


def test_the_cosine_of_a_true_prediction_is_one():
    keeper, given = Keeper(0), trials(10, 0)

    class True_(torch.nn.Module):
        def forward(self, state, context):
            place = int(context[0, -4:].argmax())
            with torch.enable_grad():
                start = state.clone().requires_grad_()
                rest = given.inputs[:, 4 * place :]
                return torch.autograd.grad(keeper.window(start, rest, given.answers)[1].sum(), start)[0]

    keeper.synthetic = True_()
    assert cosines(keeper, given) == pytest.approx([1, 1, 1])


def test_a_seed_fixes_the_number():
    first, again = (fast_slow2020.beyond_the_window(s, seeds=2, steps=3) for s in (1, 1))
    assert first == again
    assert set(WAYS) < set(first.rows[0])
    assert -1 <= fast_slow2020.true_direction(1, seeds=2, steps=3).value <= 1
