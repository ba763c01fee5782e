from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neptuner.errors import InputError
from neptuner.files.nep_restart import read_nep_restart, write_nep_restart

numbers = st.floats(-1e30, 1e30, allow_subnormal=False)
rows = st.lists(st.tuples(numbers, st.floats(1e-30, 1e30)), max_size=20)


@given(rows)
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, table: list[tuple[float, float]]) -> None:
    path = tmp_path_factory.mktemp("restart") / "nep.restart"
    mu, sigma = np.array(table).reshape(-1, 2).T
    write_nep_restart(path, mu, sigma)
    written = "%15.7e %15.7e\n"
    assert path.read_text() == "".join(written % row for row in table)
    read = read_nep_restart(path, len(table))
    np.testing.assert_allclose(read, (mu, sigma), rtol=5.1e-8)
    text = path.read_text()
    write_nep_restart(path, *read)
    assert path.read_text() == text


@pytest.mark.parametrize(("name", "count"), [("pbte", 3033), ("j14-default-run", 12649)])
def test_files_of_gpumd_are_written_back_byte_for_byte(
    shared_data: Path, tmp_path: Path, name: str, count: int
) -> None:
    mu, sigma = read_nep_restart(shared_data / name / "nep.restart", count)
    assert mu.shape == sigma.shape == (count,)
    write_nep_restart(tmp_path / "nep.restart", mu, sigma)
    assert (tmp_path / "nep.restart").read_text() == (shared_data / name / "nep.restart").read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1.0 0.1\n2.0 0.1\n", r"found 2 rows, expected 3.*n_max, basis_size, l_max, neuron, type"),
        ("1.0 0.1\n" * 4, "found 4 rows, expected 3"),
        ("1.0 0.1\n2.0\n3.0 0.1\n", r"line 2: found `2\.0`, expected two finite numbers"),
        ("1.0 0.1\n2.0 0.1 7\n3.0 0.1\n", "line 2: found"),
        ("1.0 0.1\n2.0 x\n3.0 0.1\n", "line 2: found"),
        ("1.0 0.1\n2.0 0.1\n3.0 0.0\n", "line 3: .*positive spread"),
        ("1.0 0.1\n2.0 -0.1\n3.0 0.1\n", "line 2: .*positive spread"),
        ("1.0 0.1\nnan 0.1\n3.0 0.1\n", "line 2: .*finite"),
        ("1.0 0.1\n2.0 inf\n3.0 0.1\n", "line 2: .*finite"),
    ],
)
def test_other_contents_are_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "nep.restart"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_nep_restart(path, 3)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_nep_restart(tmp_path / "nep.restart", 3)
