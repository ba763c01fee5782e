"""Findings, contents and suggested settings of an audit as rows for its page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neptuner.audit.findings import SEVERITIES, Finding, Group, Severity
from neptuner.report.check_charts import SETS
from neptuner.report.numbers import MINUS, NOTHING, count
from neptuner.report.tables import Cell, Row, Table

if TYPE_CHECKING:
    from neptuner.audit.suggestion import Suggestion

SHOWN = 3
"""Findings of a group that stand in the table; the others are behind a click."""
MOST = 300
"""Findings of a group that are on the page at all."""
FEW = 40
"""Characters of numbers of frames that stand in the table; more are behind a click."""


@dataclass(frozen=True)
class Place:
    """One finding."""

    where: str
    message: str
    frames: str
    """Every frame it concerns, as ``1-5, 8``; empty for one."""

    @property
    def is_short(self) -> bool:
        """Whether the frames can stand in the table."""
        return len(self.frames) <= FEW


@dataclass(frozen=True)
class Found:
    """A group of findings."""

    severity: Severity
    rank: int
    """What severities are sorted by."""
    code: str
    places: tuple[Place, ...]
    others: tuple[Place, ...]
    """What is behind a click."""
    left_out: int
    fixes: tuple[str, ...]
    n_frames: str
    """Number of frames; empty where it is not about frames."""


def found_on_page(group: Group) -> Found:
    """Bring a group of findings into the form of the page."""
    places = [_place(finding) for finding in group.findings[:MOST]]
    return Found(
        group.severity,
        SEVERITIES.index(group.severity),
        group.code,
        tuple(places[:SHOWN]),
        tuple(places[SHOWN:]),
        max(0, len(group.findings) - MOST),
        tuple(dict.fromkeys(finding.fix.rstrip(".") for finding in group.findings[:SHOWN])),
        count(group.n_frames) if group.findings[0].frame else "",
    )


def _place(finding: Finding) -> Place:
    if len(finding.frames) < 2:
        return Place(finding.place, finding.message, "")
    where = f"{finding.path}, from frame {finding.frame}, line {finding.line}"
    return Place(where, finding.message, ranges(finding.frames))


def ranges(numbers: Iterable[int]) -> str:
    """Write ascending numbers with dashes where they follow each other, as ``1-5, 8``."""
    known = sorted(set(numbers))
    breaks = [0, *(k + 1 for k, (a, b) in enumerate(pairwise(known)) if b != a + 1), len(known)]
    runs = [known[a:b] for a, b in pairwise(breaks) if b > a]
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}\u2013{run[-1]}" for run in runs)


def sets_table(contents: Mapping[str, dict[str, Any]]) -> Table:
    """Tabulate what each file holds."""
    header = ("Set", "Frames", "Atoms", "Compositions", "Atoms per frame", "Energy", "Volume", "Energies", "Forces",
              "Virials")  # fmt: skip
    units = {"Energy": "eV/atom", "Volume": "Å³/atom", "Energies": "frames", "Forces": "frames", "Virials": "frames"}
    rows = [
        Row((
            Cell(name, Path(path).name), *(Cell(count(each[key])) for key in ("frames", "atoms", "compositions")),
            Cell(_sizes(each["sizes"])), Cell(_range(each["energy_per_atom"], 3)),
            Cell(_range(each["volume_per_atom"], 1)),
            *(Cell(count(each[f"with_{label}"])) for label in ("energy", "forces", "virial")),
        ))
        for (name, *_), (path, each) in zip(SETS, contents.items(), strict=False)
    ]  # fmt: skip
    return Table(tuple(Cell(name, units.get(name, "")) for name in header), tuple(rows), "b" + "r" * 9)


def _sizes(sizes: Mapping[str, int]) -> str:
    if not sizes:
        return NOTHING
    return ", ".join(sizes) if len(sizes) <= 4 else f"{min(map(int, sizes))} to {max(map(int, sizes))}"


def _range(found: Mapping[str, float] | None, decimals: int) -> str:
    if found is None:
        return NOTHING
    ends = [f"{found[end]:.{decimals}f}".replace("-", MINUS) for end in ("min", "max")]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def elements_table(contents: Mapping[str, dict[str, Any]]) -> Table:
    """Tabulate atoms and forces of each element in each file."""
    names = [name for (name, *_), _ in zip(SETS, contents, strict=False)]
    columns = [("Atoms", ""), ("Frames", ""), ("Force, RMS", "eV/Å"), ("Largest force", "eV/Å")]
    header = [Cell(text, ", ".join(filter(None, (name, unit)))) for name in names for text, unit in columns]
    symbols = list(dict.fromkeys(symbol for each in contents.values() for symbol in each["elements"]))
    rows = [
        Row((Cell(symbol), *(cell for each in contents.values() for cell in _element_cells(each["elements"], symbol))))
        for symbol in symbols
    ]
    return Table((Cell("Element"), *header), tuple(rows), "l" + "r" * len(header))


def _element_cells(elements: Mapping[str, dict[str, Any]], symbol: str) -> Sequence[Cell]:
    if symbol not in elements:
        return [Cell(NOTHING)] * 4
    found = elements[symbol]
    forces = [NOTHING if found[key] is None else f"{found[key]:.2f}" for key in ("force_rms", "force_max")]
    return [Cell(count(found["atoms"])), Cell(count(found["frames"])), *map(Cell, forces)]


def settings_table(suggestion: Suggestion) -> Table:
    """Tabulate the lines of a suggested nep.in and the reason for each."""
    lines = [line.split(maxsplit=1) for line in suggestion.text.splitlines() if line and not line.startswith("#")]
    rows = [Row((Cell(f"{keyword} {values}"), Cell(suggestion.reasons[keyword]))) for keyword, values in lines]
    return Table((Cell("Line"), Cell("Reason")), tuple(rows), "ll")
