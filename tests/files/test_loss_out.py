from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neptuner.errors import InputError
from neptuner.files.loss_out import (
    VALIDATION_HEADER,
    Loss,
    format_loss_row,
    format_validation_row,
    read_loss_out,
    read_validation_out,
)


def rows(*steps: int) -> str:
    return "".join(format_loss_row(step, *(step + 0.5 * k for k in range(9))) for step in steps)


@pytest.fixture
def read(tmp_path: Path):
    def one(content: str) -> Loss:
        (tmp_path / "loss.out").write_text(content)
        return read_loss_out(tmp_path / "loss.out")

    return one


def test_columns(read) -> None:
    loss = read(rows(100, 200))
    assert loss.columns[0] == "steps"
    assert loss.steps.tolist() == loss.raw_steps.tolist() == [100, 200]
    for k, name in enumerate(Loss.columns[1:]):
        np.testing.assert_array_equal(getattr(loss, name), [100 + 0.5 * k, 200 + 0.5 * k])


def test_header_lines_and_blank_lines_are_skipped(read) -> None:
    assert read("# nep loss\n# step total\n\n" + rows(100) + "\n# again\n" + rows(200)).steps.tolist() == [
        100,
        200,
    ]


def test_restarts_go_on_counting(read) -> None:
    loss = read(rows(100, 200, 300) + rows(100, 200) + rows(100))
    assert loss.steps.tolist() == [100, 200, 300, 400, 500, 600]
    assert loss.raw_steps.tolist() == [100, 200, 300, 100, 200, 100]


def test_a_torn_last_line_is_dropped_wherever_it_is_torn(read) -> None:
    last = rows(300)
    for length in range(1, len(last.rstrip())):
        assert read(rows(100, 200) + last[:length]).steps.tolist() == [100, 200], last[:length]
    assert read(rows(100, 200) + last.rstrip()).steps.tolist() == [100, 200, 300]


def test_a_whole_last_line_without_line_end_is_kept(read) -> None:
    assert read((rows(100) + rows(200)).rstrip()).steps.tolist() == [100, 200]


def test_no_rows_yet(read) -> None:
    loss = read("")
    assert loss.steps.shape == loss.force_test.shape == (0,)


def test_a_diverged_run_can_be_read(read) -> None:
    loss = read(rows(100) + format_loss_row(200, *[float("nan")] * 6))
    assert loss.steps.tolist() == [100, 200]
    assert np.isnan(loss.total[1])
    assert loss.energy_test[1] == 0.0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            rows(100) + "200   0.1 0.2\n" + rows(300),
            r"line 2: found `200   0.1 0.2` \(3 columns\), expected 10",
        ),
        (rows(100) + rows(200).replace("202.00000", "x"), r"line 2: .* expected 10 with"),
        ("# h\n" + "1 " * 14 + "\n", r"line 2: .*\(14 columns\)"),
        ("1.5" + " 1.00000" * 9 + "\n", "line 1: .*with a step first"),
    ],
)
def test_other_lines_are_refused(read, content: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(content)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_loss_out(tmp_path / "loss.out")


@given(st.integers(0, 10**8), st.lists(st.floats(0, 1e9), min_size=9, max_size=9))
def test_rows_are_those_of_gpumd_and_never_run_together(step: int, numbers: list[float]) -> None:
    row = format_loss_row(step, *numbers)
    words = row.split()
    assert words == [str(step), *(f"{number:.5f}" for number in numbers)]
    if step < 10**7 and max(numbers) < 1000:
        formats = "%-8d%-11.5f%-11.5f%-11.5f" + "%-13.5f" * 6 + "\n"
        assert row == formats % (step, *numbers)


@pytest.mark.parametrize("name", ["j14-default-run", "mosi2n4", "pbte"])
def test_real_curves_are_written_back_byte_for_byte(shared_data: Path, name: str) -> None:
    path = shared_data / name / "loss.out"
    loss = read_loss_out(path)
    table = zip(*(getattr(loss, column).tolist() for column in Loss.columns), strict=True)
    assert "".join(format_loss_row(*row) for row in table) == path.read_text()


def test_validation_curve(tmp_path: Path) -> None:
    path = tmp_path / "validation.out"
    first, second = (
        format_validation_row(10, 0.0012345, 0.1, 0.02),
        format_validation_row(20, 0.001, 0.09, 0.0),
    )
    path.write_text(VALIDATION_HEADER + first + second + second[:30])
    validation = read_validation_out(path)
    assert validation.steps.tolist() == validation.raw_steps.tolist() == [10, 20]
    np.testing.assert_allclose(validation.energy, [0.0012345, 0.001], atol=5e-7)
    assert validation.force.tolist() == [0.1, 0.09]
    assert validation.virial.tolist() == [0.02, 0.0]
