"""Data sets that a machine may have installed; nothing is ever downloaded."""

import os
from pathlib import Path

from memscape.patterns.image_files import TrainTest, load_idx

FASHION = "MEMSCAPE_FASHION_MNIST"
"""The environment variable that names the folder of Fashion-MNIST where it is not Debian's."""

_DEBIAN = "/usr/share/datasets/fashion-mnist"


def fashion_folder() -> Path | None:
    """Return the folder with the IDX files of Fashion-MNIST, None where there is none."""
    folder = Path(os.environ.get(FASHION, _DEBIAN))
    return folder if folder.is_dir() else None


def fashion_mnist() -> TrainTest:
    """Return the 60,000 + 10,000 grey pictures of clothes (28 x 28) of Xiao, Rasul and Vollgraf (2017).

    Raises:
        FileNotFoundError: where they are not installed; the message says how to get them.

    Cost: O(pixels), 5 bytes for each: 275 MB.
    """
    folder = fashion_folder()
    if folder is None:
        raise FileNotFoundError(
            f"Fashion-MNIST is not in {os.environ.get(FASHION, _DEBIAN)}; install Debian's package "
            f"(apt-get install dataset-fashion-mnist), or set {FASHION} to a folder with its four IDX files"
        )
    return load_idx(folder)
