"""The whole audit: read the files, run every check, and keep what pages and tables show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from neptuner.audit import duplicates, energies, forces, geometry, labels, settings, splits, virials
from neptuner.audit.findings import SEVERITIES, Finding, grouped
from neptuner.audit.neighbours import Neighbours, find_neighbours
from neptuner.audit.pair_model import predict_from_forces
from neptuner.audit.statistics import describe
from neptuner.audit.suggestion import Suggestion, suggest
from neptuner.errors import InputError
from neptuner.files.frames import Frame
from neptuner.files.survey import survey_frames
from neptuner.study.data.frame_distance import Fingerprint, fingerprints


@dataclass(frozen=True)
class Audit:
    """An audited data set."""

    sets: dict[str, list[Frame]]
    """Readable frames by the path of their file, the training set first; without those too dense to be looked at."""
    prints: list[Fingerprint]
    """Fingerprints of all of them, in this order."""
    findings: list[Finding]
    neighbours: Neighbours | None
    """Of the training frames; None where there are none."""
    suggestion: Suggestion | None
    """A nep.in to begin with; None where there are no frames."""

    @property
    def counts(self) -> dict[str, int]:
        """Number of groups of findings of each severity."""
        found = [group.severity for group in grouped(self.findings)]
        return {severity: found.count(severity) for severity in SEVERITIES}

    @property
    def has_errors(self) -> bool:
        """Whether the data cannot be trained on, or would be learnt wrongly."""
        return any(finding.severity == "error" for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Give plain values that go into JSON."""
        around = self.neighbours
        shells = [] if around is None else [[round(r, 2), around.within(r)] for r in around.minima]
        return {
            "counts": self.counts,
            "findings": [_plain(finding) for finding in self.findings],
            "sets": {path: describe(frames) for path, frames in self.sets.items()},
            "shells": shells,
            "suggestion": None if self.suggestion is None else self.suggestion.as_json(),
        }


def audit(train: Path, test: Path | None = None, nep_in: Path | None = None) -> Audit:
    """Audit a data set.

    Parameters
    ----------
    train, test
        Extended XYZ files.
    nep_in
        Settings to compare them with.

    Raises
    ------
    InputError
        If a file cannot be read as text at all, or is empty.
    """
    sets: dict[str, list[Frame]] = {}
    found: list[Finding] = []
    for path in (train, *([test] if test is not None else [])):
        frames, errors = survey_frames(path)
        sets[str(path)], dense = geometry.set_dense_aside(frames)
        found += [_unreadable(error) for error in errors] + dense
    everything = [frame for frames in sets.values() for frame in frames]
    if not everything:
        return Audit(sets, [], found, None, None)
    cutoff = geometry.CUTOFF
    if nep_in is not None:
        given, wrong = settings.read_settings(nep_in)
        found += wrong
        if given is not None:
            found += settings.check_settings(everything, given, nep_in)
            cutoff = max(given.cutoff[::2])
    prints = fingerprints(everything)
    found += _check_sets(list(sets.values()), everything, prints, cutoff)
    learnt = sets[str(train)] or everything
    around = find_neighbours(learnt)
    return Audit(sets, prints, found, around, suggest(learnt, around))


def _unreadable(error: InputError) -> Finding:
    path = None if error.path is None else str(error.path)
    fix = "mend the line; the rest of its frame has not been looked at"
    return Finding("error", "unreadable", error.message, fix, path, error.frame, error.line)


def _check_sets(
    sets: Sequence[list[Frame]], everything: list[Frame], prints: list[Fingerprint], cutoff: float
) -> list[Finding]:
    """Run every check but those of the settings."""
    model = predict_from_forces(everything)
    found: list[Finding] = []
    begin = 0
    for frames in filter(None, sets):
        mine = slice(begin, begin := begin + len(frames))
        found += labels.check_labels(frames) + forces.check_net_forces(frames) + forces.check_large_forces(frames)
        found += energies.check_low_energies(frames)
        found += virials.check_zero_virials(frames)
        if model is not None:
            found += forces.check_against_positions(frames, model.forces[mine])
            found += virials.check_virials(frames, model.virial[mine])
        found += geometry.check_distances(frames) + geometry.check_cells(frames, cutoff)
        found += duplicates.check_duplicates(frames, prints[mine])
    found += energies.check_energies(sets, model)
    found += splits.check_elements(sets[0], sets[1] if len(sets) > 1 else [])
    if len(sets) > 1 and all(sets):
        found += splits.check_leakage(sets[0], sets[1], prints)
        if model is not None:
            found += splits.check_difficulty(sets[0], sets[1], model.forces)
    return found


def _plain(finding: Finding) -> dict[str, Any]:
    """Fields of a finding, without those that are empty."""
    return {name: value for name, value in asdict(finding).items() if value not in (None, ())}
