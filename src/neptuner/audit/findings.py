"""What an audit finds: one finding for each thing that is wrong, and groups of like ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from neptuner.files.frames import Frame

Severity = Literal["error", "warning", "note"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""From grave to slight: trains wrongly or not at all; probably a mistake; worth knowing."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong; plain values that go into JSON."""

    severity: Severity
    code: str
    """Name of the kind of finding, such as ``net-force``; docs/check.md lists them."""
    message: str
    """What was found and what was expected, in one sentence without the place."""
    fix: str
    """How to mend it, in one sentence."""
    path: str | None = None
    frame: int | None = None
    """Counted from 1; the first one if it concerns several."""
    line: int | None = None
    """Counted from 1."""
    frames: tuple[int, ...] = ()
    """Every frame it concerns, where these are several."""

    @property
    def place(self) -> str:
        """File, frame and line as far as they are known."""
        words = [self.path, f"frame {self.frame}" if self.frame else None, f"line {self.line}" if self.line else None]
        return ", ".join(word for word in words if word)


@dataclass(frozen=True)
class Group:
    """Findings of one severity and one code."""

    severity: Severity
    code: str
    findings: tuple[Finding, ...]

    @property
    def fix(self) -> str:
        """How to mend them: what the first one says."""
        return self.findings[0].fix

    @property
    def n_frames(self) -> int:
        """Number of frames concerned."""
        return sum(max(1, len(finding.frames)) for finding in self.findings)


def grouped(findings: Sequence[Finding]) -> list[Group]:
    """Put findings of the same severity and code together: errors first, then in the order in which they came."""
    found: dict[tuple[Severity, str], list[Finding]] = {}
    for finding in findings:
        found.setdefault((finding.severity, finding.code), []).append(finding)
    groups = [Group(severity, code, tuple(members)) for (severity, code), members in found.items()]
    return sorted(groups, key=lambda group: SEVERITIES.index(group.severity))


def at_comment(
    frame: Frame, severity: Severity, code: str, message: str, fix: str, frames: Sequence[Frame] = ()
) -> Finding:
    """Make a finding at the comment line of a frame, which holds its cell and labels.

    Parameters
    ----------
    frame
        Where it is.
    severity, code, message, fix
        See :class:`Finding`.
    frames
        All frames it concerns, where these are several.
    """
    line = None if frame.line is None else frame.line + 1
    return Finding(severity, code, message, fix, frame.path, frame.number, line, numbers(frames))


def at_atom(frame: Frame, atom: int, severity: Severity, code: str, message: str, fix: str) -> Finding:
    """Make a finding at the line of an atom, counted from 0."""
    line = None if frame.line is None else frame.line + 2 + atom
    return Finding(severity, code, message, fix, frame.path, frame.number, line)


def numbers(frames: Sequence[Frame]) -> tuple[int, ...]:
    """Numbers of frames in their file, from 1."""
    return tuple(frame.number for frame in frames if frame.number is not None)


def of_all(frames: Sequence[Frame], everything: Sequence[Frame]) -> str:
    """Say how many frames of all, and whether they are exactly those of some numbers of atoms."""
    if len(frames) == len(everything):
        return f"all {len(frames)} frames" if len(frames) > 1 else "the only frame"
    sizes = {frame.n_atoms for frame in frames}
    like = sum(frame.n_atoms in sizes for frame in everything)
    which = ""
    if like == len(frames) and len(sizes) <= 3:
        which = f" (all of {' or '.join(map(str, sorted(sizes)))} atoms, and no others)"
    return f"{len(frames)} of {len(everything)} frames{which}"
