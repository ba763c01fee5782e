"""How numbers are written on the page."""

from __future__ import annotations

from neptuner.report.style import UNITS

NOTHING = "\u2013"
MINUS = "\u2212"
_DECIMALS = {"energy": 2, "force": 4, "virial": 2}


def loss(quantity: str, value: float | None) -> str:
    """Write a loss in the unit it is shown in (meV/atom or eV/Å), without the unit."""
    if value is None:
        return NOTHING
    return f"{value * UNITS[quantity][1]:.{_DECIMALS[quantity]}f}"


def percent(value: float | None, sd: float | None = None, *, sign: bool = True) -> str:
    """Write a per-cent number with its standard deviation, if there is one."""
    if value is None:
        return NOTHING
    decimals = 2 if sd is not None and 0 < sd < 0.05 else 1
    body = f"{value:{'+' if sign else ''}.{decimals}f}"
    # Rounding must not leave a signed zero.
    body = body.lstrip("+-") if float(body) == 0 else body
    spread = f" ± {sd:.{decimals}f}" if sd is not None else ""
    return f"{body}{spread} %".replace("-", MINUS)


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
