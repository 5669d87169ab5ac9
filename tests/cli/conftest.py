"""A way to type commands, and small inputs to type them on."""

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from memscape import patterns
from memscape.cli import app


@pytest.fixture
def run():
    """Type a command; returns its result with exit_code, stdout and stderr."""
    runner = CliRunner()
    return lambda *words: runner.invoke(app, [str(word) for word in words])


@pytest.fixture
def table(tmp_path):
    """Six independent patterns of 64 units in a .npy file."""
    path = tmp_path / "patterns.npy"
    np.save(path, patterns.independent(6, 64, generator=0).numpy())
    return path


@pytest.fixture
def album(tmp_path):
    """A folder of eight pictures: the first digits, enlarged."""
    folder = tmp_path / "album"
    folder.mkdir()
    for i, image in enumerate(patterns.digits(8).images):
        grey = Image.fromarray((image.numpy() * 255).astype(np.uint8))
        grey.resize((24, 24)).save(folder / f"{i}.png")
    return folder
