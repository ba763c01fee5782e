"""One look for every figure: a palette safe for the colour-blind, small readable type, quiet axes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from io import BytesIO
from typing import Any, ParamSpec

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

P = ParamSpec("P")

RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.labelsize": 9.5,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#6b7280",
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e5e7eb",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.5,
    "xtick.color": "#374151",
    "ytick.color": "#374151",
    # Equal input must give equal bytes: without a salt the ids in an SVG are random.
    "svg.hashsalt": "neptuner",
    "svg.fonttype": "path",
    # Type 42 are real letters: journals ask for them, and they can be searched.
    "pdf.fonttype": 42,
}

SPLIT_COLORS = {"train": "#56B4E9", "validation": "#E69F00", "test": "#0072B2"}
SPLIT_HATCHES = {"train": "", "validation": "////", "test": ""}
"""What tells the splits apart in grey, beside their lightness."""
BASELINE, COMBINED, BAND, FAINT = "#3f3f46", "#D55E00", "#d4d4d8", "#9ca3af"
CYCLE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#332288", "#999933", "#882255", "#44AA99")
MARKERS = "sD^vPXph<>"

UNITS = {"energy": ("meV/atom", 1000.0), "force": ("eV/Å", 1.0), "virial": ("meV/atom", 1000.0)}
"""Unit shown for a quantity, and the factor to it from eV/atom or eV/angstrom."""

DPI = 160


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Make a drawing function use `RC` and leave matplotlib's settings as they were."""

    @wraps(draw)
    def inner(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.rc_context(RC):
            return draw(*args, **kwargs)

    return inner


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches."""
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def unit_of(quantity: str) -> str:
    """Return the unit a quantity is shown in."""
    return UNITS[quantity][0]


def shown(quantity: str, value: float) -> float:
    """Convert a value from eV/atom or eV/angstrom to the unit it is shown in."""
    return value * UNITS[quantity][1]


def plain_ticks(axes: Axes, which: str) -> None:
    """Write logarithmic ticks as plain numbers, with minor labels only where a decade is not spanned."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    low, high = axes.get_ylim() if which == "y" else axes.get_xlim()
    subs: tuple[float, ...] = (1.0, 2.0, 5.0) if high / low < 100 else (1.0,)
    if high / low < 4:
        subs = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
    axis.set_major_locator(LogLocator(10, subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())


def render(figure: Figure, kind: str) -> bytes:
    """Return a figure as the bytes of a ``png``, ``svg`` or ``pdf`` file, without a date."""
    stream = BytesIO()
    metadata: dict[str, Any] = {
        "png": {"Software": None},
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }[kind]
    with matplotlib.rc_context(RC):
        settle(figure)
        figure.savefig(stream, format=kind, dpi=DPI, metadata=metadata)
    return stream.getvalue()


def settle(figure: Figure) -> None:
    """Lay out a figure once and for all; doing so for each file would double the time."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)
