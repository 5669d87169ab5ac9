"""The demo's last panel.

A digit erased from a trained network, what is then confused, and the digit put back.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from memscape import engrams, plot
from memscape.cli.findings import between, percent
from memscape.core.intervals import share_interval
from memscape.core.random import resolve
from memscape.engrams.examples import Examples
from memscape.engrams.verdicts import Audit
from memscape.training import Minibatches, train

DIGIT = 3
WIDTHS = (64, 256, 128, 10)
LEARNED = 1257
"""Rows that the network learns; the others judge it."""


@dataclass(frozen=True)
class Erasure:
    """A digit erased from a network and put back.

    Attributes:
        digit: which.
        seed: of the split, the networks and the audit.
        confusions: counts (10, 10) of test pictures, rows the truth and columns the answer, by state: "as
            trained", "erased", "put back".
        same: whether the weights that were put back are the old ones, bit for bit.
        report: the engram in each layer.
        audit: beside a network of the same seed that never saw the digit.
    """

    digit: int
    seed: int
    confusions: dict[str, Tensor]
    same: bool
    report: engrams.EngramReport
    audit: Audit

    def right(self, state: str, own: bool) -> tuple[int, int]:
        """Return how many test pictures of the digit, or of the others, are answered rightly, of how many."""
        table = self.confusions[state]
        chosen = (torch.arange(len(table)) == self.digit) == own
        return int(table.diagonal()[chosen].sum()), int(table[chosen].sum())

    @property
    def points(self) -> list[str]:
        """What was found, one sentence each."""
        own = self.confusions["erased"][self.digit].clone()
        own[self.digit] = 0
        taken = [(int(own[i]), int(i)) for i in own.argsort(descending=True)[:2] if own[i]]
        said = [f"{count} of {int(own.sum())} are taken for {i}" for count, i in taken]
        put = "bit for bit what they were" if self.same else "not what they were"
        return [
            f"On the pictures that it learned: {self.audit.sentence}",
            *([f"Without it, of the test pictures of {self.digit}, {' and '.join(said)}."] if said else []),
            f"Put back, the weights are {put}.",
        ]

    @property
    def head(self) -> list[str]:
        """Heads of the columns of `rows`."""
        return ["network", f"{self.digit}s right", "others right"]

    @property
    def rows(self) -> list[list[str]]:
        """Share and interval of right answers on the digit and on the others, a row per state."""
        return [
            [state, *(share_right(*self.right(state, own)) for own in (True, False))]
            for state in self.confusions
        ]

    def table(self) -> str:
        """Return one line per state."""
        return "\n".join("  ".join(row) for row in [self.head, *self.rows])

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        return {
            "digit": self.digit,
            "seed": self.seed,
            "confusions": {state: table.tolist() for state, table in self.confusions.items()},
            "same": self.same,
            "report": self.report.to_dict(),
            "audit": self.audit.to_dict(),
        }

    def __repr__(self) -> str:
        return "\n".join(self.points)


def share_right(right: int, count: int) -> str:
    """Return a share with its 95 % interval.

    >>> share_right(5, 10)
    '50 % (19-81)'
    """
    low, high = share_interval([right], count)[0].tolist()
    return f"{percent(right / count)} ({between(low, high)})"


def erase_digit(
    images: Tensor, labels: Tensor, *, seed: int, epochs: int = 40, relearn: int = 100
) -> Erasure:
    """Return what erasing a digit from a ReLU network does, on pictures that it never learned.

    Args:
        images: (p, 8, 8) in [0, 1].
        labels: (p,).
        seed: of everything that is drawn.
        epochs: of training, for the network and for one that never sees the digit.
        relearn: most steps of relearning.
    """
    order = torch.randperm(len(images), generator=resolve(seed))
    x, y = images.flatten(1)[order], labels[order]
    learned, test = (x[:LEARNED], y[:LEARNED]), Examples(x[LEARNED:], y[LEARNED:])
    others = learned[1] != DIGIT
    model = trained(*learned, seed, epochs)
    oracle = trained(learned[0][others], learned[1][others], seed, epochs)
    stats = engrams.collect(model, [learned], concept=lambda batch: batch[1], progress=False)
    engram = stats.engram(DIGIT)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    confusions = {"as trained": confusion(model, test)}
    with engram.erased(model):
        confusions["erased"] = confusion(model, test)
    confusions["put back"] = confusion(model, test)
    found = engrams.audit(
        model,
        engram,
        forget=(learned[0][~others], learned[1][~others]),
        retain=(learned[0][others], learned[1][others]),
        test=test,
        oracle=oracle,
        relearn=relearn,
        generator=seed,
        progress=False,
    )
    same = all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    return Erasure(DIGIT, seed, confusions, same, engram.report(), found)


def trained(x: Tensor, y: Tensor, seed: int, epochs: int) -> nn.Sequential:
    """Return a ReLU network of `WIDTHS` trained on rows: AdamW, 3e-3, batches of 64."""
    a, b, c, d = WIDTHS
    model = nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, c), nn.ReLU(), nn.Linear(c, d))
    draw = resolve(seed)
    for parameter in model.parameters():
        bound = (3 / parameter.shape[-1]) ** 0.5 if parameter.ndim > 1 else 0.0
        nn.init.uniform_(parameter, -bound, bound, generator=draw)
    places = Minibatches(torch.arange(len(x)), 64, seed)

    def loss(module: nn.Module, batch: Tensor, generator: torch.Generator) -> Tensor:
        return nn.functional.cross_entropy(module(x[batch]), y[batch])

    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)
    train(
        model,
        loss,
        places,
        optimizer=optimizer,
        steps=epochs * (len(x) // 64),
        generator=seed,
        progress=False,
    )
    return model


def confusion(model: nn.Module, rows: Examples) -> Tensor:
    """Return counts (c, c): rows the truth, columns the answer."""
    answers = rows.answers(model)
    classes = answers.logits.shape[1]
    pairs = classes * answers.labels + answers.logits.argmax(1)
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def erasure_panel(found: Erasure) -> plot.Panel:
    """Return the panel.

    What is taken for what before, without, and after; where the digit lives; relearning.
    """
    names = [str(i) for i in range(WIDTHS[-1])]
    tables = {state: table.numpy() for state, table in found.confusions.items()}
    confused = plot.Picture(
        plot.confusion_change(tables, names, erased=[found.digit]),
        alt=f"Truth against answer as trained, {found.digit} erased, and put back. {found.points[-2]}",
        caption="Shares of each row, on pictures that the network never learned.",
        narrow=plot.confusion_change(tables, names, erased=[found.digit], columns=1),
        format="png",
    )
    layers = plot.Picture(
        plot.engram_layers(found.report),
        alt=f"Table of criteria by layer of the engram of the {found.digit}",
        caption="The engram in each layer. Layers are named by their place in the network.",
        format="png",
    )
    curves = plot.Picture(
        plot.relearning_curves(found.audit),
        alt="Accuracy on the erased digit against steps of relearning, a line per network",
        caption="Adam, 8 pictures of the digit and 56 others in each step; the oracle never saw the digit.",
    )
    return plot.Panel(
        "A digit erased from a trained network, and put back",
        text=[
            f"A network of {' x '.join(map(str, WIDTHS))} units learned {LEARNED:,} of the digits. One pass "
            "over them tells which share of its weights holds each digit; that of one digit is subtracted, "
            "and then restored."
        ],
        points=found.points,
        pictures=[confused, layers, curves],
        tables=[
            plot.Table(
                found.head, found.rows, caption="Test pictures answered rightly: share and 95 % interval."
            )
        ],
        command=_command(found),
    )


def _command(found: Erasure) -> str:
    return "\n".join(
        [
            "import memscape as ms",
            "from memscape.cli.erasing import erase_digit",
            f"print(erase_digit(*ms.patterns.digits(), seed={found.seed}))",
        ]
    )
