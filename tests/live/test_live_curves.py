"""Loss curves that are read on while they grow."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neptuner.live.curves import MOST_POINTS, GrowingFile, LossCurve

HEADER = "# step energy(eV/atom) force(eV/A) virial(eV/atom)\n"


def rows(first: int, last: int) -> str:
    """Rows of validation.out whose force loss is one over the step."""
    return "".join(f"{step:<7d} 0.100000 {1 / step:.6f} 0.300000\n" for step in range(first, last + 1))


def test_a_torn_line_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "validation.out"
    path.write_text(HEADER + rows(1, 2) + "3       0.1")
    curve = LossCurve(tmp_path, "force")
    assert curve.advance()
    assert curve.points == [(1, 1.0), (2, 0.5)]
    with path.open("a") as file:
        file.write("00000 0.333333 0.300000\n")
    assert curve.advance()
    assert (curve.step, curve.last) == (3, (3, 0.333333))
    assert not curve.advance()


@pytest.mark.parametrize(("metric", "loss"), [("energy", 0.04), ("force", 0.05), ("virial", 0.06)])
def test_without_validation_the_training_loss_is_shown(tmp_path: Path, metric: str, loss: float) -> None:
    (tmp_path / "loss.out").write_text("100 0.01 0.02 0.03 0.04 0.05 0.06 0.07 0.08 0.09\n")
    curve = LossCurve(tmp_path, metric)
    curve.advance()
    assert curve.points == [(100, loss)]
    (tmp_path / "validation.out").write_text(HEADER + "100 0.4 0.5 0.6\n")
    curve.advance()
    assert curve.points == [(100, 10 * loss)]


def test_a_training_that_begins_anew_gets_a_new_curve(tmp_path: Path) -> None:
    (tmp_path / "validation.out").write_text(HEADER + rows(1, 9))
    curve = LossCurve(tmp_path, "force")
    curve.advance()
    (tmp_path / "validation.out").unlink()
    assert not curve.advance()
    assert curve.step == 9  # it stays in sight until there is another
    (tmp_path / "other").write_text(HEADER + rows(2, 3))
    (tmp_path / "other").rename(tmp_path / "validation.out")
    assert curve.advance()
    assert [step for step, _ in curve.points] == [2, 3]
    (tmp_path / "validation.out").write_text(HEADER)
    curve.advance()
    assert (curve.step, curve.last, curve.points) == (0, None, [])


def test_steps_go_on_through_a_restart(tmp_path: Path) -> None:
    (tmp_path / "validation.out").write_text(rows(1, 3) + rows(1, 2))
    curve = LossCurve(tmp_path, "force")
    curve.advance()
    assert [step for step, _ in curve.points] == [1, 2, 3, 4, 5]


def test_what_is_no_loss_is_no_point(tmp_path: Path) -> None:
    (tmp_path / "validation.out").write_text("1 0.1 nan 0.1\n2 0.1 0.000000 0.1\n3 0.1 0.4 0.1\n4 0.1 inf 0.1\n")
    curve = LossCurve(tmp_path, "force")
    curve.advance()
    assert curve.points == [(3, 0.4)]
    assert curve.step == 4


@given(counts=st.lists(st.integers(1, 700), min_size=1, max_size=6))
def test_a_long_curve_is_thinned_however_it_comes_in(tmp_path_factory: pytest.TempPathFactory, counts) -> None:
    folder = tmp_path_factory.mktemp("curve")
    pieces, whole, step = LossCurve(folder, "force"), LossCurve(folder, "force"), 0
    for count in counts:
        with (folder / "validation.out").open("a") as file:
            file.write(rows(step + 1, step + count))
        step += count
        pieces.advance()
    whole.advance()
    steps = [at for at, _ in whole.points]
    assert pieces.points == whole.points
    assert steps[0] == 1
    assert steps[-1] == step
    assert min(step, MOST_POINTS // 2) <= len(steps) <= MOST_POINTS + 1
    assert len({b - a for a, b in pairwise(steps[:-1])}) <= 1  # evenly, but for the last


def test_a_file_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert GrowingFile(tmp_path / "loss.out").read_on() == ([], False)
