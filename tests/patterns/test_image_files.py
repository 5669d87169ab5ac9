"""Images from files: what is read, what is left out with a warning, what is refused."""

import gzip
import struct
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from memscape import patterns
from memscape.core.errors import FileFormatError, InputError, MemscapeWarning, SizeError


def test_few_digits_are_the_first_rows():
    images, labels = patterns.digits(25)
    everything = patterns.digits()
    assert torch.equal(images, everything.images[:25])
    assert torch.equal(labels, everything.labels[:25])
    assert images.dtype == torch.float32
    assert (images.min(), images.max()) == (0, 1)
    assert labels[:10].tolist() == list(range(10))


@pytest.mark.parametrize("count", [0, -1, 1798])
def test_digits_that_do_not_exist(count):
    with pytest.raises(InputError):
        patterns.digits(count)


def write(folder, name, pixels, mode=None):
    Image.fromarray(np.asarray(pixels), mode=mode).save(folder / name)


def test_pictures_are_grey_square_and_sorted(tmp_path):
    write(tmp_path, "b.png", np.full((30, 50, 3), 255, np.uint8))
    write(tmp_path, "a.jpg", np.zeros((16, 16), np.uint8))
    write(tmp_path, "c.gif", np.full((8, 8), 128, np.uint8))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        images, names = patterns.load_images(tmp_path, size=16)
    assert names == ("a.jpg", "b.png", "c.gif")
    assert images.shape == (3, 16, 16)
    assert images.dtype == torch.float32
    assert images[0].max() < 0.02
    assert images[1].min() == 1
    assert images[2].mean() == pytest.approx(128 / 255, abs=0.01)
    assert torch.equal(patterns.load_images(str(tmp_path), size=16).images, images)


def test_a_picture_keeps_its_place_and_its_proportions_are_scaled(tmp_path):
    picture = np.zeros((64, 32), np.uint8)
    picture[:32] = 255
    write(tmp_path, "half.png", picture)
    image = patterns.load_images(tmp_path, size=8).images[0]
    assert image[:3].min() == 1
    assert image[5:].max() == 0


def test_sixteen_bits_are_scaled_not_cut(tmp_path):
    write(tmp_path, "deep.png", np.full((8, 8), 32768, np.uint16))
    image = patterns.load_images(tmp_path, size=8).images
    assert image.mean() == pytest.approx(0.5, abs=1e-3)


def test_transparent_is_white(tmp_path):
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:4, :, 3] = 255
    write(tmp_path, "icon.png", pixels)
    image = patterns.load_images(tmp_path, size=8).images[0]
    assert image[:4].max() == 0
    assert image[4:].min() == 1


def test_a_picture_is_turned_as_the_camera_says(tmp_path):
    picture = Image.fromarray(np.repeat(np.array([[0, 255]], np.uint8), 8, 1).repeat(16, 0))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "turned.png", exif=exif)
    image = patterns.load_images(tmp_path, size=16).images[0]
    assert image[:7].max() == 0
    assert image[9:].min() == 1


def test_unreadable_files_are_named_in_one_warning(tmp_path):
    write(tmp_path, "fine.png", np.zeros((8, 8), np.uint8))
    (tmp_path / "notes.txt").write_text("not a picture")
    noise = np.random.default_rng(0).integers(256, size=(64, 64), dtype=np.uint8)
    write(tmp_path, "cut.png", noise)
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:2000])
    (tmp_path / ".hidden").write_text("passed over")
    (tmp_path / "folder.png").mkdir()
    with pytest.warns(MemscapeWarning, match="2 of 3 files") as caught:
        images, names = patterns.load_images(tmp_path, size=8)
    assert len(caught) == 1
    assert "notes.txt" in str(caught[0].message)
    assert "cut.png" in str(caught[0].message)
    assert names == ("fine.png",)
    assert len(images) == 1


def test_folders_without_a_picture(tmp_path):
    with pytest.raises(InputError, match="empty"):
        patterns.load_images(tmp_path)
    (tmp_path / "notes.txt").write_text("not a picture")
    with pytest.raises(InputError, match="none of its 1 files"):
        patterns.load_images(tmp_path)
    with pytest.raises(FileNotFoundError, match="no folder"):
        patterns.load_images(tmp_path / "nowhere")
    with pytest.raises(InputError, match="size"):
        patterns.load_images(tmp_path, size=0)
    with pytest.raises(SizeError):
        patterns.load_images(tmp_path, size=10**8)


def idx(values, *, magic=(0, 0, 8)):
    values = np.asarray(values, np.uint8)
    return bytes([*magic, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def data_set(folder, *, end="", train=5, test=3, sign="-"):
    contents = {}
    for part, count in (("train", train), ("t10k", test)):
        images = np.arange(count * 6).reshape(count, 2, 3) * 8
        contents[f"{part}-images{sign}idx3-ubyte{end}"] = idx(images)
        contents[f"{part}-labels{sign}idx1-ubyte{end}"] = idx(np.arange(count))
    for name, content in contents.items():
        (folder / name).write_bytes(gzip.compress(content) if end else content)


@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("sign", ["-", "."])
def test_idx_files_are_read(tmp_path, end, sign):
    data_set(tmp_path, end=end, sign=sign)
    train, test = patterns.load_idx(tmp_path)
    assert train.images.shape == (5, 2, 3)
    assert test.images.shape == (3, 2, 3)
    assert train.labels.tolist() == [0, 1, 2, 3, 4]
    assert torch.equal(train.images * 255, torch.arange(30.0).reshape(5, 2, 3) * 8)


def spoiled(name, change):
    def spoil(folder):
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return spoil


IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
BROKEN = {
    "cut in the values": (spoiled(IMAGES, lambda b: b[:-1]), "should hold 30 bytes"),
    "cut in the header": (spoiled(IMAGES, lambda b: b[:9]), "inside its header"),
    "nothing": (spoiled(IMAGES, lambda b: b""), "no IDX file"),
    "more than it says": (spoiled(IMAGES, lambda b: b + b"x"), "holds more"),
    "no images": (spoiled(IMAGES, lambda b: idx(np.zeros((0, 2, 3)))), "should hold 0"),
    "foreign": (spoiled(LABELS, lambda b: b"GIF89a" + b), "no IDX file"),
    "floats": (spoiled(LABELS, lambda b: bytes([0, 0, 13]) + b[3:]), "no IDX file"),
    "labels for images": (spoiled(IMAGES, lambda b: idx(np.arange(5))), "3 dimensions"),
    "another count": (spoiled(LABELS, lambda b: idx(np.arange(4))), "5 images but 4 labels"),
}


@pytest.mark.parametrize(("spoil", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_idx_files_are_refused(tmp_path, spoil, reason):
    data_set(tmp_path)
    spoil(tmp_path)
    with pytest.raises(FileFormatError, match=reason):
        patterns.load_idx(tmp_path)


@pytest.mark.parametrize(
    "change", [lambda b: b[:-9], lambda b: b"plain", lambda b: b[:20] + b"\0" * 9 + b[29:]]
)
def test_broken_gzip_files_are_refused(tmp_path, change):
    data_set(tmp_path, end=".gz")
    spoiled(f"{IMAGES}.gz", change)(tmp_path)
    with pytest.raises(FileFormatError, match="train-images"):
        patterns.load_idx(tmp_path)


def test_a_header_that_promises_too_much_takes_no_memory(tmp_path):
    data_set(tmp_path)
    (tmp_path / IMAGES).write_bytes(bytes([0, 0, 8, 3]) + b"\xff" * 12)
    with pytest.raises(SizeError, match="header intact"):
        patterns.load_idx(tmp_path)


def test_missing_idx_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte"):
        patterns.load_idx(tmp_path)
    data_set(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match="t10k-labels-idx1-ubyte"):
        patterns.load_idx(tmp_path)
    with pytest.raises(FileNotFoundError, match="no folder"):
        patterns.load_idx(tmp_path / "nowhere")
