from __future__ import annotations

import pytest

from neptuner.report import numbers


@pytest.mark.parametrize(
    ("value", "sd", "expected"),
    [
        (19.44, 0.81, "+19.4 ± 0.8 %"),
        (-3.25, None, "−3.2 %"),  # noqa: RUF001
        (0.01, None, "0.0 %"),
        (-0.01, 0.02, "−0.01 ± 0.02 %"),  # noqa: RUF001
        (None, 1.0, numbers.NOTHING),
    ],
)
def test_percent(value: float | None, sd: float | None, expected: str) -> None:
    assert numbers.percent(value, sd) == expected


def test_losses_in_the_unit_shown() -> None:
    assert numbers.loss("force", 0.14949) == "0.1495"
    assert numbers.loss("energy", 0.0123456) == "12.35"
    assert numbers.loss("virial", None) == numbers.NOTHING


def test_durations() -> None:
    assert [numbers.duration(s) for s in (30, 300, 7200)] == ["30 s", "5.0 min", "2.0 h"]


def test_words() -> None:
    assert numbers.several(1, "run") == "1 run"
    assert numbers.several(0, "run") == "0 runs"
    assert numbers.listing(["a"]) == "a"
    assert numbers.listing(["a", "b", "c"]) == "a, b and c"
    assert [numbers.spread(v) for v in (None, 0.0851, 1.0, 12.34)] == [numbers.NOTHING, "0.085 %", "1.0 %", "12.3 %"]
