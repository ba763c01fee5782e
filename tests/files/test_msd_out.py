from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neptuner.errors import InputError
from neptuner.files.msd_out import Msd, format_msd, read_msd


def some_msd(n: int, seed: int) -> Msd:
    rng = np.random.default_rng(seed)
    return Msd(np.arange(n) * 0.005, rng.random((n, 3)), rng.normal(size=(n, 3)))


def test_appended_blocks_are_told_apart_by_time(tmp_path: Path) -> None:
    path = tmp_path / "msd.out"
    written = [some_msd(4, 0), some_msd(4, 1), some_msd(1, 2)]
    path.write_text("".join("# compute_msd 5 4\n" + format_msd(one) for one in written))
    found = read_msd(path)
    assert len(found) == 3
    for one, other in zip(written, found, strict=True):
        for name in ("time", "msd", "sdc"):
            np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-5)


def test_rows_are_those_of_gpumd() -> None:
    msd = some_msd(3, 0)
    values = (msd.time[2], *msd.msd[2], *msd.sdc[2])
    assert format_msd(msd).splitlines()[2] == "{:g}{: g} {:g} {:g} {:g} {:g} {:g}".format(*values)
    assert format_msd(msd).split()[0] == "0"


def test_files_of_several_groups_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "msd.out"
    path.write_text("0 " * 13 + "\n")
    with pytest.raises(InputError, match=r"line 1: .*\(13 columns\), expected 7 numbers"):
        read_msd(path)


def test_no_rows_yet(tmp_path: Path) -> None:
    path = tmp_path / "msd.out"
    path.write_text("")
    assert read_msd(path) == []
