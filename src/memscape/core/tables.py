"""Tables of numbers from files: .npy, .npz, .safetensors, .csv, .tsv, .parquet."""

from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from torch import Tensor

from memscape.core.arrays import as_tensor
from memscape.core.errors import FileFormatError

SUFFIXES = (".npy", ".npz", ".safetensors", ".csv", ".tsv", ".parquet")


def read_table(path: str | Path) -> Tensor:
    """Return the one table (p, n) of numbers in a file, by its suffix; nothing in the file is executed.

    Raises:
        FileNotFoundError: if there is no such file.
        FileFormatError: for an unknown suffix, a broken file, text where numbers are asked, or several
            tables.
    """
    table = _numbers(Path(path), 2)
    if table.ndim != 2:
        raise FileFormatError(f"{str(path)!r} holds shape {tuple(table.shape)}; a table (p, n) is needed")
    return table


def read_column(path: str | Path) -> Tensor:
    """Return the numbers (p,) of a file that holds one column, one row, or a one-dimensional array.

    Raises:
        FileNotFoundError: if there is no such file.
        FileFormatError: as `read_table`, and for more than one column.
    """
    table = _numbers(Path(path), 1)
    if table.ndim == 2 and 1 in table.shape:
        table = table.reshape(-1)
    if table.ndim != 1:
        raise FileFormatError(f"{str(path)!r} holds shape {tuple(table.shape)}; one column (p,) is needed")
    return table


def _numbers(path: Path, axes: int) -> Tensor:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    if path.suffix not in SUFFIXES:
        raise FileFormatError(
            f"{str(path)!r} ends in {path.suffix!r}; tables are read from {', '.join(SUFFIXES)}"
        )
    if not path.stat().st_size:
        raise FileFormatError(f"{str(path)!r} is empty")
    try:
        return as_tensor(_read(path, axes), str(path))
    except (ValueError, OSError, KeyError, BadZipFile, EOFError) as error:
        raise FileFormatError(f"{str(path)!r} holds no readable table of numbers: {error}") from None


def _read(path: Path, axes: int) -> object:
    if path.suffix == ".npy":
        return np.load(path, allow_pickle=False)
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            return _only({name: file[name] for name in file.files}, path, axes)
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return _only(load_file(path), path, axes)
        except SafetensorError as error:
            raise FileFormatError(f"{str(path)!r} is truncated or no safetensors file ({error})") from None
    if path.suffix == ".parquet":
        return _parquet(path)
    return _text(path)


def _only(tables: dict, path: Path, axes: int) -> object:
    flat = {name: t for name, t in tables.items() if t.ndim in {axes, 2}}
    if len(flat) != 1:
        raise FileFormatError(
            f"{str(path)!r} holds {len(flat)} tables ({', '.join(flat)}); it must hold exactly one"
        )
    return next(iter(flat.values()))


def _parquet(path: Path) -> np.ndarray:
    """Return the one column of lists, whatever stands beside it, or all columns where each is of numbers."""
    try:
        types: Any = import_module("pyarrow.types")
        compute: Any = import_module("pyarrow.compute")
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError:
        raise FileFormatError(
            "reading .parquet needs pyarrow: pip install '.[tables]' in the checkout of memscape"
        ) from None
    table = parquet.read_table(path)
    kinds = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    lists = [field.name for field in table.schema if any(kind(field.type) for kind in kinds)]
    if len(lists) == 1:
        column = table.column(lists[0]).combine_chunks()
        if len(compute.unique(compute.list_value_length(column))) != 1:
            raise FileFormatError(f"{str(path)!r}: the lists of column {lists[0]!r} differ in length")
        return compute.list_flatten(column).to_numpy(zero_copy_only=False).reshape(len(column), -1)
    numbers = (types.is_integer, types.is_floating, types.is_boolean)
    if other := [f.name for f in table.schema if not any(kind(f.type) for kind in numbers)]:
        raise FileFormatError(
            f"{str(path)!r}: columns {', '.join(other)} hold no numbers; keep one column of lists, or only"
            " numbers"
        )
    return np.stack([column.to_numpy().astype(np.float64) for column in table.columns], axis=1)


def _text(path: Path) -> np.ndarray:
    delimiter = "\t" if path.suffix == ".tsv" else ","
    with path.open(encoding="utf-8") as file:
        first = file.readline().split(delimiter)
    try:
        [float(cell) for cell in first]
        skip = 0
    except ValueError:
        skip = 1  # a line of names
    return np.loadtxt(path, delimiter=delimiter, skiprows=skip, ndmin=2, dtype=np.float64)
