from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neptuner.errors import InputError
from neptuner.files.hac_out import Hac, format_hac, read_hac


def some_hac(n: int, seed: int) -> Hac:
    rng = np.random.default_rng(seed)
    return Hac(0.01 * (np.arange(n) + 0.5), rng.normal(size=(n, 5)), 1e3 * rng.normal(size=(n, 5)))


def test_appended_blocks_are_told_apart_by_time(tmp_path: Path) -> None:
    path = tmp_path / "hac.out"
    written = [some_hac(5, 0), some_hac(5, 1), some_hac(1, 2)]
    path.write_text("".join(map(format_hac, written)))
    found = read_hac(path)
    assert len(found) == 3
    for one, other in zip(written, found, strict=True):
        for name in ("time", "hac", "rtc"):
            np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-15)
    assert "".join(map(format_hac, found)) == path.read_text()


def test_rows_are_those_of_gpumd() -> None:
    hac = some_hac(1, 0)
    assert format_hac(hac) == "%25.15e" * 11 % (hac.time[0], *hac.hac[0], *hac.rtc[0]) + "\n"


def test_no_rows_yet(tmp_path: Path) -> None:
    path = tmp_path / "hac.out"
    path.write_text("# header\n")
    assert read_hac(path) == []


def test_other_widths_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "hac.out"
    path.write_text("1 " * 12 + "\n")
    with pytest.raises(InputError, match=r"line 1: .*\(12 columns\), expected 11 numbers"):
        read_hac(path)
