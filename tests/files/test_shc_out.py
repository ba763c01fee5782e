from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neptuner.errors import InputError
from neptuner.files.shc_out import Shc, format_shc, read_shc


def some_shc(lags: int, frequencies: int, seed: int) -> Shc:
    rng = np.random.default_rng(seed)
    time = (np.arange(2 * lags - 1) - (lags - 1)) * 0.0123
    return Shc(
        time, *rng.normal(size=(2, len(time))), (np.arange(frequencies) + 1) * 0.4, *rng.normal(size=(2, frequencies))
    )


def test_blocks_are_told_apart_by_their_first_column(tmp_path: Path) -> None:
    path = tmp_path / "shc.out"
    written = [some_shc(4, 6, 0), some_shc(4, 6, 1), some_shc(3, 0, 2), some_shc(1, 2, 3), some_shc(5, 1, 4)]
    path.write_text("".join("# compute_shc\n" + format_shc(one) for one in written))
    found = read_shc(path)
    assert len(found) == len(written)
    for one, other in zip(written, found, strict=True):
        for name in ("time", "k_in", "k_out", "omega", "j_in", "j_out"):
            np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-5)


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "shc.out"
    path.write_text(format_shc(some_shc(4, 6, 0)).rsplit(" ", 1)[0])
    (found,) = read_shc(path)
    assert found.omega.shape == found.j_out.shape == (5,)


def test_no_rows_yet(tmp_path: Path) -> None:
    path = tmp_path / "shc.out"
    path.write_text("# compute_shc\n")
    assert read_shc(path) == []


@pytest.mark.parametrize(
    ("drop", "message"),
    [
        (slice(1, 2), r"shc.out, line 1: the times that begin here are not symmetric about 0 \(2 are negative\)"),
        (slice(4, 6), r"line 1: the times that begin here are not symmetric about 0 \(3 are negative\)"),
        (slice(5, None), r"line 1: .* \(3 are negative\)"),
        (slice(0, 7), r"line 1: .* \(0 are negative\)"),
    ],
)
def test_incomplete_times_are_refused(tmp_path: Path, drop: slice, message: str) -> None:
    lines = format_shc(some_shc(4, 3, 0)).splitlines(keepends=True)
    del lines[drop]
    (tmp_path / "shc.out").write_text("".join(lines))
    with pytest.raises(InputError, match=message):
        read_shc(tmp_path / "shc.out")


@pytest.mark.parametrize("run", [1, 2, 3, 4, 5])
def test_real_files_are_written_back_byte_for_byte(shared_data: Path, run: int) -> None:
    path = shared_data / "j14-hnemd-900K" / f"run{run}" / "shc.out"
    (shc,) = read_shc(path)
    assert shc.time.shape == shc.k_in.shape == (499,)
    assert shc.omega.shape == shc.j_out.shape == (1000,)
    assert (shc.time[0], shc.time[249], shc.time[-1]) == (-0.498, 0.0, 0.498)
    assert (shc.omega[0], shc.omega[-1]) == (0.4, 400.0)
    assert format_shc(shc) == path.read_text()
