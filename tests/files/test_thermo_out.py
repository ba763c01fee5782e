from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neptuner.errors import InputError
from neptuner.files.thermo_out import format_thermo_row, read_thermo

CELL = np.array([[10.0, 0, 0], [1, 11, 0], [2, 3, 12]])


def row(k: float) -> str:
    return format_thermo_row(300 + k, k, -k, np.arange(6) + k, CELL)


def test_columns_and_headers(tmp_path: Path) -> None:
    path = tmp_path / "thermo.out"
    path.write_text("# dump_thermo 10\n# columns T KE PE\n" + row(1) + "# dump_thermo 10\n" + row(2) + row(3)[:100])
    thermo = read_thermo(path)
    assert thermo.temperature.tolist() == [301, 302]
    assert thermo.kinetic.tolist() == [1, 2]
    assert thermo.potential.tolist() == [-1, -2]
    assert thermo.pressure.tolist() == [[1, 2, 3, 4, 5, 6], [2, 3, 4, 5, 6, 7]]
    np.testing.assert_array_equal(thermo.cell, [CELL, CELL])


def test_twelve_columns_are_an_orthogonal_cell(tmp_path: Path) -> None:
    path = tmp_path / "thermo.out"
    path.write_text(" ".join(f"{k:.8e}" for k in range(1, 13)) + "\n")
    thermo = read_thermo(path)
    assert thermo.pressure.tolist() == [[4, 5, 6, 7, 8, 9]]
    np.testing.assert_array_equal(thermo.cell, [np.diag([10, 11, 12])])


def test_no_rows_yet(tmp_path: Path) -> None:
    path = tmp_path / "thermo.out"
    path.write_text("")
    thermo = read_thermo(path)
    assert thermo.temperature.shape == (0,)
    assert thermo.pressure.shape == (0, 6)
    assert thermo.cell.shape == (0, 3, 3)


def test_other_widths_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "thermo.out"
    path.write_text(row(1) + "1 " * 13 + "\n" + row(2))
    with pytest.raises(InputError, match=r"line 2: .*\(13 columns\), expected 12 or 18 numbers"):
        read_thermo(path)


@given(st.lists(st.floats(-1e99, 1e99), min_size=18, max_size=18))
def test_rows_are_those_of_gpumd(numbers: list[float]) -> None:
    found = format_thermo_row(*numbers[:3], numbers[3:9], np.array(numbers[9:]).reshape(3, 3))
    assert found == "%20.10e" * 18 % tuple(numbers) + "\n"


def test_reads_a_real_file(shared_data: Path) -> None:
    thermo = read_thermo(shared_data / "j14-hnemd-900K" / "thermo_run1.out")
    assert thermo.temperature.shape == (100,)
    assert thermo.temperature[20:].mean() == pytest.approx(900, abs=3)
    np.testing.assert_allclose(thermo.cell, np.broadcast_to(42.7355798 * np.eye(3), (100, 3, 3)))
    # The kinetic energy tells the column of the temperature and the number of atoms.
    np.testing.assert_allclose(thermo.kinetic, 1.5 * 8000 * 8.617343e-5 * thermo.temperature, rtol=1e-6)
