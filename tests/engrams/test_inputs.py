"""What a batch may be.

The model gets its inputs, the concept its labels, and layers that see one tensor share it.
"""

import numpy as np
import pytest
import torch
from torch import nn

from memscape import engrams
from memscape.core.errors import InputError


class Gated(nn.Module):
    """A block whose queries, keys and values see one tensor, and whose gate and up projection see another."""

    def __init__(self, units=6, inner=10):
        super().__init__()
        self.norm = nn.RMSNorm(units)
        self.q, self.k, self.v, self.o = (nn.Linear(units, units, bias=False) for _ in range(4))
        self.gate, self.up, self.down = (
            nn.Linear(units, inner),
            nn.Linear(units, inner),
            nn.Linear(inner, units),
        )

    def forward(self, x, scale=1.0):
        seen = self.norm(x)
        x = x + self.o(nn.functional.scaled_dot_product_attention(self.q(seen), self.k(seen), self.v(seen)))
        seen = self.norm(x)
        return x + scale * self.down(nn.functional.silu(self.gate(seen)) * self.up(seen))


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_queries_keys_values_share_and_so_do_gate_and_up():
    model, x = Gated().double(), draw(8, 5, 6)
    stats = engrams.collect(model, [(x, torch.arange(8) % 2)], concept=lambda batch: batch[1])
    sources = {name: site.source for name, site in stats.sites.items()}
    assert sources == {"q": "q", "k": "q", "v": "q", "o": "o", "gate": "gate", "up": "gate", "down": "down"}
    with torch.no_grad():
        seen = model.norm(x).reshape(-1, 6)
    assert torch.allclose(stats.inputs["q"].total(False)[0], seen.T @ seen)
    assert stats.nbytes < sum(
        moments.nbytes
        for moments in engrams.collect(
            model, [(x, torch.arange(8) % 2)], concept=lambda batch: batch[1], share=False
        ).inputs.values()
    )


X, Y = draw(8, 5, 6), torch.arange(8) % 2
BATCHES = [
    ((X, Y), {"concept": lambda batch: batch[1]}),
    ([X, Y], {"concept": lambda batch: batch[1]}),
    ({"x": X, "label": Y}, {"concept": "label"}),
    ({"x": X, "kind": Y}, {"concept": "kind"}),
    ({"x": X, "scale": 1.0, "labels": Y}, {"concept": lambda batch: batch["labels"]}),
    (X, {"concept": lambda batch: Y}),
    (((X, 1.0), Y), {"concept": lambda batch: batch[1]}),
    ({"rows": X, "y": Y}, {"concept": "y", "inputs": lambda batch: batch["rows"]}),
]


@pytest.mark.parametrize(("batch", "options"), BATCHES, ids=range(len(BATCHES)))
def test_every_form_of_a_batch_gives_the_same_statistics(batch, options):
    torch.manual_seed(0)
    model = Gated().double()
    found = engrams.collect(model, [batch], **options)
    wanted = engrams.collect(model, [(X, Y)], concept=lambda one: one[1])
    assert found.counts == wanted.counts == {0: 4, 1: 4}
    for name, moments in wanted.inputs.items():
        assert torch.equal(found.inputs[name].total(True), moments.total(True))


def test_a_data_loader_is_read():
    data = torch.utils.data.TensorDataset(X, Y)
    loader = torch.utils.data.DataLoader(data, batch_size=3)
    stats = engrams.collect(Gated().double(), loader, concept=lambda batch: batch[1])
    assert (stats.batches, stats.counts) == (3, {0: 4, 1: 4})


def test_a_concept_that_the_batch_does_not_hold_is_an_error_of_the_user():
    with pytest.raises((InputError, KeyError), match="topic"):
        engrams.collect(Gated().double(), [{"x": X, "label": Y}], concept="topic")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_half_precision_model_is_collected_erased_and_restored(dtype):
    model = Gated().to(dtype)
    x = X.to(dtype)
    stats = engrams.collect(model, [(x, Y)], concept=lambda batch: batch[1], norms=True)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with stats.engram(0).erased(model):
        changed = [not torch.equal(value, before[name]) for name, value in model.state_dict().items()]
    assert sum(changed) >= 7
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("kind", [np.array, lambda names: np.array(names, dtype=object)])
def test_names_may_stand_in_an_array_of_numpy(kind):
    model, names = nn.Linear(6, 2), kind(["a", "b", "a", "b"])
    statistics = engrams.collect(model, [(torch.ones(4, 6), names)], concept=lambda batch: batch[1])
    assert statistics.counts == {"a": 2, "b": 2}
    numbers = list(np.array([3, -1, 3, 4]))
    statistics = engrams.collect(model, [(torch.ones(4, 6), numbers)], concept=lambda batch: batch[1])
    assert statistics.counts == {3: 2, 4: 1}


def test_an_empty_batch_and_squares_that_overflow_are_named():
    model, x, y = nn.Linear(6, 2, bias=False), torch.ones(4, 6), torch.arange(4) % 2
    with pytest.raises(InputError, match="has no row"):
        engrams.collect(model, [(x, y), (x[:0], y[:0])], concept=lambda batch: batch[1])
    statistics = engrams.collect(model, [(x * 1e25, y)], concept=lambda batch: batch[1])
    with pytest.raises(InputError, match="overflow"):
        statistics.engram(0).delta("model")
