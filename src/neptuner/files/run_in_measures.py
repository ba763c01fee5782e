"""The lines of ``run.in`` that ask for something to be measured; errors are InputErrors with the line."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Literal

from neptuner.files.run_in_line import Line
from neptuner.files.script import (
    ComputeHac,
    ComputeHnemd,
    ComputeMsd,
    ComputeRdf,
    ComputeShc,
    DumpRestart,
    DumpThermo,
    DumpXyz,
    Group,
)
from neptuner.files.trajectory import QUANTITIES


def dump_thermo(line: Line) -> DumpThermo:
    """``dump_thermo INTERVAL``."""
    return DumpThermo(line.integer(0, "interval", 1), line.number)


def dump_restart(line: Line) -> DumpRestart:
    """``dump_restart INTERVAL``."""
    return DumpRestart(line.integer(0, "interval", 1), line.number)


def dump_xyz(line: Line) -> DumpXyz:
    """``dump_xyz INTERVAL FILE [group METHOD LABEL] [precision single|double] {QUANTITY}``, or its older form."""
    # The test is GPUMD's own: the older form has the grouping method, the label and the interval first.
    if line.are_integers(1, 2):
        return _older_dump_xyz(line)
    if len(line.words) < 2:
        raise line.error("expected `dump_xyz INTERVAL FILE [group METHOD LABEL] [precision single|double] {QUANTITY}`")
    places = _options(line)
    return DumpXyz(
        line.integer(0, "interval", 1),
        line.words[1],
        _option_group(line, places["group"]) if "group" in places else None,
        _precision(line, places["precision"]) if "precision" in places else "single",
        _in_order(_quantity(line, option) for option in places if option not in ("group", "precision")),
        line.number,
    )


def _options(line: Line) -> dict[str, int]:
    """Where each word after the file stands that is not a value of `group` or `precision`."""
    places: dict[str, int] = {}
    index = 2
    while index < len(line.words):
        option = line.words[index]
        if option in places:
            raise line.error(f"`{option}` is given twice")
        places[option] = index
        index += {"group": 3, "precision": 2}.get(option, 1)
    return places


def _option_group(line: Line, index: int) -> Group:
    if not line.are_integers(index + 1, index + 2):
        hint = "`group METHOD LABEL`; labels as columns are now called `group_labels`"
        raise line.error(f"`group` is not followed by two whole numbers, expected {hint}")
    return line.group(index)


def _precision(line: Line, index: int) -> Literal["single", "double"]:
    value = line.words[index + 1] if index + 1 < len(line.words) else "nothing"
    if value not in ("single", "double"):
        raise line.error(f"`precision` is followed by {value}, expected single or double")
    return "double" if value == "double" else "single"


def _older_dump_xyz(line: Line) -> DumpXyz:
    if len(line.words) < 4:
        raise line.error("has no file; write `dump_xyz INTERVAL FILE`")
    method = line.integer(0, "grouping method")
    group = None if method < 0 else Group(method, line.integer(1, "group label", 0))
    words = ["group_labels" if word == "group" else word for word in line.words[4:]]
    return DumpXyz(
        line.integer(2, "interval", 1),
        line.words[3],
        group,
        quantities=_in_order(_quantity(line, word) for word in words),
        line=line.number,
    )


def dump_exyz(line: Line) -> DumpXyz:
    """``dump_exyz INTERVAL [VELOCITY [FORCE [POTENTIAL [SEPARATED]]]]`` of GPUMD 3, each a flag."""
    flags = [line.integer(index, "flag") for index in range(1, len(line.words))]
    if any(flags[3:]):
        raise line.error("a file for each frame is now written by `dump_xyz INTERVAL dump.*`")
    chosen = [name for name, flag in zip(("velocity", "force", "potential"), flags, strict=False) if flag]
    return DumpXyz(line.integer(0, "interval", 1), "dump.xyz", quantities=_in_order(chosen), line=line.number)


def _quantity(line: Line, word: str) -> str:
    if word in ("charge", "bec"):
        raise line.error(f"`{word}` belongs to models with charges, which neptuner md does not have; remove the word")
    if word not in QUANTITIES:
        near = get_close_matches(word, QUANTITIES, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"expected some of {' '.join(QUANTITIES)}"
        raise line.error(f"`{word}` is not a quantity of dump_xyz; {hint}")
    return word


def _in_order(chosen: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(chosen, key=QUANTITIES.index))


def compute_hnemd(line: Line) -> ComputeHnemd:
    """``compute_hnemd INTERVAL X Y Z``."""
    x, y, z = line.reals(1, 3, "driving force")
    return ComputeHnemd(line.integer(0, "interval", 1), (x, y, z), line.number)


def compute_hac(line: Line) -> ComputeHac:
    """``compute_hac SAMPLE STEPS OUTPUT``."""
    correlation_steps = line.integer(1, "number of correlation steps", 1)
    return ComputeHac(
        line.integer(0, "sampling interval", 1),
        correlation_steps,
        line.integer(2, "output interval", 1, correlation_steps),
        line.number,
    )


def compute_shc(line: Line) -> ComputeShc:
    """``compute_shc SAMPLE STEPS DIRECTION N_OMEGA MAX_OMEGA [group METHOD LABEL]``."""
    return ComputeShc(
        line.integer(0, "sampling interval", 1, 50),
        line.integer(1, "number of correlation steps", 100, 1000),
        line.integer(2, "direction", 0, 2),
        line.integer(3, "number of frequencies", 0),
        line.real(4, "largest frequency", above=0),
        line.group(5, lowest_label=-1) if len(line.words) == 8 else None,
        line.number,
    )


def compute_msd(line: Line) -> ComputeMsd:
    """``compute_msd SAMPLE STEPS [group METHOD LABEL]``."""
    for word in ("all_groups", "save_every"):
        if word in line.words:
            raise line.error(f"`{word}` is something that neptuner md cannot do yet; remove it or run it with gpumd")
    line.check_count((2, 5), "compute_msd SAMPLE STEPS [group METHOD LABEL]")
    return ComputeMsd(
        line.integer(0, "sampling interval", 1),
        line.integer(1, "number of correlation steps", 1),
        line.group(2) if len(line.words) > 2 else None,
        line.number,
    )


def compute_rdf(line: Line) -> ComputeRdf:
    """``compute_rdf CUTOFF BINS INTERVAL``."""
    if "atom" in line.words:
        raise line.error("pairs are no longer chosen with `atom`, all are written; remove these words")
    line.check_count((3,), "compute_rdf CUTOFF BINS INTERVAL")
    return ComputeRdf(
        line.real(0, "cutoff", above=0),
        line.integer(1, "number of bins", 21, 500),
        line.integer(2, "interval", 1),
        line.number,
    )
