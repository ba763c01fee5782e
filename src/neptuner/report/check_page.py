"""The page of an audit: what was found, what the data look like, and settings to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neptuner import __version__
from neptuner.audit.findings import grouped
from neptuner.audit.statistics import describe, formula
from neptuner.files.atomic import write_text
from neptuner.report.check_charts import SETS, check_charts, find_points, same_volumes
from neptuner.report.check_tables import elements_table, found_on_page, sets_table, settings_table
from neptuner.report.numbers import count, listing
from neptuner.report.template import Chart, html_document

if TYPE_CHECKING:
    from neptuner.audit.audit import Audit

Contents = Mapping[str, dict[str, Any]]
"""What ``audit.statistics.describe`` says of the frames of each file."""

SECTIONS = {
    "findings": "Findings", "data": "Frames", "compositions": "Compositions", "energies": "Energies and structures",
    "forces": "Forces", "neighbours": "Neighbours", "settings": "Suggested nep.in",
}  # fmt: skip
LABELS = {"with_energy": "energies", "with_forces": "forces", "with_virial": "virials"}


def write_check_page(audit: Audit, path: Path) -> None:
    """Write the page of an audit, self-contained; a page of that name is replaced."""
    write_text(path, check_page(audit))


def check_page(audit: Audit) -> str:
    """Return the page of an audit as one self-contained HTML document."""
    points = find_points(audit)
    charts = check_charts(audit, points) if points.frames else {}
    contents = {path: describe(frames) for path, frames in audit.sets.items()}
    suggestion = audit.suggestion
    return html_document(
        "check.html.j2",
        charts,
        files=list(audit.sets),
        names=[Path(path).name for path in audit.sets],
        version=__version__,
        kind=_kind(audit),
        lead=_lead(audit),
        details=_details(contents),
        tiles=_tiles(audit, contents),
        sections=_sections(audit, charts),
        found=[found_on_page(group) for group in grouped(audit.findings)],
        sets=sets_table(contents),
        elements=elements_table(contents),
        by_force=same_volumes(points.frames),
        by_type="energy-by-type" in charts or "descriptors-by-type" in charts,
        reasons=None if suggestion is None else settings_table(suggestion),
        suggestion="" if suggestion is None else suggestion.text,
    )


def _kind(audit: Audit) -> str:
    """Class of the box of the verdict."""
    if audit.has_errors:
        return "worse"
    return "" if audit.counts["warning"] else "better"


def _lead(audit: Audit) -> str:
    errors, warnings = (_kinds(audit.counts[severity], severity) for severity in ("error", "warning"))
    if audit.counts["error"]:
        more = f", and look at {warnings}" if audit.counts["warning"] else ""
        return f"Do not train on these data yet: mend {errors}{more}."
    if audit.counts["warning"]:
        return f"No errors; look at {warnings} before you train."
    return "Neither errors nor warnings: these data can be trained on."


def _kinds(number: int, severity: str) -> str:
    return f"one kind of {severity}" if number == 1 else f"{number} kinds of {severity}s"


def _details(contents: Contents) -> list[str]:
    """Say in sentences what was looked at."""
    elements = list(dict.fromkeys(symbol for each in contents.values() for symbol in each["elements"]))
    if not elements:
        return ["No frame could be read."]
    sizes = [
        f"{count(each['frames'])} {name} frames of {count(each['atoms'])} atoms"
        for (name, *_), each in zip(SETS, contents.values(), strict=False)
    ]
    labels = listing([_labelled(contents, key, noun) for key, noun in LABELS.items()])
    return [f"Looked at {listing(sizes)}: {listing(elements)}.", f"{labels[0].upper()}{labels[1:]}."]


def _labelled(contents: Contents, key: str, noun: str) -> str:
    frames, labelled = (sum(each[name] for each in contents.values()) for name in ("frames", key))
    if labelled in (0, frames):
        return f"{'all' if labelled else 'no'} frames have {noun}"
    return f"{count(labelled)} of {count(frames)} have {noun}"


def _tiles(audit: Audit, contents: Contents) -> list[tuple[str, str, str]]:
    """Return label, number and small print of each tile."""
    frames, atoms = (sum(each[key] for each in contents.values()) for key in ("frames", "atoms"))
    compositions = len({formula(frame) for each in audit.sets.values() for frame in each})
    of_sets = " + ".join(count(each["frames"]) for each in contents.values())
    tiles = [
        ("Errors", str(audit.counts["error"]), "kinds; spoil a training"),
        ("Warnings", str(audit.counts["warning"]), "kinds; probably mistakes"),
        ("Frames", count(frames), "training + test: " + of_sets if len(contents) > 1 else "training"),
        ("Atoms", count(atoms), f"in {count(compositions)} composition{'s' if compositions != 1 else ''}"),
    ]
    if audit.suggestion is not None:
        cutoffs = " and ".join(f"{cutoff:g}" for cutoff in audit.suggestion.nep_in.cutoff[:2])
        tiles.append(("Suggested cutoffs", f"{cutoffs} Å", f"{count(audit.suggestion.parameters)} parameters"))
    return tiles


def _sections(audit: Audit, charts: Mapping[str, Chart]) -> list[tuple[str, str]]:
    """Anchor and name of each section that the page has."""
    missing = {"compositions", "forces", "neighbours"} - charts.keys()
    missing |= set() if "descriptors-by-set" in charts or "energy-by-set" in charts else {"energies"}
    missing |= set() if audit.suggestion is not None else {"settings"}
    return [(anchor, name) for anchor, name in SECTIONS.items() if anchor not in missing]
