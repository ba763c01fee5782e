"""What a terminal shows of a training, a simulation and a study while they run."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from live_study import RunningStudy
from neptuner.cli import progress, screen
from neptuner.cli.chart import DOTS, EMPTY, Chart, Curve
from neptuner.cli.md_progress import MOST_POINTS, DynamicsProgress
from neptuner.cli.screen import Screen, bar, duration, end_in
from neptuner.cli.training_progress import TrainingProgress
from neptuner.engines.dynamics import Progress
from neptuner.study.progress import Snapshot
from neptuner.training.loss import Errors
from neptuner.training.records import Row


def printed(renderable: object, width: int = 60) -> list[str]:
    """Lines of something on a terminal."""
    console = Console(file=io.StringIO(), force_terminal=True, width=width, record=True)
    console.print(renderable)
    return console.export_text().splitlines()


def dots(line: str) -> int:
    """Dots of a line of Braille characters."""
    return sum((ord(one) - EMPTY).bit_count() for one in line if EMPTY <= ord(one) < EMPTY + 256)


def test_every_dot_has_its_own_bit() -> None:
    assert sum(bit for row in DOTS for bit in row) == 0xFF


def test_a_falling_line_goes_from_corner_to_corner() -> None:
    lines = printed(Chart([Curve("loss", [(0, 9.0), (100, 1.0)])], "title", height=4))
    assert lines[0] == "title"
    assert [line[:3] for line in lines[1:5]] == ["9 ┤", "  │", "5 ┤", "1 ┤"]
    assert [line[3] != " " for line in lines[1:5]] == [True, False, False, False]
    assert lines[4].rstrip()[-1] == "⣀"
    assert all(dots(line) > 0 for line in lines[1:5])
    assert lines[5].split() == ["└0", "100"]
    assert lines[6].split() == ["━━", "loss"]


def test_a_power_law_is_straight_on_a_logarithmic_axis() -> None:
    curve = [(step, 10.0 ** (-step / 20)) for step in range(41)]
    counts = [dots(line) for line in printed(Chart([Curve("", curve)], height=8, log=True))[:8]]
    assert max(counts) <= min(counts) + 4
    linear = [dots(line) for line in printed(Chart([Curve("", curve)], height=8))[:8]]
    assert max(linear) > 2 * min(linear)


@given(
    points=st.lists(st.tuples(st.integers(0, 10**7), st.floats(allow_nan=True, allow_infinity=True)), max_size=30),
    width=st.integers(12, 300),
    log=st.booleans(),
)
def test_whatever_the_numbers_the_chart_fits(points, width: int, log: bool) -> None:
    bounded = [(x, y) for x, y in points if not abs(y) > 1e300 or y == float("inf")]
    lines = printed(Chart([Curve("a", sorted(bounded))], height=5, log=log), width)
    assert lines == [] or len(lines) >= 7
    assert all(len(line.rstrip()) <= max(width, 40) for line in lines)


def test_a_terminal_without_braille_gets_no_chart() -> None:
    console = Console(file=io.TextIOWrapper(io.BytesIO(), encoding="ascii"), force_terminal=True, width=60, record=True)
    console.print(Chart([Curve("loss", [(0, 9.0), (100, 1.0)])]))
    assert console.export_text().strip() == ""


def test_bars_and_times() -> None:
    assert (bar(0.0, 4), bar(0.5, 4), bar(2.0, 4)) == ("╌╌╌╌", "━━╌╌", "━━━━")
    assert (duration(75.2), duration(3725.0)) == ("1:15", "1:02:05")
    assert end_in(0.0) == time.strftime("%H:%M")
    assert len(end_in(3 * 86_400).split()) == 4


def test_a_screen_that_nobody_watches_draws_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen(Console(), live=False) as view:
        view.show(lambda: pytest.fail("drawn"))
        view.print("[bold] " + "x" * 200)
    assert capsys.readouterr().out == "[bold] " + "x" * 200 + "\n"


def watch(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Standard error as a terminal that keeps what it is told."""
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(screen, "REFRESH_SECONDS", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "150")
    return stream


def row(step: int, loss: float) -> Row:
    errors = Errors(energy=0.001, force=loss, virial=None)
    return Row(step, loss, 0.0, 0.0, errors, Errors(energy=0.001, force=1.1 * loss, virial=None), None, 1.0)


def test_a_training_shows_its_curves_and_the_best_row(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = watch(monkeypatch)
    with TrainingProgress() as shown:
        shown.step(1, 100, 0.01)
        for step, loss in ((10, 0.3), (20, 0.1), (30, 0.2)):
            shown.row(row(step, loss))
        shown.step(30, 100, 0.3)
    text = watched.getvalue()
    assert "now train 200.0, validation 220.0; best on validation 110.0 at step 20" in text
    assert "30 %  step 30 / 100" in text
    assert "left, ends" in text
    assert any(dots(line) for line in text.splitlines())


def test_the_next_member_of_a_committee_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = watch(monkeypatch)
    with TrainingProgress() as shown:
        shown.step(1, 20, 0.05)
        shown.row(row(20, 0.001))
        shown.step(20, 20, 1.0)
        shown.step(1, 20, 0.05)
        shown.row(row(10, 0.5))
        shown.step(10, 20, 0.5)
    assert "best on validation 550.0 at step 10" in watched.getvalue().rpartition("now")[2]


def test_a_simulation_shows_its_temperature(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = watch(monkeypatch)
    with DynamicsProgress() as shown:
        for step in range(3 * MOST_POINTS):
            shown._add(step / 30, 300.0 + step % 7)
        shown.progress(Progress(4, 10, 20, 0.5, 300.0, 1.25, 7.4))
    text = watched.getvalue()
    assert "temperature (K)" in text
    assert "50.0 %  run of line 4: step 10/20    300.0 K  1.25 ns/day  7 s left, ends" in text
    assert len(shown._temperatures) <= MOST_POINTS


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100, record=True)


def snapshot_of(study: RunningStudy, running: int = 2) -> Snapshot:
    trials = tuple((name, 500, 4000) for name in study.running[:1]) + tuple(
        (f"more-{k}", 1, 9) for k in range(running - 1)
    )
    return Snapshot("extended", 12, 2, 18, trials, 75.0, 60.0)


def test_a_study_shows_curves_the_baseline_and_the_best(tmp_path: Path, console: Console) -> None:
    study = RunningStudy(tmp_path / "study")
    study.grow(study.running[0], 6)
    with progress.observer(console, study.folder) as shown:
        shown.tick(lambda: snapshot_of(study, running=9))
    text = console.export_text()
    assert "about 1:00 left, ends " in text
    assert "force loss on validation (eV/Å)" in text
    assert "━━ baseline" in text
    assert "━━ best so far: " in text
    assert "12 %  500 / 4,000 steps" in text
    assert "and 3 more" in text
    assert ", gain +" in text
    assert sum(dots(line) for line in text.splitlines()) > 100


def test_a_study_that_cannot_be_read_is_shown_without_curves(tmp_path: Path, console: Console) -> None:
    study = RunningStudy(tmp_path / "study")
    for content in ("{", '{"schema": 99}', None):
        if content is None:
            (study.folder / "results.json").unlink()
        else:
            (study.folder / "results.json").write_text(content)
        with progress.observer(console, study.folder) as shown:
            shown.tick(lambda: snapshot_of(study))
        assert "500 / 4,000 steps" in console.export_text()


def test_nothing_is_said_of_a_best_model_before_there_is_one(tmp_path: Path, console: Console) -> None:
    study = RunningStudy(tmp_path / "study")
    study.results["baseline"]["loss"] = None
    study.write()
    with progress.observer(console, study.folder) as shown:
        shown.tick(lambda: snapshot_of(study))
    text = console.export_text()
    assert "best so far" not in text
    assert "nothing is better" not in text
    assert "━━ baseline" not in text
