"""How numbers are written on the page."""

from __future__ import annotations

from neptuner.report.style import UNITS
from neptuner.study.statistics.gains import Gain

NOTHING = "\u2013"
MINUS = "\u2212"
_FAR = 1000
"""Per cent; an interval that ends below minus that says nothing, however far it goes."""
_DECIMALS = {"energy": 2, "force": 4, "virial": 2}


def loss(quantity: str, value: float | None) -> str:
    """Write a loss in the unit it is shown in (meV/atom or eV/Å), without the unit."""
    if value is None:
        return NOTHING
    return f"{value * UNITS[quantity][1]:.{_DECIMALS[quantity]}f}"


def percent(value: float | None, *, sign: bool = True) -> str:
    """Write a per-cent number."""
    return NOTHING if value is None else f"{_signed(value, sign, 1)} %"


def interval(low: float | None, high: float | None) -> str:
    """Write an interval in per cent; empty where it is not known."""
    if low is None or high is None:
        return ""
    decimals = 1 if high - low >= 0.2 else 2
    ends = [_signed(end, True, decimals) if end > -_FAR else f"below {MINUS}{_FAR}" for end in (low, high)]
    return f"{ends[0]} to {ends[1]} %"


def gain(found: Gain | None) -> str:
    """Write a gain in per cent with its 95 % interval."""
    if found is None:
        return NOTHING
    ends = interval(found.low, found.high)
    return f"{percent(found.gain)} ({ends})" if ends else percent(found.gain)


def probability(p: float | None) -> str:
    """Write a p with its sign of equality; empty where it is not known."""
    if p is None:
        return ""
    if p < 0.001:
        return "p < 0.001"
    rounded = f"{p:.2g}"
    # Rounding must not hide on which side of significance a p is.
    return "p < 0.05" if p < 0.05 <= float(rounded) else f"p = {rounded}"


def _signed(value: float, sign: bool, decimals: int) -> str:
    body = f"{value:{'+' if sign else ''}.{decimals}f}"
    # Rounding must not leave a signed zero.
    body = body.lstrip("+-") if float(body) == 0 else body
    return body.replace("-", MINUS)


def spread(value: float | None) -> str:
    """Write a noise in per cent to two figures, since a tenth of a per cent can be all of it."""
    if value is None:
        return NOTHING
    return f"{value:.1f} %" if value >= 1 else f"{value:.2g} %"


def count(value: float | None) -> str:
    """Write a whole number with separators between thousands."""
    return NOTHING if value is None else f"{value:,.0f}"


def seconds(value: float | None) -> str:
    """Write a time in seconds, with a decimal where it matters."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}"


def duration(value: float) -> str:
    """Write a time in the unit a reader thinks in."""
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if value >= 2 * size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.3g} s"


def several(number: int, noun: str) -> str:
    """Write a number and its noun, in the plural where it must be."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listing(items: list[str]) -> str:
    """Join words by commas and an ``and``."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
