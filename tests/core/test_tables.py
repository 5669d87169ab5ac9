"""Files of numbers: what was written is read, anything else is a clear error."""

import numpy as np
import pytest
import torch

from memscape.core.errors import FileFormatError
from memscape.core.tables import read_column, read_table


def test_a_table_comes_back(tmp_path):
    table = np.arange(6.0).reshape(3, 2)
    np.save(tmp_path / "a.npy", table)
    np.savez(tmp_path / "a.npz", only=table, other=np.arange(3))
    np.savetxt(tmp_path / "a.csv", table, delimiter=",", header="x,y", comments="")
    for name in ("a.npy", "a.npz", "a.csv"):
        assert torch.equal(read_table(tmp_path / name), torch.from_numpy(table))


def test_a_column_may_stand_or_lie(tmp_path):
    numbers = np.array([3, -1, 2])
    np.save(tmp_path / "flat.npy", numbers)
    np.save(tmp_path / "tall.npy", numbers[:, None])
    np.savez(tmp_path / "flat.npz", only=numbers)
    (tmp_path / "tall.csv").write_text("right\n3\n-1\n2\n")
    (tmp_path / "wide.csv").write_text("3,-1,2\n")
    for name in ("flat.npy", "tall.npy", "flat.npz", "tall.csv", "wide.csv"):
        assert read_column(tmp_path / name).tolist() == [3, -1, 2]


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.csv", "a.safetensors"])
@pytest.mark.parametrize("content", [b"", b"\x00\x01 no numbers", b"\x93NUMPY"])
def test_what_holds_no_numbers_is_named(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="a\\."):
        read_table(path)


def test_a_table_is_no_column_and_a_column_no_table(tmp_path):
    np.save(tmp_path / "table.npy", np.ones((3, 2)))
    np.save(tmp_path / "column.npy", np.ones(3))
    with pytest.raises(FileFormatError, match="one column"):
        read_column(tmp_path / "table.npy")
    with pytest.raises(FileFormatError, match="table"):
        read_table(tmp_path / "column.npy")


def test_vectors_in_a_column_of_lists_are_a_table(tmp_path):
    """As embeddings are kept: a text and its vector in a row."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    path = tmp_path / "a.parquet"
    parquet.write_table(arrow.table({"text": list("abcde"), "vector": list(x.numpy())}), path)
    assert torch.equal(read_table(path), x)
    parquet.write_table(arrow.table({f"x{i}": x[:, i].numpy() for i in range(3)}), path)
    assert torch.equal(read_table(path), x.double())
    parquet.write_table(arrow.table({"text": list("ab"), "vector": [[1.0], [1.0, 2.0]]}), path)
    with pytest.raises(FileFormatError, match="differ in length"):
        read_table(path)
    parquet.write_table(arrow.table({"text": list("ab"), "x": [1.0, 2.0]}), path)
    with pytest.raises(FileFormatError, match="columns text hold no numbers"):
        read_table(path)
