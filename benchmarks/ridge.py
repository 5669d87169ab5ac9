"""Which ridge and order serve as default, beside the published estimator, on data that no requirement uses.

Small networks: generated pictures of strokes (10 x 10 with 12 classes, 16 x 16 with 10), mixtures of
Gaussians in 40 dimensions with 8 classes (two draws of each), and scikit-learn's wine. Larger ones: strokes
of 28 x 28 and mixtures in 100 dimensions, 7,000 and 8,000 rows of 10 classes (four draws of each). Two seeds
each, 30 networks. A ReLU network is trained on seven tenths, every class is erased in turn, and the classes
are judged on the rest: accuracy on the erased class, and what the others lose. The score of a setting is the
mean of their sum, and its difference from the best one is that within networks. Run
`python -m benchmarks.ridge --json out.json`; about seven minutes on one core.
"""

import os

for _name in ("OMP", "MKL", "OPENBLAS", "NUMBA"):
    os.environ.setdefault(f"{_name}_NUM_THREADS", "1")

import argparse
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_wine, make_classification
from torch import Tensor, nn

from memscape import engrams

RIDGES = (1e-2, 3e-2, 5e-2, 7e-2, 1e-1, 1.5e-1, 2e-1, 3e-1, 4e-1, 5e-1, 7e-1, 1.0)
ORDERS = (1, 2, 3)
Task = tuple[str, Tensor, Tensor, tuple[int, ...], int]


def strokes(seed: int, classes: int, side: int, count: int) -> tuple[Tensor, Tensor]:
    """Return pictures of three strokes between a class's four corners, shifted, bent, dimmed and noisy."""
    draw = np.random.default_rng(seed)
    across, down = np.meshgrid(np.arange(side), np.arange(side))
    pictures, labels = [], []
    for label in range(classes):
        corners = draw.uniform(2, side - 3, size=(4, 2))
        for _ in range(count):
            bent = corners + draw.normal(0, 0.5, size=(1, 2)) + draw.normal(0, 0.35, size=corners.shape)
            picture = np.zeros((side, side))
            for a, b in pairwise(bent):
                for at in np.linspace(0, 1, 8):
                    x, y = a + (b - a) * at
                    picture = np.maximum(picture, np.exp(-((across - x) ** 2 + (down - y) ** 2) / 1.28))
            noisy = picture * draw.uniform(0.7, 1.0) + 0.25 * np.abs(draw.normal(size=picture.shape))
            pictures.append(np.clip(noisy, 0, 1).ravel())
            labels.append(label)
    return torch.tensor(np.array(pictures), dtype=torch.float32), torch.tensor(labels)


def mixture(seed: int, rows: int, width: int, classes: int, apart: float) -> tuple[Tensor, Tensor]:
    """Return points of classes of two Gaussians each, half to two fifths of whose dimensions tell them."""
    x, y = make_classification(
        n_samples=rows,
        n_features=width,
        n_informative=20 if width == 40 else 40,
        n_redundant=10 if width == 40 else 30,
        n_classes=classes,
        class_sep=apart,
        random_state=seed,
    )
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


def tasks() -> Iterator[Task]:
    """Yield name, rows, labels, widths and epochs of each task."""
    for seed in range(2):
        yield "strokes 10", *strokes(seed, 12, 10, 120), (100, 256, 128, 12), 25
        yield "strokes 16", *strokes(50 + seed, 10, 16, 150), (256, 256, 100, 10), 15
        yield "mixture 40", *mixture(seed, 1200, 40, 8, 2.2), (40, 256, 128, 8), 25
    wine = load_wine()
    scaled = (wine.data - wine.data.mean(0)) / wine.data.std(0)
    yield "wine", torch.tensor(scaled, dtype=torch.float32), torch.tensor(wine.target), (13, 64, 32, 3), 60
    for seed in range(4):
        yield "strokes 28", *strokes(100 + seed, 10, 28, 700), (784, 256, 100, 10), 8
        yield "mixture 100", *mixture(seed, 8000, 100, 10, 2.0), (100, 256, 100, 10), 12


def trained(x: Tensor, y: Tensor, widths: tuple[int, ...], seed: int, epochs: int) -> nn.Sequential:
    """Return a ReLU network trained with AdamW (3e-3, weight decay 1e-4, batches of 64)."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        parts: list[nn.Module] = []
        for a, b in pairwise(widths):
            parts += [nn.Linear(a, b), nn.ReLU()]
    model = nn.Sequential(*parts[:-1])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
    return model


def judged(model: nn.Module, stats: engrams.Statistics, x: Tensor, y: Tensor, options: dict) -> list[float]:
    """Return mean and largest accuracy on an erased class, and what the others lose in the mean."""
    forget, lost = [], []
    with torch.no_grad():
        usual = (model(x).argmax(1) == y).float()
        for concept in stats.concepts:
            with stats.engram(concept, **options).erased(model):
                right = (model(x).argmax(1) == y).float()
            own = y == concept
            forget.append(float(right[own].mean()))
            lost.append(float(usual[~own].mean() - right[~own].mean()))
    return [float(np.mean(forget)), max(forget), float(np.mean(lost))]


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description="Find the default ridge of engrams.")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    settings: dict[str, dict[str, Any]] = {
        f"order {m}, ridge {r:g}": {"ridge": r, "order": m} for m in ORDERS for r in RIDGES
    }
    settings["pinv"] = {"solver": "pinv"}
    found: dict[str, list[list[float]]] = {name: [] for name in settings}
    for name, x, y, widths, epochs in tasks():
        for seed in range(2):
            order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
            cut = int(0.7 * len(x))
            a, b = order[:cut], order[cut:]
            model = trained(x[a], y[a], widths, seed, epochs)
            data = list(zip(x[a].split(256), y[a].split(256), strict=True))
            stats = engrams.collect(model, data, concept=lambda batch: batch[1], progress=False)
            for setting, given in settings.items():
                found[setting].append(judged(model, stats, x[b], y[b], given))
            print(f"{name}, seed {seed}: done", flush=True)
    rows = {name: np.array(values) for name, values in found.items()}
    scores = {name: part[:, 0] + part[:, 2] for name, part in rows.items()}
    best = min(scores, key=lambda name: float(scores[name].mean()))
    count = len(scores[best])
    print(f"{'setting':<20} forget  worst   lost   score   above the best (+- standard error)")
    table = []
    for name, part in rows.items():
        above = scores[name] - scores[best]
        line = {
            "setting": name,
            "forget": float(part[:, 0].mean()),
            "worst": float(part[:, 1].max()),
            "lost": float(part[:, 2].mean()),
            "score": float(scores[name].mean()),
            "above": float(above.mean()),
            "error": float(above.std(ddof=1) / count**0.5),
        }
        print(
            f"{name:<20} {line['forget']:.4f}  {line['worst']:.3f}  {line['lost']:+.4f}  "
            f"{line['score']:.4f}  {line['above']:.4f} +- {line['error']:.4f}"
        )
        table.append(line)
    if options.json is not None:
        options.json.write_text(json.dumps({"networks": count, "rows": table}, indent=2))


if __name__ == "__main__":
    main()
