import pytest
import torch

from memscape.core.errors import InputError
from memscape.tasks.regression import Regression, errors, kernel, latest, ridge


def test_least_squares_finds_a_stationary_law_and_ignorance_stays_at_or_above_one():
    pairs = Regression("stationary", size=6, length=60).sample(64, generator=0)
    assert errors(ridge(0.01), pairs)[-10:].mean() < 0.01
    assert abs(float(errors(lambda x, y: torch.zeros_like(y), pairs).mean()) - 1.0) < 1e-5
    assert errors(latest, pairs)[10:].mean() > 1.5  # two independent values of the same variance


def test_forgetting_helps_where_the_law_drifts_and_hurts_where_it_stays():
    drifting = Regression("drifting", size=4, length=150, memory=20).sample(48, generator=0)
    stays = Regression("stationary", size=4, length=150).sample(48, generator=0)
    late, keeps, forgets = slice(-50, None), ridge(0.1), ridge(0.1, retention=0.9)
    assert errors(forgets, drifting)[late].mean() < 0.7 * errors(keeps, drifting)[late].mean()
    assert errors(forgets, stays)[late].mean() > errors(keeps, stays)[late].mean()


def test_one_linear_law_cannot_say_a_kinked_one():
    pairs = Regression("piecewise", size=3, length=200, noise=0.0).sample(32, generator=0)
    assert errors(ridge(1e-6), pairs)[-50:].mean() > 0.05


def test_a_kinked_law_is_continuous_on_its_plane():
    task = Regression("piecewise", size=2, length=4000, noise=0.0)
    pairs = task.sample(1, generator=0)
    angle = torch.atan2(pairs.x[0, :, 1], pairs.x[0, :, 0])
    order = angle.argsort()
    steps = pairs.clean[0, order].diff(dim=0).abs() / angle[order].diff()[:, None].abs().clamp_min(1e-6)
    assert steps.quantile(0.999) < 50  # a jump would have a slope of about a thousand


def test_outliers_are_as_many_and_as_wide_as_was_asked():
    pairs = Regression(length=2000, noise=0.0, outliers=0.05, outlier=10.0).sample(4, generator=0)
    wild = (pairs.y != pairs.clean).double().mean()
    assert abs(float(wild) - 0.05) < 0.01
    assert 8 < float(pairs.y[pairs.y != pairs.clean].std()) < 12


def test_a_predictor_that_looks_at_the_answer_is_refused():
    pairs = Regression(length=10).sample(2, generator=0)
    with pytest.raises(InputError, match="changes with the y"):
        errors(lambda x, y: y, pairs)
    with pytest.raises(InputError, match="shape"):
        errors(lambda x, y: y[:, :-1], pairs)


def test_the_kernel_average_is_the_mean_at_beta_zero():
    pairs = Regression(length=12, outputs=2).sample(3, generator=0)
    found = kernel(0.0)(pairs.x, pairs.y)
    assert torch.allclose(found[:, 5], pairs.y[:, :5].mean(1), atol=1e-5)


def test_impossible_laws_are_refused():
    with pytest.raises(InputError, match="stationary"):
        Regression("wild")
    with pytest.raises(InputError, match="memory"):
        Regression("drifting", memory=0.5)


def test_its_sizes_make_it_again():
    sizes = Regression(length=7).to_dict()
    assert Regression(**{k: v for k, v in sizes.items() if k != "task"}) == Regression(length=7)
