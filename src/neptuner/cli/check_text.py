"""What `neptuner check` prints."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from neptuner.audit.findings import SEVERITIES, Finding, Group, Severity, grouped
from neptuner.audit.statistics import describe

if TYPE_CHECKING:
    from neptuner.audit.audit import Audit

SHOWN = 3
"""Findings of a group, and frames of a finding, that are named."""
NUMBERED = 10
"""Frames of a file that the rest of a group names."""
WIDEST = 110
"""Columns of a terminal that sentences take."""

COLOURS: dict[Severity, str] = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}
LABEL = max(map(len, SEVERITIES)) + 2
"""Columns of the severity, and of what is indented below it."""
ARROW = "-> "
"""Begins what mends a finding."""


def print_audit(audit: Audit, *, offer: bool) -> None:
    """Print findings in groups, and what was looked at.

    Parameters
    ----------
    audit
        What was found.
    offer
        Whether to say how the suggested nep.in is written.
    """
    console = Console(highlight=False, soft_wrap=True)
    # What goes into a file or another program keeps each sentence on one line.
    width = min(console.width, WIDEST) if sys.stdout.isatty() else None
    longest = max(map(len, audit.sets))
    for path, frames in audit.sets.items():
        console.print(Text.assemble((f"{path:{longest}s}", "bold"), f"  {_contents(describe(frames))}"))
    for group in grouped(audit.findings):
        console.print()
        heading = (f"{group.severity:{LABEL}s}", COLOURS[group.severity]), (group.code, "bold"), _extent(group)
        console.print(Text.assemble(*heading))
        for line in _group_lines(group):
            console.print(Text(_indented(line, width)))
    console.print()
    console.print(_summary(audit))
    if audit.suggestion is not None and offer:
        console.print(Text(_wrapped(_suggestion(audit), width, further="  ")))


def _contents(contents: dict[str, object]) -> str:
    if not contents["frames"]:
        return "no frame can be read"
    elements = contents["elements"]
    assert isinstance(elements, dict)
    return f"{contents['frames']:,} frames, {contents['atoms']:,} atoms: {' '.join(elements)}"


def _extent(group: Group) -> str:
    """Say of how many frames, if of several."""
    return f"  {group.n_frames:,} frames" if group.n_frames > 1 and group.findings[0].frame else ""


def _group_lines(group: Group) -> Iterator[str]:
    for finding in group.findings[:SHOWN]:
        yield f"{_place(finding)}: {finding.message}"
    if hidden := group.findings[SHOWN:]:
        yield f"and {len(hidden)} more{_more_places(hidden)}"
    for fix in dict.fromkeys(finding.fix for finding in group.findings[:SHOWN]):
        yield f"{ARROW}{fix.rstrip('.')}"


def _more_places(findings: Sequence[Finding]) -> str:
    """Name some frames, file by file."""
    numbers: dict[str, list[int]] = {}
    for finding in findings:
        if finding.path and finding.frame:
            numbers.setdefault(finding.path, []).append(finding.frame)
    named = (f"{path}, {_numbered(found, NUMBERED)}" for path, found in numbers.items())
    return f": {'; '.join(named)}" if numbers else ""


def _numbered(numbers: Sequence[int], most: int) -> str:
    listed = ", ".join(map(str, numbers[:most]))
    return f"frame{'s' * (len(numbers) > 1)} {listed}{', ...' * (len(numbers) > most)}"


def _place(finding: Finding) -> str:
    """File, frame and line; the first frames where there are several."""
    if len(finding.frames) < 2:
        return finding.place or "the data"
    return f"{finding.path}, {_numbered(finding.frames, SHOWN)} (line {finding.line} on)"


def _indented(line: str, width: int | None) -> str:
    hang = LABEL + len(ARROW) if line.startswith(ARROW) else LABEL
    return _wrapped(line, width, " " * LABEL, " " * hang)


def _wrapped(line: str, width: int | None, first: str = "", further: str = "") -> str:
    """Break a line at the width, if there is one; never within a word, such as the name of a file."""
    if width is None:
        return first + line
    broken = wrap(
        line, max(width, 40), initial_indent=first, subsequent_indent=further,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return "\n".join(broken)


def _summary(audit: Audit) -> Text:
    """Number of groups of each severity, as `1 error, 2 warnings`."""
    counted = [(severity, audit.counts[severity]) for severity in SEVERITIES if audit.counts[severity]]
    if not counted:
        return Text("nothing found to mend", style="bold green")
    words = Text()
    for severity, number in counted:
        words.append(", " if words else "").append(f"{number} {severity}{'s' * (number > 1)}", COLOURS[severity])
    return words


def _suggestion(audit: Audit) -> str:
    chosen = audit.suggestion
    assert chosen is not None
    nep_in = chosen.nep_in
    sizes = {"cutoff": nep_in.cutoff, "n_max": nep_in.n_max, "basis_size": nep_in.basis_size, "neuron": nep_in.neuron}
    words = ", ".join(f"{keyword} {' '.join(f'{value:g}' for value in values)}" for keyword, values in sizes.items())
    return f"to begin with: {words} ({chosen.parameters:,} parameters); --suggest nep.in writes it with reasons"
