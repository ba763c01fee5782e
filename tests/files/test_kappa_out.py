from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neptuner.errors import InputError
from neptuner.files.kappa_out import format_kappa_row, read_kappa


def test_rows(tmp_path: Path) -> None:
    path = tmp_path / "kappa.out"
    rows = [format_kappa_row([k, -k, 0.5, 1e-12, 1 / 3]) for k in range(1, 4)]
    assert len(rows[0]) == 5 * 25 + 1
    path.write_text(rows[0] + "# header\n" + rows[1] + rows[2][:-2])
    np.testing.assert_allclose(read_kappa(path), [[1, -1, 0.5, 1e-12, 1 / 3], [2, -2, 0.5, 1e-12, 1 / 3]], atol=1e-15)


def test_no_rows_yet(tmp_path: Path) -> None:
    path = tmp_path / "kappa.out"
    path.write_text("")
    assert read_kappa(path).shape == (0, 5)


def test_other_widths_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "kappa.out"
    path.write_text("1 2 3 4 5 6\n")
    with pytest.raises(InputError, match=r"line 1: .*\(6 columns\), expected 5 numbers"):
        read_kappa(path)


@pytest.mark.parametrize("run", [1, 2, 3, 4, 5])
def test_real_files_are_written_back_byte_for_byte(shared_data: Path, run: int) -> None:
    path = shared_data / "j14-hnemd-900K" / f"run{run}" / "kappa.out"
    kappa = read_kappa(path)
    assert kappa.shape == (1000, 5)
    # The force is along y: in and out of plane add up to the conductivity.
    assert kappa[:, 2:4].sum(axis=1).mean() == pytest.approx(2.376, abs=0.05)
    assert "".join(map(format_kappa_row, kappa)) == path.read_text()
