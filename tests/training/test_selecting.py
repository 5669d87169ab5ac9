"""Learning with all families, then with fewer: one is left at the end, and it fits."""

import torch

from memscape.mechanisms import SelectableNetwork
from memscape.training import train_selecting

X = torch.linspace(-1, 1, 60)[:, None]


def run(progress=False, seed: int = 0):
    network = SelectableNetwork(
        (1, 2, 1), families=("chebyshev", "radial", "fourier"), size=5, generator=seed
    )
    loss = lambda y: (y - X**3).square().mean()  # noqa: E731
    settings = {"steps": 40, "last": 100, "rate": 0.03}
    return network, train_selecting(network, X, loss, **settings, generator=seed, progress=progress)


def test_every_edge_ends_with_one_family_and_the_function_is_fitted():
    network, history = run()
    assert network.families_left == 1
    assert (history.steps, history.complete) == (40 + 40 + 100, True)
    assert history.losses[-1] < 0.01 * history.losses[0]
    assert network.parameters_left == 4 * 5


def test_the_same_seed_gives_the_same_run():
    assert torch.equal(run()[1].losses, run()[1].losses)


def test_the_rounds_are_told():
    told = []
    run(progress=lambda done, total, text: told.append((done, total)))
    assert told[-1] == (3, 3)
