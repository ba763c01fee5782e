"""Curves on a terminal, drawn with the dots of Braille characters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

EMPTY = 0x2800
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a Braille character: four rows of two dots."""
LARGEST_WIDTH = 100
COLOURS = ("cyan", "yellow", "magenta", "green", "blue", "red")
"""Of curves that nothing else distinguishes."""


@dataclass(frozen=True)
class Curve:
    """A line of a chart."""

    name: str
    """In the legend, unless it is empty."""
    points: Sequence[tuple[float, float]]
    colour: str = "cyan"


@dataclass(frozen=True)
class Chart:
    """Curves over a common axis, as wide as the terminal lets it; rich prints it.

    A terminal that cannot show Braille gets nothing.
    """

    curves: Sequence[Curve]
    title: str = ""
    height: int = 9
    log: bool = False
    """Whether the vertical axis is logarithmic; points at or below zero are left out then."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw title, curves, axis and legend."""
        if not options.encoding.startswith("utf"):
            return
        curves = [kept for curve in self.curves if (kept := self._scaled(curve)).points]
        if not curves:
            return
        yield from _line(self.title, "bold")
        yield from self._drawn(curves, min(options.max_width, LARGEST_WIDTH))
        yield from _legend(curves)

    def _scaled(self, curve: Curve) -> Curve:
        """Points that can be shown, in the units of the axis."""
        shown = [(x, y) for x, y in curve.points if math.isfinite(y) and (y > 0 or not self.log)]
        return replace(curve, points=[(x, math.log10(y)) for x, y in shown] if self.log else shown)

    def _drawn(self, curves: Sequence[Curve], width: int) -> Iterator[Segment]:
        points = [point for curve in curves for point in curve.points]
        low, high = _range([y for _, y in points])
        left, right = min(x for x, _ in points), max(x for x, _ in points)
        places = {0: high, self.height // 2: (low + high) / 2, self.height - 1: low}
        labels = {row: f"{10**value if self.log else value:.4g}" for row, value in places.items()}
        margin = max(map(len, labels.values()))
        canvas = _Canvas(max(10, width - margin - 3), self.height)
        for curve in curves:
            canvas.add(curve, (left, right), (low, high))
        for number, row in enumerate(canvas.rows()):
            yield Segment(f"{labels.get(number, ''):>{margin}} {'┤' if number in labels else '│'}", Style(dim=True))
            yield from row
            yield Segment.line()
        first, last = (f"{end:,.0f}" if end == round(end) else f"{end:.3g}" for end in (left, right))
        yield from _line(f"{'':{margin}} └{first}{last:>{canvas.width - len(first)}}", "dim")


@dataclass
class _Canvas:
    """Characters of dots, and the colour of the curve that came last to each."""

    width: int
    height: int
    dots: dict[tuple[int, int], int] = field(default_factory=dict)
    colours: dict[tuple[int, int], str] = field(default_factory=dict)

    def add(self, curve: Curve, across: tuple[float, float], up: tuple[float, float]) -> None:
        """Draw a curve, its points joined by straight lines."""
        xs = _pixels([x for x, _ in curve.points], across, 2 * self.width)
        ys = [4 * self.height - 1 - y for y in _pixels([y for _, y in curve.points], up, 4 * self.height)]
        points = list(zip(xs, ys, strict=True))
        for (x, y), (to_x, to_y) in pairwise([points[0], *points]):
            count = max(abs(to_x - x), abs(to_y - y), 1)
            for k in range(count + 1):
                self._dot(x + round(k * (to_x - x) / count), y + round(k * (to_y - y) / count), curve.colour)

    def _dot(self, x: int, y: int, colour: str) -> None:
        place = (y // 4, x // 2)
        self.dots[place] = self.dots.get(place, 0) | DOTS[y % 4][x % 2]
        self.colours[place] = colour

    def rows(self) -> Iterator[list[Segment]]:
        """Characters of each row, from above."""
        for row in range(self.height):
            places = [(row, column) for column in range(self.width)]
            yield [
                Segment(chr(EMPTY | self.dots[place]), Style.parse(self.colours[place]))
                if place in self.dots
                else Segment(" ")
                for place in places
            ]


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _pixels(values: Sequence[float], ends: tuple[float, float], count: int) -> list[int]:
    low, high = ends
    scale = (count - 1) / (high - low) if high > low else 0.0
    return [round((value - low) * scale) for value in values]


def _line(text: str, style: str) -> Iterator[Segment]:
    if text:
        yield Segment(text, Style.parse(style))
        yield Segment.line()


def _legend(curves: Sequence[Curve]) -> Iterator[Segment]:
    named = [curve for curve in curves if curve.name]
    for curve in named:
        yield Segment("━━ ", Style.parse(curve.colour))
        yield Segment(f"{curve.name}  ")
    if named:
        yield Segment.line()
