"""An audit finds every planted fault, where it is, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from generated_set import generate, write
from planted_faults import AFTER, FAULTS, LAST, Fault

from neptuner.audit.audit import Audit, audit
from neptuner.audit.findings import Finding


def blocks(path: Path) -> list[list[str]]:
    """Lines of a file, frame by frame."""
    lines, found = path.read_text().splitlines(keepends=True), []
    while lines:
        end = int(lines[0]) + 2
        found.append(lines[:end])
        del lines[:end]
    return found


def plant(fault: Fault, folder: Path) -> tuple[tuple[Path, Path, Path], int | None]:
    """Write the set with the fault; the files, and the line of the finding."""
    data = generate()
    if fault.change is not None:
        fault.change(data)
    paths = write(data, folder)
    if fault.file == "nep.in" or fault.frame is None:
        return paths, None if fault.line is None else fault.line + 1
    path = folder / f"{fault.file}.xyz"
    frames = blocks(path)
    if fault.edit is not None:
        for number in [fault.edited] if fault.edited else fault.frames or [fault.frame]:
            fault.edit(frames[number - 1])
    path.write_text("".join("".join(lines) for lines in frames))
    if fault.line is None:
        return paths, None
    start = 1 + sum(map(len, frames[: fault.frame - 1]))
    length = len(frames[fault.frame - 1])
    return paths, start + {LAST: length - 1, AFTER: length}.get(fault.line, fault.line)


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.kind for fault in FAULTS])
def test_a_planted_fault_is_found_where_it_is(fault: Fault, tmp_path: Path) -> None:
    paths, line = plant(fault, tmp_path)
    found = audit(*paths).findings
    mine = [finding for finding in found if is_it(finding, fault, line)]
    assert len(mine) == 1, found
    others = [finding for finding in found if finding is not mine[0] and finding.severity != "note"]
    assert {finding.code for finding in others} <= {fault.code, *fault.also}, others
    assert {finding.severity for finding in others} <= {fault.severity, "warning", *(["error"] * bool(fault.also))}


def is_it(finding: Finding, fault: Fault, line: int | None) -> bool:
    """Whether a finding is the one expected."""
    name = fault.file if fault.file == "nep.in" else f"{fault.file}.xyz"
    return (
        (finding.code, finding.severity, finding.frame) == (fault.code, fault.severity, fault.frame)
        and finding.path is not None
        and Path(finding.path).name == name
        and (fault.line is None or finding.line == line)
        and (not fault.frames or list(finding.frames) == list(fault.frames))
        and fault.words in finding.message
    )


def test_there_are_many_kinds() -> None:
    assert len({fault.kind for fault in FAULTS}) == len(FAULTS) >= 25


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_nothing_is_found_in_a_clean_set(seed: int, tmp_path: Path) -> None:
    assert nothing_but_relatives(audit(*write(generate(seed), tmp_path)))


def nothing_but_relatives(result: Audit) -> bool:
    """Test frames do have the compositions of training frames, which is a note."""
    return not result.has_errors and {finding.code for finding in result.findings} <= {"relatives"}
