from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neptuner.errors import InputError
from neptuner.files.rdf_out import Rdf, format_rdf, read_rdf


def some_rdf(n: int, pairs: tuple[str, ...], seed: int) -> Rdf:
    g = np.random.default_rng(seed).random((n, len(pairs)))
    return Rdf(0.02 * (np.arange(n) + 0.5), pairs, g)


def test_blocks_and_the_names_of_their_columns(tmp_path: Path) -> None:
    path = tmp_path / "rdf.out"
    written = [some_rdf(5, ("total", "Mg-Mg", "Mg-O", "O-O"), 0), some_rdf(4, ("total", "type_0_1"), 1)]
    path.write_text("".join(map(format_rdf, written)))
    found = read_rdf(path)
    assert [one.pairs for one in found] == [one.pairs for one in written]
    for one, other in zip(written, found, strict=True):
        np.testing.assert_allclose(other.radius, one.radius, atol=5e-6)
        np.testing.assert_allclose(other.g, one.g, atol=5e-6)
    assert "".join(map(format_rdf, found)) == path.read_text()


def test_header_and_rows_are_those_of_gpumd() -> None:
    header, first = format_rdf(Rdf(np.array([0.01]), ("total", "O-O"), np.array([[0.5, 2.0]]))).splitlines()
    assert header == "#radius total O-O"
    assert first == "0.01000 0.50000 2.00000"


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "rdf.out"
    path.write_text(format_rdf(some_rdf(5, ("total",), 0))[:-3])
    (found,) = read_rdf(path)
    assert found.g.shape == (4, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("0.1 0.2\n", r"rdf.out, line 1: numbers stand before a line `#radius total ...`"),
        ("0.1 0.2\n#radius total\n0.1 0.2\n", r"line 1: numbers stand before"),
        ("#radius total O-O\n0.1 0.2\n0.3 0.4\n", r"line 2: found 2 numbers, expected 3"),
    ],
)
def test_refuses_with_one_sentence(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "rdf.out").write_text(content)
    with pytest.raises(InputError, match=message):
        read_rdf(tmp_path / "rdf.out")


def test_no_rows_yet(tmp_path: Path) -> None:
    path = tmp_path / "rdf.out"
    path.write_text("")
    assert read_rdf(path) == []
