"""Grey images from scikit-learn, from a folder of pictures, and from IDX files; values lie in [0, 1]."""

import gzip
import math
import warnings
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from memscape.core.arrays import require_count, require_memory
from memscape.core.errors import FileFormatError, InputError, MemscapeWarning


class Labelled(NamedTuple):
    """Images (p, h, w) float32 in [0, 1] and their labels (p,) int64."""

    images: Tensor
    labels: Tensor


class Named(NamedTuple):
    """Images (p, h, w) float32 in [0, 1] and the names of their files."""

    images: Tensor
    names: tuple[str, ...]


class TrainTest(NamedTuple):
    """The two parts of a data set, each `Labelled`."""

    train: Labelled
    test: Labelled


def digits(count: int | None = None) -> Labelled:
    """Return the first `count` of scikit-learn's 1,797 hand-written digits, (p, 8, 8), and what they show.

    The values are k/16, so `Thermometer(levels=16)` turns them into 1,024 units and back without loss. The
    first ten are 0 to 9, and any few rows hold all digits about equally often.

    Raises:
        InputError: for a count below 1 or above 1,797.

    Cost: milliseconds; nothing is downloaded.

    >>> images, labels = digits(10)
    >>> images.shape, labels.tolist()
    (torch.Size([10, 8, 8]), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    total = len(data.images)
    count = total if count is None else require_count(count, "count")
    if count > total:
        raise InputError(f"count is {count}; there are {total} digits")
    images = torch.from_numpy(data.images[:count]).to(torch.float32).div_(16)
    return Labelled(images, torch.from_numpy(data.target[:count]).to(torch.int64))


def load_images(folder: str | Path, *, size: int = 32) -> Named:
    """Return the pictures of a folder as grey images (p, size, size), sorted by name.

    Everything that Pillow reads is taken, the first frame of animations; it is turned as its camera says, put
    on white where it is transparent, and scaled to size x size whatever its proportions. Files that cannot be
    read are left out, and one warning names them; hidden files and folders inside are passed over.

    Raises:
        FileNotFoundError: if there is no such folder.
        InputError: if no picture in it can be read.
        SizeError: if the images would not fit into memory.

    Cost: O(pixels read).

    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("RGB", (40, 30), "white").save(f"{folder}/snow.png")
    ...     images, names = load_images(folder, size=16)
    >>> images.shape, float(images.min()), names
    (torch.Size([1, 16, 16]), 1.0, ('snow.png',))
    """
    size = require_count(size, "size")
    folder = _existing(folder)
    paths = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    require_memory(
        4 * len(paths) * size * size, f"{len(paths)} images of {size} x {size}", "make size smaller"
    )
    images, names, unread = [], [], []
    for path in paths:
        try:
            images.append(_picture(path, size))
            names.append(path.name)
        except Exception as error:  # Pillow's readers raise whatever a broken file leads them to
            unread.append(f"{path.name} ({type(error).__name__})")
    if not images:
        what = f"none of its {len(paths)} files is a picture that can be read" if paths else "it is empty"
        raise InputError(f"there are no images in the folder {str(folder)!r}: {what}")
    if unread:
        warnings.warn(
            f"{len(unread)} of {len(paths)} files in {str(folder)!r} are no readable pictures and left out: "
            f"{', '.join(unread)}",
            MemscapeWarning,
            stacklevel=2,
        )
    return Named(torch.from_numpy(np.stack(images)), tuple(names))


def load_idx(folder: str | Path) -> TrainTest:
    """Return the training and test images and labels of a folder of IDX files (MNIST, Fashion-MNIST).

    The four files are `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
    `t10k-labels-idx1-ubyte`, as they are or with `.gz`. They are never downloaded.

    Raises:
        FileNotFoundError: if the folder or one of the files is missing.
        FileFormatError: if a file is truncated, no IDX file, or has another number of images than labels.
        SizeError: if the images would not fit into memory.

    Cost: O(pixels), 5 bytes for each.
    """
    folder = _existing(folder)
    return TrainTest(_part(folder, "train"), _part(folder, "t10k"))


def _existing(folder: str | Path) -> Path:
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {str(folder)!r}")
    return folder


def _picture(path: Path, size: int) -> np.ndarray:
    """Return one picture as (size, size) float32 in [0, 1]."""
    from PIL import Image, ImageOps

    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened)
        if picture.mode.startswith("I"):  # 16 bits: Pillow's conversion to grey would cut them off at 255
            deep = np.asarray(picture, dtype=np.float32) / 65535
            picture = Image.fromarray(deep.clip(0, 1) * 255)
        elif picture.has_transparency_data:
            picture = picture.convert("RGBA")
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("L")
        else:
            picture = picture.convert("L")
        scaled = picture.resize((size, size), Image.Resampling.BILINEAR)
    return (np.asarray(scaled, dtype=np.float32) / 255).clip(0, 1)


def _part(folder: Path, part: str) -> Labelled:
    images = _idx(_idx_path(folder, f"{part}-images", 3), 3)
    labels = _idx(_idx_path(folder, f"{part}-labels", 1), 1)
    if len(images) != len(labels):
        raise FileFormatError(f"{part} in {str(folder)!r} has {len(images)} images but {len(labels)} labels")
    return Labelled(images.to(torch.float32).div_(255), labels.to(torch.int64))


def _idx_path(folder: Path, stem: str, dimensions: int) -> Path:
    names = [f"{stem}{sign}idx{dimensions}-ubyte{end}" for sign in "-." for end in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"the folder {str(folder)!r} has no file {names[0]} or {names[1]}; put it there")


def _idx(path: Path, dimensions: int) -> Tensor:
    """Return the bytes of an IDX file, uint8: behind a magic number and the big-endian sizes."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            head = file.read(4 + 4 * dimensions)
            if head[:4] != bytes([0, 0, 8, dimensions]):
                raise FileFormatError(f"{str(path)!r} is no IDX file of bytes with {dimensions} dimensions")
            if len(head) < 4 + 4 * dimensions:
                raise FileFormatError(f"{str(path)!r} is truncated: it ends inside its header")
            shape = np.frombuffer(head, ">u4", offset=4).tolist()
            total = math.prod(shape)
            require_memory(5 * total, f"{str(path)!r} of shape {tuple(shape)}", "is its header intact?")
            data = bytearray(file.read(total + 1))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FileFormatError(f"{str(path)!r} is truncated or no gzip file ({error})") from None
    if len(data) != total or not total:
        found = "more" if len(data) > total else f"{len(data)} bytes"
        raise FileFormatError(
            f"{str(path)!r} should hold {total} bytes for its shape {shape}, but holds {found}"
        )
    return torch.frombuffer(data, dtype=torch.uint8).reshape(shape)
