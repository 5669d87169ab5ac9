"""Files: one bundle format for everything, safetensors with a JSON header. Loading never runs code."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from memscape.core.errors import FileFormatError
from memscape.core.version import VERSION

FORMAT = 1


@dataclass(frozen=True)
class Bundle:
    """The content of a file: what it is (`kind`), whose (`card`), its settings (`parts`) and its tensors."""

    kind: str
    card: str
    parts: dict
    tensors: dict[str, Tensor]
    version: str


def save_bundle(path: str | Path, *, kind: str, card: str, tensors: dict[str, Tensor], parts: dict) -> None:
    """Write a bundle; the file at `path` is replaced only when the new one is complete on disk.

    Raises:
        FileNotFoundError: if the folder does not exist.
    """
    header = {"format": FORMAT, "version": VERSION, "kind": kind, "card": card, "parts": parts}
    write_whole(path, save(_apart(tensors), metadata={"memscape": json.dumps(header)}))


def add_parts(path: str | Path, parts: dict) -> None:
    """Add parts to the header of a bundle, as JSON values; its tensors and its other parts stay as they are.

    Raises:
        FileNotFoundError, FileFormatError: see `read_header`.
    """
    held = load_bundle(path)
    merged = held.parts | parts
    save_bundle(path, kind=held.kind, card=held.card, tensors=held.tensors, parts=merged)


def write_whole(path: str | Path, data: bytes) -> None:
    """Write `data` to `path`; an old file there is replaced only when the new one is complete on disk.

    Raises:
        FileNotFoundError: if the folder does not exist.
    """
    path = Path(path)
    # Not tempfile.mkstemp: its files are readable by their owner alone, whatever the umask says.
    temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}.part"
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return dense tensors on the CPU of which no two share memory.

    Safetensors refuses a view beside its base.
    """
    packed, seen = {}, set()
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        place = tensor.untyped_storage().data_ptr()
        packed[name] = tensor.clone() if place in seen else tensor
        seen.add(place)
    return packed


def read_header(path: str | Path) -> dict:
    """Return the header of a bundle with the shapes of its tensors, without reading them.

    Raises:
        FileNotFoundError: if there is no such file.
        FileFormatError: if the file is truncated, was not written by memscape, or by a newer version of its
            format.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    try:
        with safe_open(str(path), framework="pt") as file:
            meta = file.metadata() or {}
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise FileFormatError(f"{str(path)!r} is truncated or no safetensors file ({error})") from None
    if "memscape" not in meta:
        raise FileFormatError(f"{str(path)!r} is a safetensors file but was not written by memscape")
    try:
        header = json.loads(meta["memscape"])
        newer = header["format"] > FORMAT
        missing = {"kind", "card", "parts", "version"} - header.keys()
    except (ValueError, KeyError, TypeError) as error:
        raise FileFormatError(f"the header of {str(path)!r} cannot be read ({error})") from None
    if newer:
        raise FileFormatError(
            f"{str(path)!r} has format {header['format']}, written by memscape {header.get('version')}; this "
            f"is memscape {VERSION}, which reads formats up to {FORMAT}: upgrade memscape"
        )
    if missing:
        raise FileFormatError(
            f"the header of {str(path)!r} lacks {', '.join(sorted(missing))}: no file of memscape"
        )
    return header | {"shapes": shapes}


def load_bundle(path: str | Path, *, device: str | torch.device = "cpu") -> Bundle:
    """Return the content of a bundle; see `read_header` for the errors."""
    header = read_header(path)
    with safe_open(str(path), framework="pt", device=str(device)) as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return Bundle(header["kind"], header["card"], header["parts"], tensors, header["version"])
