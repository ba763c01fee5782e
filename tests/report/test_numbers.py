from __future__ import annotations

import pytest

from neptuner.report import numbers
from neptuner.study.statistics.gains import Gain


@pytest.mark.parametrize(
    ("value", "expected"),
    [(19.44, "+19.4 %"), (-3.25, "−3.2 %"), (0.01, "0.0 %"), (-0.01, "0.0 %"), (None, numbers.NOTHING)],  # noqa: RUF001
)
def test_percent(value: float | None, expected: str) -> None:
    assert numbers.percent(value) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-1.23, 4.56, "−1.2 to +4.6 %"),  # noqa: RUF001
        (0.512, 0.634, "+0.51 to +0.63 %"),
        (-3e43, 99.9, "below −1000 to +99.9 %"),  # noqa: RUF001
        (None, 1.0, ""),
    ],
)
def test_interval(low: float | None, high: float | None, expected: str) -> None:
    assert numbers.interval(low, high) == expected


def test_probability() -> None:
    assert [numbers.probability(p) for p in (None, 0.0004, 0.0123, 1.0)] == ["", "p < 0.001", "p = 0.012", "p = 1"]
    assert [numbers.probability(p) for p in (0.0494, 0.0496, 0.0501)] == ["p = 0.049", "p < 0.05", "p = 0.05"]


def test_gain_with_its_interval() -> None:
    known = Gain(5.0, 3.0, 7.0, 0.01, 3, 4.0, "block model")
    assert numbers.gain(known) == "+5.0 % (+3.0 to +7.0 %)"
    assert numbers.gain(Gain(5.0, None, None, None, 1, None, "one pair")) == "+5.0 %"
    assert numbers.gain(None) == numbers.NOTHING


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
